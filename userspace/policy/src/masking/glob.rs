//! Names in which `*` stands for any run of characters.
//!
//! Known limit: nothing escapes `*`. A name that holds one is matched by the star itself.

/// Longest pattern, in bytes; PostgreSQL's own names are shorter than 64.
const MAX_LEN: usize = 256;

/// A checked pattern. Letters compare without regard to ASCII case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Glob(String);

/// Why a pattern is none.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadGlob {
    /// It could match nothing.
    #[error("an empty pattern matches nothing")]
    Empty,
    /// See [`MAX_LEN`].
    #[error("a pattern is at most {MAX_LEN} bytes long")]
    TooLong,
    /// A character that means something in other pattern languages, but nothing here.
    #[error("`{0}` has no meaning in a pattern: only `*` has")]
    Meaningless(char),
    /// A character that no name holds.
    #[error("a pattern holds no control characters")]
    Control,
}

impl Glob {
    /// Checks a pattern.
    pub(super) fn new(pattern: &str) -> Result<Self, BadGlob> {
        if pattern.is_empty() {
            return Err(BadGlob::Empty);
        }
        if pattern.len() > MAX_LEN {
            return Err(BadGlob::TooLong);
        }
        for c in pattern.chars() {
            if c.is_control() {
                return Err(BadGlob::Control);
            }
            if matches!(c, '?' | '[' | ']' | '{' | '}' | '\\' | '%') {
                return Err(BadGlob::Meaningless(c));
            }
        }
        Ok(Self(pattern.to_owned()))
    }

    /// The pattern that matches every name.
    pub(super) fn any() -> Self {
        Self("*".to_owned())
    }

    /// Whether the whole name matches.
    ///
    /// Greedy with one point to go back to: linear for the patterns that people write, never
    /// worse than the product of both lengths.
    pub(super) fn matches(&self, name: &str) -> bool {
        let (pattern, name) = (self.0.as_bytes(), name.as_bytes());
        let (mut p, mut n) = (0, 0);
        let mut retry: Option<(usize, usize)> = None;
        while let Some(have) = name.get(n) {
            match pattern.get(p) {
                Some(b'*') => {
                    retry = Some((p + 1, n));
                    p += 1;
                }
                Some(want) if want.eq_ignore_ascii_case(have) => {
                    p += 1;
                    n += 1;
                }
                _ => {
                    let Some((after_star, from)) = retry else {
                        return false;
                    };
                    retry = Some((after_star, from + 1));
                    p = after_star;
                    n = from + 1;
                }
            }
        }
        pattern
            .get(p..)
            .is_some_and(|rest| rest.iter().all(|b| *b == b'*'))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(pattern: &str, name: &str) -> bool {
        Glob::new(pattern).unwrap().matches(name)
    }

    #[test]
    fn a_star_is_any_run_and_nothing_else_is_special() {
        assert!(matches("*", ""));
        assert!(matches("*email*", "email"));
        assert!(matches("*email*", "Work_EMAIL_2"));
        assert!(!matches("*_pan", "japan"));
        assert!(matches("*_pan", "card_pan"));
        assert!(!matches("pan", "pan_"));
        assert!(!matches("pan", "xpan"));
        assert!(matches("a*b*c", "a-b-b-c"));
        assert!(!matches("a*b*c", "a-b-b-"));
        assert!(!matches("a.c", "abc"));
        assert!(!matches("email", "e\u{441}mail"));
        assert!(matches("*é", "caFé"));
    }

    #[test]
    fn what_other_languages_mean_is_refused_rather_than_taken_literally() {
        assert_eq!(Glob::new(""), Err(BadGlob::Empty));
        assert_eq!(Glob::new("card_?"), Err(BadGlob::Meaningless('?')));
        assert_eq!(Glob::new("%email%"), Err(BadGlob::Meaningless('%')));
        assert_eq!(Glob::new("a\nb"), Err(BadGlob::Control));
        assert_eq!(Glob::new(&"a".repeat(257)), Err(BadGlob::TooLong));
    }

    #[test]
    fn a_hostile_name_costs_no_more_than_the_product_of_lengths() {
        let pattern = Glob::new(&"*a".repeat(100)).unwrap();
        assert!(!pattern.matches(&("a".repeat(20_000) + "b")));
    }

    proptest! {
        #[test]
        fn agrees_with_a_naive_matcher(pattern in "[ab*]{1,8}", name in "[abAB]{0,10}") {
            fn naive(pattern: &[u8], name: &[u8]) -> bool {
                match pattern.split_first() {
                    None => name.is_empty(),
                    Some((b'*', rest)) => (0..=name.len()).any(|skip| naive(rest, &name[skip..])),
                    Some((c, rest)) => name.split_first().is_some_and(|(d, name)| {
                        c.eq_ignore_ascii_case(d) && naive(rest, name)
                    }),
                }
            }
            prop_assert_eq!(matches(&pattern, &name), naive(pattern.as_bytes(), name.as_bytes()));
        }
    }
}
