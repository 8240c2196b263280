//! What judgement hands on. A [`Permit`] cannot be made outside this crate.

use std::{collections::BTreeSet, sync::Arc};

use crate::{Ask, DataClass, PolicyVersion, WouldBe};

/// The answer to one [`Request`](crate::Request).
#[derive(Clone, Debug)]
pub enum Verdict {
    /// Go on, with this proof.
    Allow(Permit),
    /// A human must say so first.
    Ask(Ask),
    /// No.
    Deny(Refusal),
}

/// Proof that a command was judged and allowed.
///
/// Not constructible outside this crate; a compile-fail test of the agent holds that.
#[derive(Clone, Debug)]
pub struct Permit {
    version: PolicyVersion,
    deciding: Arc<[String]>,
    clear: Clear,
    would_be: Option<Arc<WouldBe>>,
    approved_by: Arc<[String]>,
    only_prepares: bool,
}

/// The data classes that the subject may see clear on this target; every other is masked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Clear(Arc<BTreeSet<DataClass>>);

/// Why a command is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The id (`@id`) of the rule that decided: a `forbid`'s, the first by source name and place
    /// where several did. Or one of weir's own: `default-deny` when no policy permits,
    /// `evaluation-error`, `too-large`.
    pub rule: String,
    /// The reason for a person, from `@message` where the rule has one. One line; names that it
    /// repeats from the statement are escaped and cut.
    pub message: String,
    /// Every deciding policy's id.
    pub deciding: Vec<String>,
    /// The version that judged.
    pub version: PolicyVersion,
}

impl Permit {
    pub(crate) fn new(version: PolicyVersion, deciding: Vec<String>, clear: Clear) -> Self {
        Self {
            version,
            deciding: deciding.into(),
            clear,
            would_be: None,
            approved_by: Arc::default(),
            only_prepares: false,
        }
    }

    pub(crate) fn observed(version: PolicyVersion, would_be: Arc<WouldBe>, clear: Clear) -> Self {
        Self {
            would_be: Some(would_be),
            ..Self::new(version, Vec::new(), clear)
        }
    }

    /// Only [`Ask`] calls it.
    pub(crate) fn approved(
        version: PolicyVersion,
        deciding: Vec<String>,
        clear: Clear,
        approved_by: Vec<String>,
    ) -> Self {
        Self {
            approved_by: approved_by.into(),
            ..Self::new(version, deciding, clear)
        }
    }

    /// Only [`Ask`] calls it.
    pub(crate) fn preparing(version: PolicyVersion, deciding: Vec<String>, clear: Clear) -> Self {
        Self {
            only_prepares: true,
            ..Self::new(version, deciding, clear)
        }
    }

    /// The policy version that judged.
    #[must_use]
    pub fn version(&self) -> &PolicyVersion {
        &self.version
    }

    /// Ids of the policies that permitted; none where nothing but observing did.
    #[must_use]
    pub fn deciding(&self) -> &[String] {
        &self.deciding
    }

    /// What would have stopped the command, where it goes on only because its workload is observed.
    #[must_use]
    pub fn would_be(&self) -> Option<&WouldBe> {
        self.would_be.as_deref()
    }

    /// Ids of the people who approved it; none where nobody had to.
    #[must_use]
    pub fn approved_by(&self) -> &[String] {
        &self.approved_by
    }

    /// Whether it is for the parsing of a statement alone, whose execution will ask.
    #[must_use]
    pub fn only_prepares(&self) -> bool {
        self.only_prepares
    }

    /// The masking obligation: what may be shown clear.
    #[must_use]
    pub fn clear(&self) -> &Clear {
        &self.clear
    }
}

impl Clear {
    pub(crate) fn new(classes: BTreeSet<DataClass>) -> Self {
        Self(Arc::new(classes))
    }

    /// Whether values of this class may be shown as they are.
    #[must_use]
    pub fn shows(&self, class: &DataClass) -> bool {
        self.0.contains(class)
    }
}
