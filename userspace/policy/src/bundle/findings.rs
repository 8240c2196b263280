//! What Cedar finds, as weir tells it: with its place, once, and always the same.

use cedar_policy::{ValidationError, ValidationResult};

use crate::{Diagnostic, Severity, Source, vocabulary::Vocabulary};

/// One finding.
pub(super) fn of_cedar(
    severity: Severity,
    source: &Source,
    error: &dyn miette::Diagnostic,
) -> Diagnostic {
    let label = error.labels().and_then(|mut labels| labels.next());
    let span = label.as_ref().map_or(0..0, |label| {
        label.offset()..label.offset().saturating_add(label.len())
    });
    let help = error.help().map(|help| help.to_string());
    let help = help.or_else(|| label.and_then(|label| label.label().map(str::to_owned)));
    Diagnostic::at(severity, source, span, error.to_string(), help)
}

/// All findings of a validation.
pub(super) fn of_validation(
    result: &ValidationResult,
    source: &Source,
    vocabulary: &Vocabulary,
) -> Vec<Diagnostic> {
    let errors = result.validation_errors().map(|error| {
        let found = of_cedar(Severity::Error, source, error);
        match error {
            // Cedar guesses one of them, not always the same and seldom the one that is near.
            ValidationError::UnrecognizedActionId(_) => Diagnostic {
                help: Some(format!("actions are {}", vocabulary.action_names())),
                ..found
            },
            _ => found,
        }
    });
    let warnings = result
        .validation_warnings()
        .map(|warning| of_cedar(Severity::Warning, source, warning));
    let mut found = one_a_place(errors.collect());
    found.extend(one_a_place(warnings.collect()));
    found
}

/// Cedar tells one mistake once for each action that it is a mistake about, in no order.
fn one_a_place(mut found: Vec<Diagnostic>) -> Vec<Diagnostic> {
    found.sort_by(|a, b| (a.line, a.column, &a.message).cmp(&(b.line, b.column, &b.message)));
    found.dedup_by_key(|d| (d.line, d.column, d.width));
    found
}
