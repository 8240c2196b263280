//! One immutable bundle: policies, masking rules, signals, and the version that names them all.
//!
//! Job: sources to a bundle that holds, all or none, with every finding in its place. Not its
//! job: reading files and swapping bundles (the agent's `config` room), and judging (`judge`).

use std::sync::Arc;

use cedar_policy::Authorizer;

use crate::{
    Diagnostic, Diagnostics, MaskingRules, Severity, SignalRules, masking, signals as raised,
    vocabulary::{SCHEMA, Vocabulary},
};

mod annotations;
mod by_scope;
mod cedar;
mod columns;
mod counts;
mod findings;
mod literals;
mod rules;
mod schemas;
mod shipped;
mod signals;
mod source;
mod templates;
mod words;

#[cfg(test)]
mod tests;

pub(crate) use by_scope::Scoped;
pub(crate) use columns::Columns;
pub(crate) use counts::{Counts, is_planned};
pub(crate) use literals::is_host;
pub(crate) use rules::{Rule, Rules};
pub(crate) use schemas::Schemas;
pub(crate) use shipped::cases as shipped_cases;
pub use source::{PolicyVersion, Source};
pub use templates::{Grant, Grantable};

/// A validated bundle of policies, masking rules and signals.
#[derive(Clone, Debug)]
pub struct Policies {
    version: PolicyVersion,
    warnings: Vec<Diagnostic>,
    masking: MaskingRules,
    signals: Arc<SignalRules>,
    pub(crate) vocabulary: &'static Vocabulary,
    pub(crate) rules: Rules,
    pub(crate) authorizer: Authorizer,
}

impl Policies {
    /// Reads a bundle, all or none. Without a `masking.toml`, the shipped masking rules hold, and
    /// without a `signals.toml` the shipped signals.
    ///
    /// # Errors
    /// Every error that was found.
    pub fn load(sources: &[Source]) -> Result<Self, Diagnostics> {
        let vocabulary = Vocabulary::get()?;
        let shipped = (shipped::masking(), shipped::signals());
        let mut found = Vec::new();
        let sorted = source::Sorted::new(sources, (&shipped.0, &shipped.1), &mut found);
        let masking = match masking::read(sorted.masking) {
            Ok((masking, warnings)) => {
                found.extend(warnings);
                Some(masking)
            }
            Err(Diagnostics(errors)) => {
                found.extend(errors);
                None
            }
        };
        let signals = match raised::read(sorted.signals, vocabulary) {
            Ok(signals) => Some(signals),
            Err(Diagnostics(errors)) => {
                found.extend(errors);
                None
            }
        };
        let mut reader = cedar::Reader::new(vocabulary, masking.as_ref(), &mut found);
        for source in &sorted.policies {
            reader.read(source);
        }
        let (mut rules, named) = (reader.rules, reader.signals);
        let signals = signals.map(|(signals, places)| {
            found.extend(named.check(&sorted, &places));
            Arc::new(signals)
        });
        rules.sort(vocabulary);
        let (errors, warnings): (Vec<_>, Vec<_>) = found
            .into_iter()
            .partition(|d| d.severity == Severity::Error);
        match (masking, signals) {
            (Some(masking), Some(signals)) if errors.is_empty() => Ok(Self {
                version: sorted.version(),
                warnings,
                masking,
                signals,
                vocabulary,
                rules,
                authorizer: Authorizer::new(),
            }),
            // Warnings are often the errors' echo: what does not hold applies to nothing.
            _ => Err(Diagnostics(errors)),
        }
    }

    /// The bundle that weir ships.
    ///
    /// # Errors
    /// None in a build whose tests passed.
    pub fn shipped() -> Result<Self, Diagnostics> {
        Self::load(&shipped::policies())
    }

    /// The sources of the shipped policies, without the masking rules: to load beside others, or
    /// to write out as a start.
    #[must_use]
    pub fn shipped_sources() -> Vec<Source> {
        shipped::policies()
    }

    /// The same policies but one, to find out what it does. What comes out keeps its version, so it
    /// must judge nothing that goes on.
    pub(crate) fn without(&self, id: &str) -> Self {
        let mut other = self.clone();
        other.rules.remove(id);
        other
    }

    /// The Cedar schema that policies are validated against.
    #[must_use]
    pub fn schema() -> &'static str {
        SCHEMA
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
    /// The signals that are declared.
    #[must_use]
    pub fn signals(&self) -> &Arc<SignalRules> {
        &self.signals
    }
}
