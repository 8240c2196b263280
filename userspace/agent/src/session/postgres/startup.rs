//! What a startup packet asks for, as policy judges it: a session of a database, and each setting.

use std::collections::BTreeMap;

use weir_command::{Opaque, OpaqueReason, Statement, sql};
use weir_policy::Permit;
use weir_record::{CommandText, Outcome, RecordError, RecordedPermit, SessionWriter, Status};
use weir_wire::postgres::Startup;

use super::replication::Replication;
use crate::session::judge::connect;

/// What the agent wants to open.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    /// The database.
    pub database: String,
    /// The user that it names; weir logs in as the credential's.
    pub user: String,
    /// The settings that it asks for, in the order in which the server applies them.
    pub settings: Vec<(String, String)>,
    /// Whether it is for streaming replication.
    pub replication: Option<Replication>,
    /// All of it, for the judge.
    pub statements: Vec<Statement>,
}

impl Wanted {
    /// Reads a startup packet. `None` when it names no user, as the server demands.
    #[must_use]
    pub(super) fn read(startup: &Startup) -> Option<Self> {
        let user = startup
            .get("user")
            .filter(|user| !user.is_empty())?
            .to_owned();
        let database = startup
            .get("database")
            .filter(|name| !name.is_empty())
            .unwrap_or(&user);
        let mut statements = vec![connect()];
        let mut settings = Vec::new();
        let mut replication = None;
        // The server applies `options` first.
        match startup.get("options").map(sql::startup_settings) {
            Some(Some(options)) => {
                for (name, value) in options {
                    // Sent on as a parameter of the packet it would be no setting, but mean
                    // another user or database than the one that is judged.
                    if is_no_setting(&name) {
                        let what = format!("`{name}` in the startup packet's `options`");
                        statements.push(unreadable(&what));
                    } else {
                        settings.push((name, value));
                    }
                }
            }
            Some(None) => statements.push(unreadable("the startup packet's `options`")),
            None => {}
        }
        for (name, value) in &startup.parameters {
            match name.as_str() {
                "user" | "database" | "options" => {}
                "replication" if is_false(value) => {}
                "replication" => match Replication::read(value) {
                    Some(wanted) => {
                        statements.push(sql::replication_session());
                        replication = Some(wanted);
                    }
                    None => statements.push(unreadable("this value of `replication`")),
                },
                // Answered by NegotiateProtocolVersion.
                name if name.starts_with("_pq_.") => {}
                _ => settings.push((name.clone(), value.clone())),
            }
        }
        // The last of two wins at the server; there must be one when they are sent on.
        let mut last: BTreeMap<String, (String, String)> = BTreeMap::new();
        for (name, value) in settings {
            statements.push(sql::setting(&name, Some(&value)));
            last.insert(name.to_ascii_lowercase(), (name, value));
        }
        let settings = last.into_values().collect();
        Some(Self {
            database: database.to_owned(),
            user,
            settings,
            replication,
            statements,
        })
    }
}

impl Wanted {
    /// What is opened, in words: all of it, since people may be asked for just this.
    pub(super) fn text(&self) -> String {
        let mut text = format!("open database {} as {}", self.database, self.user);
        if let Some(replication) = self.replication {
            text.push_str(&format!(", replication = {}", replication.parameter()));
        }
        for (name, value) in &self.settings {
            text.push_str(&format!(", {name} = {value}"));
        }
        text
    }

    /// What is asked of the target beside user and database.
    pub(super) fn parameters(&self) -> Vec<(String, String)> {
        let replication = self
            .replication
            .map(|kind| ("replication".to_owned(), kind.parameter().to_owned()));
        self.settings.iter().cloned().chain(replication).collect()
    }

    /// Puts on record that the session is opened because people let it, or only because its
    /// workload is observed; of any other, what is opened says enough.
    pub(super) fn observed(
        &self,
        permit: Permit,
        record: &mut SessionWriter,
    ) -> Result<Option<RecordedPermit>, RecordError> {
        if permit.would_be().is_none() && permit.approved_by().is_empty() {
            return Ok(None);
        }
        let command = CommandText {
            text: &self.text(),
            parameters: &[],
            statements: (&self.statements).into(),
            signals: &[],
        };
        record.intent(permit, command).map(Some)
    }
}

/// Records what became of an opening that is on record as a command.
pub(super) fn settle(
    observed: Option<RecordedPermit>,
    record: &mut SessionWriter,
    opened: Result<(), &str>,
) -> Result<(), RecordError> {
    let Some(recorded) = observed else {
        return Ok(());
    };
    let status = match opened {
        Ok(()) => Status::Completed {
            tag: "opened".to_owned(),
        },
        Err(message) => Status::Failed {
            code: "unreachable".to_owned(),
            message: message.to_owned(),
        },
    };
    let outcome = Outcome {
        status,
        rows: 0,
        bytes: 0,
        masked: 0,
        masked_columns: Vec::new(),
        detected: Vec::new(),
        sent: None,
        micros: 0,
    };
    record.outcome(recorded.seq(), &outcome)
}

/// Whether a startup packet's parameter of this name says something else than a setting's value.
fn is_no_setting(name: &str) -> bool {
    matches!(name, "user" | "database" | "options" | "replication") || name.starts_with("_pq_.")
}

fn unreadable(what: &str) -> Statement {
    Statement::Opaque(Opaque {
        reason: OpaqueReason::Unsupported,
        detail: format!("weir does not read {what}"),
    })
}

fn is_false(value: &str) -> bool {
    matches!(
        value.to_ascii_lowercase().as_str(),
        "false" | "off" | "no" | "0"
    )
}
