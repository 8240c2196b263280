//! Names of workloads, identities, providers and targets: a type each, so that one can't stand for another.
//!
//! They end up in records, policies and paths of cgroups, so they keep to letters, digits, `.`,
//! `_` and `-`, begin with a letter or digit, and have at most 64 characters.

use std::{fmt, str::FromStr, sync::Arc};

use super::invalid::{InvalidValue, quoted};

const LONGEST: usize = 64;

/// A name that can be declared once in its kind.
pub(super) trait Name: FromStr<Err = InvalidValue> + Clone + Ord + fmt::Display {
    /// What carries such a name, for messages.
    const KIND: &'static str;
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(Arc<str>);

        impl $type {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl Name for $type {
            const KIND: &'static str = $kind;
        }

        impl FromStr for $type {
            type Err = InvalidValue;

            fn from_str(text: &str) -> Result<Self, InvalidValue> {
                checked(text).map(Self)
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }
    };
}

name! {
    /// The declared name of a workload.
    WorkloadName, "workload"
}
name! {
    /// The declared name of an identity.
    IdentityName, "identity"
}
name! {
    /// The declared name of a provider.
    ProviderName, "provider"
}
name! {
    /// The declared name of a sink.
    SinkName, "sink"
}
name! {
    /// The declared name of a target.
    TargetName, "target"
}

impl WorkloadName {
    /// The workload of `weir run`.
    pub(super) fn run() -> Self {
        Self("run".into())
    }
}

impl IdentityName {
    /// The identity of whoever connects.
    pub(super) fn caller() -> Self {
        Self("caller".into())
    }
}

fn checked(text: &str) -> Result<Arc<str>, InvalidValue> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let starts_well = text.starts_with(|c: char| c.is_ascii_alphanumeric());
    if starts_well && text.len() <= LONGEST && text.chars().all(allowed) {
        return Ok(text.into());
    }
    let wrong = InvalidValue::new(format!("{} can't be a name", quoted(text)));
    Err(wrong.help(format!(
        "a name begins with a letter or digit, goes on with those, `.`, `_` or `-`, and has at \
         most {LONGEST} characters"
    )))
}

#[cfg(test)]
mod tests {
    use super::TargetName;

    #[test]
    fn names_that_could_be_paths_or_policy_text_are_refused() {
        let (longest, long) = ("a".repeat(64), "a".repeat(65));
        for bad in [
            "", "..", "a/b", "-x", "a b", "a\"b", "a\nb", "a\0b", "ä", &long,
        ] {
            assert!(bad.parse::<TargetName>().is_err(), "{bad:?}");
        }
        for good in ["a", "orders-db", "7", "a.b_c-d", &longest] {
            assert_eq!(good.parse::<TargetName>().unwrap().as_str(), good);
        }
    }
}
