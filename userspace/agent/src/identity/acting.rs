//! For whom subjects act: as it is declared, and as the tokens of workloads have said.
//!
//! Nobody grants anything to what acts for them, so a person whom a token has named once is
//! remembered beyond that token. Known limit: not over a restart, until the token is verified anew.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use weir_policy::Subject;

use crate::config::{Config, Identity, IdentityKind};

/// Most that tokens have said and is remembered; the oldest is forgotten first.
const MOST: usize = 10_000;

/// For whom subjects act.
#[derive(Debug, Default)]
pub struct Acting {
    declared: Vec<(Subjects, String)>,
    /// Subjects and persons, as tokens named them.
    said: Mutex<VecDeque<(String, String)>>,
}

/// The subjects that an identity may turn out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Subjects {
    /// This one.
    One(String),
    /// Any whose id begins so.
    Any(String),
}

impl Acting {
    pub(crate) fn declared(config: &Config) -> Self {
        let declared = config.identities.iter().filter_map(|identity| {
            let person = identity.on_behalf_of.clone()?;
            Some((Subjects::of(identity), person))
        });
        Self {
            declared: declared.collect(),
            said: Mutex::default(),
        }
    }

    /// A verified token is of this subject.
    pub(crate) fn hear(&self, subject: &Subject) {
        let Some(person) = &subject.on_behalf_of else {
            return;
        };
        let mut said = self.said();
        if said
            .iter()
            .any(|(id, named)| *id == subject.id && named == person)
        {
            return;
        }
        if said.len() >= MOST {
            said.pop_front();
        }
        said.push_back((subject.id.clone(), person.clone()));
    }

    /// Whether a subject acts for somebody, or has, whose name `is` knows.
    pub fn acts_for(&self, subject: &str, is: impl Fn(&str) -> bool) -> bool {
        let declared = self.declared.iter().filter(|(of, _)| of.have(subject));
        let said = self.said();
        let said = said.iter().filter(|(of, _)| of == subject);
        declared.map(|(_, person)| person).any(|name| is(name))
            || said.map(|(_, person)| person).any(|name| is(name))
    }

    fn said(&self) -> MutexGuard<'_, VecDeque<(String, String)>> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Subjects {
    fn of(identity: &Identity) -> Self {
        match &identity.kind {
            IdentityKind::Unix => Self::Any("unix:".to_owned()),
            IdentityKind::Static { .. } => Self::One(format!("workload:{}", identity.name)),
            // Which subject a token names, only the token tells.
            IdentityKind::Oidc(_) => Self::Any("oidc:".to_owned()),
            IdentityKind::Spiffe(spiffe) => match &spiffe.spiffe_id {
                Some(id) => Self::One(id.clone()),
                None => Self::Any(format!("spiffe://{}/", spiffe.trust_domain)),
            },
        }
    }

    fn have(&self, subject: &str) -> bool {
        match self {
            Self::One(id) => id == subject,
            Self::Any(beginning) => subject.starts_with(beginning.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(id: &str, person: Option<&str>) -> Subject {
        Subject {
            id: id.to_owned(),
            groups: Vec::new(),
            on_behalf_of: person.map(str::to_owned),
        }
    }

    #[test]
    fn a_subject_acts_for_whom_is_declared_and_for_whom_its_tokens_have_named() {
        let text = "[[identity]]\nname = \"bot\"\nkind = \"static\"\non_behalf_of = \"dora\"";
        let acting = Acting::declared(&Config::parse("weir.toml", text).unwrap());
        let acts_for = |subject: &str, name: &str| acting.acts_for(subject, |one| one == name);
        assert!(acts_for("workload:bot", "dora") && !acts_for("workload:other", "dora"));
        acting.hear(&subject("oidc:x#ci", None));
        assert!(!acts_for("oidc:x#ci", "alice"));
        acting.hear(&subject("oidc:x#ci", Some("alice")));
        acting.hear(&subject("oidc:x#ci", Some("bob")));
        assert!(acts_for("oidc:x#ci", "alice") && acts_for("oidc:x#ci", "bob"));
        assert!(!acts_for("oidc:x#cd", "alice"));
        for n in 0..MOST {
            acting.hear(&subject("oidc:x#many", Some(&n.to_string())));
        }
        assert!(acts_for("oidc:x#many", "0") && !acts_for("oidc:x#ci", "alice"));
    }
}
