//! Who is signed in.
//!
//! A token is 32 random bytes; only its SHA-256 is kept, so neither a core dump nor a debugger's
//! glance at the table gives one away. Nothing of this is kept over a restart: people sign in again.

use std::{
    collections::HashMap,
    fmt::Write as _,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jiff::Timestamp;
use ring::{
    digest::{SHA256, SHA256_OUTPUT_LEN, digest},
    rand::{SecureRandom as _, SystemRandom},
};
use secrecy::SecretString;

use crate::Person;

/// Most people that are signed in at once, by all their tokens.
const MOST: usize = 10_000;
/// Most sign-ins of one person: whoever signs in again and again leaves room for others.
const MOST_OF_ONE: usize = 20;
/// How many random bytes a token has.
const TOKEN: usize = 32;

/// The people who are signed in.
#[derive(Debug, Default)]
pub struct People(Mutex<HashMap<TokenHash, Arc<Person>>>);

type TokenHash = [u8; SHA256_OUTPUT_LEN];

/// What somebody who signed in gets.
#[derive(Clone, Debug)]
pub struct Signed {
    /// What shows who they are from here on.
    pub token: SecretString,
    /// Who they are.
    pub person: Arc<Person>,
}

/// Why nobody can be signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignInError {
    /// The provider's word has ended already.
    #[error("the provider's word for this person has expired")]
    Expired,
    /// As many are signed in as can be.
    #[error("{MOST} sign-ins are open; wait until some have expired, or sign out")]
    TooMany,
    /// The system has no randomness to give.
    #[error("the system gives no random bytes")]
    Random,
}

impl People {
    /// Signs a person in, until the provider's word ends. Where they are signed in too often
    /// already, what would end first of it ends.
    ///
    /// # Errors
    /// When it has ended, too many are signed in, or no token can be made.
    pub fn sign_in(&self, person: Person, now: Timestamp) -> Result<Signed, SignInError> {
        if person.expires <= now {
            return Err(SignInError::Expired);
        }
        let mut bytes = [0; TOKEN];
        SystemRandom::new()
            .fill(&mut bytes)
            .map_err(|_| SignInError::Random)?;
        let mut token = String::with_capacity(2 * TOKEN);
        for byte in bytes {
            // Writing to a string can't fail.
            write!(token, "{byte:02x}").ok();
        }
        let person = Arc::new(person);
        let mut held = self.held();
        held.retain(|_, person| person.expires > now);
        let theirs = held.iter().filter(|(_, one)| one.id == person.id);
        let theirs: Vec<_> = theirs.map(|(hash, one)| (one.expires, *hash)).collect();
        if theirs.len() >= MOST_OF_ONE
            && let Some((_, first)) = theirs.iter().min()
        {
            held.remove(first);
        } else if held.len() >= MOST {
            return Err(SignInError::TooMany);
        }
        held.insert(hash(&token), Arc::clone(&person));
        Ok(Signed {
            token: token.into(),
            person,
        })
    }

    /// Whose token this is, while the provider's word holds.
    #[must_use]
    pub fn find(&self, token: &str, now: Timestamp) -> Option<Arc<Person>> {
        let person = self.held().get(&hash(token)).cloned()?;
        (person.expires > now).then_some(person)
    }

    /// Whether a sign-in that was found still holds.
    #[must_use]
    pub fn holds(&self, person: &Arc<Person>, now: Timestamp) -> bool {
        let held = self.held();
        person.expires > now && held.values().any(|one| Arc::ptr_eq(one, person))
    }

    /// Forgets a token. True if it was known.
    pub fn sign_out(&self, token: &str) -> bool {
        self.held().remove(&hash(token)).is_some()
    }

    fn held(&self) -> MutexGuard<'_, HashMap<TokenHash, Arc<Person>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn hash(token: &str) -> TokenHash {
    let digest = digest(&SHA256, token.as_bytes());
    let mut hash = [0; SHA256_OUTPUT_LEN];
    hash.iter_mut()
        .zip(digest.as_ref())
        .for_each(|(to, from)| *to = *from);
    hash
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::ToSpan as _;
    use secrecy::ExposeSecret as _;

    fn alice(expires: Timestamp) -> Person {
        Person {
            id: "oidc:https://id.example#42".into(),
            name: Some("alice@example.com".into()),
            aliases: vec!["alice@example.com".into()],
            groups: vec!["dba-oncall".into()],
            expires,
        }
    }

    #[test]
    fn a_token_means_its_person_until_the_word_ends_or_they_sign_out() {
        let (people, now) = (People::default(), Timestamp::UNIX_EPOCH);
        let later = now + 1.hour();
        let signed = people.sign_in(alice(later), now).unwrap();
        let token = signed.token.expose_secret();
        assert_eq!(people.find(token, now).unwrap().id, signed.person.id);
        assert!(people.find("", now).is_none());
        assert!(people.find(token, later).is_none(), "it ends with the word");
        assert!(people.holds(&signed.person, now) && !people.holds(&signed.person, later));
        assert!(!people.holds(&Arc::new(alice(later)), now), "nobody's");
        assert!(people.sign_out(token) && !people.sign_out(token));
        assert!(!people.holds(&signed.person, now));
        assert!(people.find(token, now).is_none());
        assert!(!format!("{signed:?} {people:?}").contains(token));
    }

    #[test]
    fn nobody_is_signed_in_on_a_word_that_has_ended() {
        let (people, now) = (People::default(), Timestamp::UNIX_EPOCH);
        let refused = people.sign_in(alice(now), now).unwrap_err();
        assert_eq!(refused, SignInError::Expired);
    }

    #[test]
    fn sign_ins_that_ended_make_room() {
        let (people, now) = (People::default(), Timestamp::UNIX_EPOCH);
        let one = |n: usize, expires| Person {
            id: n.to_string(),
            ..alice(expires)
        };
        for n in 0..MOST {
            people.sign_in(one(n, now + 1.minute()), now).unwrap();
        }
        let full = people.sign_in(alice(now + 1.hour()), now).unwrap_err();
        assert_eq!(full, SignInError::TooMany);
        let later = now + 2.minutes();
        assert!(people.sign_in(alice(now + 1.hour()), later).is_ok());
    }

    #[test]
    fn one_person_s_sign_ins_push_out_their_own_and_nobody_else_s() {
        let (people, now) = (People::default(), Timestamp::UNIX_EPOCH);
        let mut bob = alice(now + 1.second());
        bob.id = "oidc:https://id.example#43".into();
        let bob = people.sign_in(bob, now).unwrap().token;
        let minutes = |n| alice(now + i64::try_from(n).unwrap().minutes());
        let signed: Vec<_> = (1..=MOST_OF_ONE + 1)
            .map(|n| people.sign_in(minutes(n), now).unwrap().token)
            .collect();
        let holds = |token: &SecretString| people.find(token.expose_secret(), now).is_some();
        assert!(holds(&bob));
        let held: Vec<bool> = signed.iter().map(holds).collect();
        assert!(!held[0] && held[1..].iter().all(|held| *held));
    }

    #[test]
    fn a_person_is_meant_by_id_alias_or_group_and_never_by_their_display_name() {
        let mut alice = alice(Timestamp::UNIX_EPOCH);
        alice.name = Some("bob".into());
        assert!(alice.is("alice@example.com") && alice.is(&alice.id));
        assert!(!alice.is("bob") && !alice.is_among(["bob"]));
        assert!(alice.is_among(["nobody", "dba-oncall"]));
        assert!(!alice.is("dba-oncall"));
    }
}
