//! The name of a session: sortable by time, unique, and short enough to type.
//!
//! It is used as a file name, so parsing accepts exactly what [`SessionId`] writes and nothing
//! else. Not its job: the clock and the randomness, which are arguments.

use std::{array, fmt, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize, Serializer};

/// Crockford's base 32 in lower case: no `i`, `l`, `o` or `u`, and in ASCII order, so that ids
/// sort as text as they do as numbers.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const BITS_A_DIGIT: usize = 5;

/// The name of a session: 48 bits of milliseconds since 1970, then 32 random bits, written as 16
/// characters (`01jd8xkq3m5f7zra`).
///
/// Ids order by the time of their making. Two of the same millisecond collide with a chance of
/// one in 2³²; [`SessionWriter::create`](crate::SessionWriter::create) then fails rather than
/// write into the other's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct SessionId(u128);

/// A text that is no [`SessionId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a session id: one is {len} characters of 0-9 and a-z without i, l, o and u", len = SessionId::LENGTH)]
pub struct InvalidSessionId;

impl SessionId {
    /// How many characters an id has.
    pub const LENGTH: usize = 16;

    /// An id for a session that starts `now`. A time before 1970 counts as 1970.
    #[must_use]
    pub fn new(now: Timestamp, random: u32) -> Self {
        // Timestamp ends with the year 9999, well within 48 bits of milliseconds.
        let millis = u128::try_from(now.as_millisecond()).unwrap_or(0);
        Self((millis << u32::BITS) | u128::from(random))
    }

    /// When the session was begun.
    #[must_use]
    pub fn began(self) -> Timestamp {
        let millis = i64::try_from(self.0 >> u32::BITS).unwrap_or(i64::MAX);
        Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX)
    }

    /// Whether `text` could begin an id: one to sixteen digits of its alphabet.
    pub(crate) fn is_prefix(text: &str) -> bool {
        (1..=Self::LENGTH).contains(&text.len()) && text.bytes().all(|c| value(c).is_some())
    }

    pub(crate) fn ascii(self) -> [u8; Self::LENGTH] {
        array::from_fn(|place| {
            let shift = BITS_A_DIGIT * (Self::LENGTH - 1 - place);
            usize::try_from((self.0 >> shift) & 0x1f)
                .ok()
                .and_then(|digit| ALPHABET.get(digit))
                .copied()
                .unwrap_or(b'0')
        })
    }
}

fn value(digit: u8) -> Option<u128> {
    ALPHABET
        .iter()
        .zip(0..)
        .find(|(symbol, _)| **symbol == digit)
        .map(|(_, value)| value)
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(str::from_utf8(&self.ascii()).map_err(|_| fmt::Error)?)
    }
}

impl FromStr for SessionId {
    type Err = InvalidSessionId;

    fn from_str(text: &str) -> Result<Self, InvalidSessionId> {
        if text.len() != Self::LENGTH {
            return Err(InvalidSessionId);
        }
        text.bytes()
            .try_fold(0, |id, digit| Some((id << BITS_A_DIGIT) | value(digit)?))
            .map(Self)
            .ok_or(InvalidSessionId)
    }
}

impl TryFrom<String> for SessionId {
    type Error = InvalidSessionId;

    fn try_from(text: String) -> Result<Self, InvalidSessionId> {
        text.parse()
    }
}

impl Serialize for SessionId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rejects_what_could_leave_the_directory_or_name_another_file() {
        for text in [
            "",
            "../x",
            "../../etc/passwd",
            "/etc/passwd00000",
            "0123456789abcde",
            "0123456789abcdefg",
            "0123456789ABCDEF",
            "0123456789abcdei",
            "0123456789abcdel",
            "0123456789abcdeo",
            "0123456789abcdeu",
            "0123456789abcd/e",
            "0123456789abc.eg",
            "0123456789abcde\0",
            "0123456789abcde\n",
            " 123456789abcdef",
            "0123456789abcdé",
            "-123456789abcdef",
        ] {
            assert_eq!(text.parse::<SessionId>(), Err(InvalidSessionId), "{text:?}");
        }
        assert!(serde_json::from_str::<SessionId>(r#""../../etc/passwd""#).is_err());
    }

    #[test]
    fn is_written_as_its_documentation_says() {
        let id = SessionId(0x0123_4567_89ab_cdef_0123);
        assert_eq!(id.to_string(), "04hmasw9nf6yy093");
        assert_eq!(format!("{id:<18}|"), "04hmasw9nf6yy093  |");
        assert_eq!(
            SessionId::new(Timestamp::MIN, 31).to_string(),
            "000000000000000z"
        );
        assert_eq!(
            SessionId::new(Timestamp::MAX, u32::MAX).to_string().len(),
            16
        );
    }

    #[test]
    fn a_prefix_is_of_the_alphabet_and_no_longer_than_an_id() {
        assert!(SessionId::is_prefix("0"));
        assert!(SessionId::is_prefix("0123456789abcdef"));
        for text in ["", "0123456789abcdefg", "..", "0*", "A"] {
            assert!(!SessionId::is_prefix(text), "{text:?}");
        }
    }

    fn any_id() -> impl Strategy<Value = SessionId> {
        (0..i64::MAX, any::<u32>()).prop_map(|(nanos, random)| {
            SessionId::new(Timestamp::from_nanosecond(nanos.into()).unwrap(), random)
        })
    }

    proptest! {
        #[test]
        fn text_and_json_give_back_the_same_id(id in any_id()) {
            prop_assert_eq!(id.to_string().parse(), Ok(id));
            let json = serde_json::to_string(&id).unwrap();
            prop_assert_eq!(serde_json::from_str::<SessionId>(&json).unwrap(), id);
        }

        #[test]
        fn text_sorts_as_time(one in any_id(), other in any_id()) {
            prop_assert_eq!(one.cmp(&other), one.to_string().cmp(&other.to_string()));
        }

        #[test]
        fn what_parses_is_written_the_same(text in "[0-9a-z]{16}") {
            if let Ok(id) = text.parse::<SessionId>() {
                prop_assert_eq!(id.to_string(), text);
            }
        }
    }
}
