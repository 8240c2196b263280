//! What became of a check, or of a test that couldn't be made, for programs.

use serde::Serialize;
use weir_policy::{Diagnostic, Policies, Severity};

use super::{super::error::CliError, error::PolicyError};
use crate::{config::ConfigErrors, engine::ReloadError};

/// The outcome of a check.
#[derive(Serialize)]
pub(super) struct Checked<'a> {
    checked: &'a str,
    ok: bool,
    version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    diagnostics: Vec<Found<'a>>,
}

/// Why there is nothing else to tell.
#[derive(Serialize)]
pub(super) struct Failure<'a> {
    error: String,
    diagnostics: Vec<Found<'a>>,
}

#[derive(Serialize)]
struct Found<'a> {
    severity: &'static str,
    file: &'a str,
    line: usize,
    column: usize,
    message: &'a str,
    help: Option<&'a str>,
}

impl<'a> Checked<'a> {
    pub(super) fn of(checked: &'a str, loaded: &'a Result<Policies, CliError>) -> Self {
        match loaded {
            Ok(policies) => Self {
                checked,
                ok: true,
                version: Some(policies.version().to_string()),
                error: None,
                diagnostics: policies.warnings().iter().map(Found::of).collect(),
            },
            Err(error) => {
                let Failure { error, diagnostics } = Failure::of(error);
                Self {
                    checked,
                    ok: false,
                    version: None,
                    error: Some(error),
                    diagnostics,
                }
            }
        }
    }
}

impl<'a> Failure<'a> {
    pub(super) fn of(error: &'a CliError) -> Self {
        let found = match error {
            CliError::Policies(ReloadError::Rejected(found))
            | CliError::Config(ConfigErrors::Invalid(found))
            | CliError::Policy(PolicyError::BadCases(found)) => found.0.as_slice(),
            _ => &[],
        };
        Self {
            // Rendered for people, findings would be told twice.
            error: match found {
                [] => error.to_string(),
                _ => "not sound: see `diagnostics`".to_owned(),
            },
            diagnostics: found.iter().map(Found::of).collect(),
        }
    }
}

impl<'a> Found<'a> {
    fn of(diagnostic: &'a Diagnostic) -> Self {
        let severity = match diagnostic.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        Self {
            severity,
            file: &diagnostic.file,
            line: diagnostic.line,
            column: diagnostic.column,
            message: &diagnostic.message,
            help: diagnostic.help.as_deref(),
        }
    }
}
