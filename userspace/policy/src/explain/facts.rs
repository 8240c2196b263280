//! The facts that were judged, for people and programs.

use serde::Serialize;
use weir_command::Statement;

use crate::{Asking, Policies, StatementFacts};

/// What was judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// Who.
    pub subject: String,
    /// In which groups.
    pub groups: Vec<String>,
    /// For whom.
    pub on_behalf_of: Option<String>,
    /// Where from.
    pub workload: String,
    /// Where to.
    pub target: String,
    /// Spoken how.
    pub protocol: String,
    /// Which database.
    pub database: String,
    /// Whether a transaction was open.
    pub in_transaction: bool,
    /// The hour.
    pub hour: u8,
    /// The day.
    pub weekday: &'static str,
    /// The program's file.
    pub exe: Option<String>,
    /// What the client calls itself.
    pub application_name: Option<String>,
    /// The signals that were raised.
    pub signals: Vec<String>,
    /// The data classes that the subject sees clear.
    pub clear: Vec<String>,
    /// What was asked for.
    pub statements: Vec<StatementFacts>,
}

impl Policies {
    pub(super) fn facts(&self, asking: Asking<'_>, statements: &[Statement]) -> Facts {
        let Asking {
            subject,
            target,
            context,
        } = asking;
        let clear = self.clear(subject, target, context);
        let classes = self.masking().classes();
        let shown = classes.filter(|class| clear.shows(class));
        Facts {
            subject: subject.id.clone(),
            groups: subject.groups.clone(),
            on_behalf_of: subject.on_behalf_of.clone(),
            workload: context.workload.clone(),
            target: target.name.clone(),
            protocol: target.protocol.clone(),
            database: target.database.clone(),
            in_transaction: context.in_transaction,
            hour: context.moment.hour,
            weekday: context.moment.weekday.as_str(),
            exe: context.process.as_ref().map(|program| program.exe.clone()),
            application_name: context.application_name.clone(),
            signals: context.signals.iter().cloned().collect(),
            clear: shown.map(ToString::to_string).collect(),
            statements: statements
                .iter()
                .map(|statement| self.statement_facts(&asking.about(statement), &clear))
                .collect(),
        }
    }
}
