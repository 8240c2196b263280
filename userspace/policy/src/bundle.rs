//! One immutable bundle: policies, masking rules, and the version that names both.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Clear, Context, Diagnostic, Diagnostics, MaskingRules, Refusal, Request, Subject, Target, Verdict};

/// One source text of a bundle: `*.cedar` are policies, `masking.toml` the masking rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its name, as errors show it.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// The name of a bundle's content: 16 hex characters of a digest over its sources.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PolicyVersion(String);

impl fmt::Display for PolicyVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A validated bundle of policies and masking rules.
#[derive(Debug)]
pub struct Policies {
    version: PolicyVersion,
    warnings: Vec<Diagnostic>,
    masking: MaskingRules,
}

impl Policies {
    /// Reads a bundle, all or none.
    ///
    /// # Errors
    /// Every finding, when any of them is an error.
    pub fn load(_sources: &[Source]) -> Result<Self, Diagnostics> {
        Ok(Self {
            version: PolicyVersion(String::new()),
            warnings: Vec::new(),
            masking: MaskingRules::default(),
        })
    }

    /// The bundle that weir ships.
    ///
    /// # Errors
    /// None in a build whose tests passed.
    pub fn shipped() -> Result<Self, Diagnostics> {
        Self::load(&[])
    }

    /// The Cedar schema that policies are validated against.
    #[must_use]
    pub fn schema() -> &'static str {
        ""
    }

    /// The name of this content.
    #[must_use]
    pub fn version(&self) -> &PolicyVersion {
        &self.version
    }

    /// What the load found worth saying.
    #[must_use]
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.warnings
    }

    /// What is sensitive.
    #[must_use]
    pub fn masking(&self) -> &MaskingRules {
        &self.masking
    }

    /// Judges one statement.
    #[must_use]
    pub fn judge(&self, _request: &Request<'_>) -> Verdict {
        Verdict::Deny(Refusal {
            rule: "default-deny".into(),
            message: "no policy permits this".into(),
            deciding: Vec::new(),
            version: self.version.clone(),
        })
    }

    /// Which data classes the subject may see clear on the target.
    #[must_use]
    pub fn clear(&self, _subject: &Subject, _target: &Target, _context: &Context) -> Clear {
        Clear::default()
    }
}
