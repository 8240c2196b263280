//! People who answer, and their answers.

use super::Binding;

/// The approver that root is, by the kernel's word.
pub const OPERATOR: &str = "unix:root";

/// Somebody who may answer: a person whom a provider vouched for, or an operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approver {
    id: String,
    aliases: Vec<String>,
    groups: Vec<String>,
    operator: bool,
}

/// One person's yes to one matter. Whoever holds it takes it out of where it was kept: it can't be
/// copied.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    pub(super) by: Approver,
    pub(super) to: Binding,
}

/// Why answers are not enough.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotGranted {
    /// Nobody approves for themselves.
    #[error("{by} can't approve this: it is they who ask, or on their behalf")]
    Oneself {
        /// Who tried.
        by: String,
    },
    /// It is not theirs to say.
    #[error("{by} is not among those whom the policies name for this")]
    NotNamed {
        /// Who tried.
        by: String,
    },
    /// The answer was given to something else.
    #[error("the answer of {by} was given to another command, subject, target or policy")]
    OtherMatter {
        /// Whose.
        by: String,
    },
    /// More people must say yes.
    #[error("the approval of {of} is lacking")]
    Lacking {
        /// Of whom.
        of: String,
    },
}

impl Approver {
    /// A person whom a provider vouched for.
    #[must_use]
    pub fn person(id: String, aliases: Vec<String>, groups: Vec<String>) -> Self {
        Self {
            id,
            aliases,
            groups,
            operator: false,
        }
    }

    /// An operator: root, or who has the daemon's own user. `user` is the name of the account, so
    /// that what it asks by itself isn't approved by it either.
    #[must_use]
    pub fn operator(user: &str) -> Self {
        Self {
            id: OPERATOR.to_owned(),
            aliases: vec![format!("unix:{user}")],
            groups: Vec::new(),
            operator: true,
        }
    }

    /// Their id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Other ids that mean them.
    #[must_use]
    pub fn aliases(&self) -> &[String] {
        &self.aliases
    }

    /// Whether it is an operator.
    #[must_use]
    pub fn is_operator(&self) -> bool {
        self.operator
    }

    /// Whether a policy's name for approvers means them: an id, an alias or a group. No provider
    /// can make somebody an operator by calling a group so.
    #[must_use]
    pub fn is_meant_by(&self, name: &str) -> bool {
        if self.operator || name == OPERATOR {
            return self.operator && name == OPERATOR;
        }
        let mut names = std::iter::once(&self.id)
            .chain(&self.aliases)
            .chain(&self.groups);
        names.any(|own| own == name)
    }

    /// Whether `name` may be one of theirs. Looser than [`is_meant_by`](Self::is_meant_by), since
    /// here doubt denies: mail addresses are written in any case.
    #[must_use]
    pub fn is_called(&self, name: &str) -> bool {
        let name = name.trim().to_lowercase();
        std::iter::once(&self.id)
            .chain(&self.aliases)
            .any(|own| own.trim().to_lowercase() == name)
    }

    /// Whether both may be one person.
    #[must_use]
    pub fn is_same_as(&self, other: &Self) -> bool {
        other.is_called(&self.id) || self.aliases.iter().any(|alias| other.is_called(alias))
    }
}

impl Answer {
    /// This person's yes to this.
    #[must_use]
    pub fn new(by: Approver, to: Binding) -> Self {
        Self { by, to }
    }
}
