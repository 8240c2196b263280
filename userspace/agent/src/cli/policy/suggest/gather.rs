//! What the records say went through, as sightings.

mod names;

use std::{collections::BTreeMap, net::SocketAddr};

use weir_command::{Statement, sql};
use weir_policy::{Sighting, Suggestion, Target, Whom};
use weir_record::{Entry, Event, Intent, ReadError, SessionStart, VerdictSummary};

use self::names::Question;
use super::{
    super::super::{args::By, moment},
    Undeclared,
};
use crate::{dns, session::judge};

/// What was gathered so far.
pub(super) struct Gathered {
    by: By,
    pub(super) suggestion: Suggestion,
    /// Where went what nobody declared.
    pub(super) undeclared: Undeclared,
    /// Commands that are read otherwise now than when they were recorded.
    pub(super) reread: u64,
    /// Questions about names that there aren't.
    absent: Vec<Question>,
}

impl Gathered {
    pub(super) fn new(by: By) -> Self {
        Self {
            by,
            suggestion: Suggestion::default(),
            undeclared: Undeclared::new(),
            reread: 0,
            absent: Vec::new(),
        }
    }

    /// Takes in what went through in one session.
    pub(super) fn session(
        &mut self,
        start: &SessionStart,
        entries: impl Iterator<Item = Result<Entry, ReadError>>,
    ) -> Result<(), ReadError> {
        if start.protocol.as_deref() == Some(dns::PROTOCOL) {
            return self.questions(start, entries);
        }
        let mut database = String::new();
        for entry in entries {
            match entry? {
                Entry::Event(Event::Opened {
                    database: opened,
                    settings,
                    ..
                }) => {
                    database = opened;
                    let statements = opening(&settings);
                    self.saw(start, &database, &statements, (0, false));
                }
                Entry::Event(Event::Intent(intent)) => {
                    let VerdictSummary::Allow { would_be, .. } = &intent.verdict else {
                        continue;
                    };
                    let when = (intent.at, would_be.is_some());
                    let statements = self.reading(start, &intent);
                    self.saw(start, &database, &statements, when);
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn saw(
        &mut self,
        start: &SessionStart,
        database: &str,
        statements: &[Statement],
        (at, observed): (i64, bool),
    ) {
        let Some(target) = self.target(start, database) else {
            return;
        };
        let whom = self.whom(start);
        let at = moment::second(moment::after(start.started, at));
        for statement in statements {
            self.suggestion.add(Sighting {
                whom: &whom,
                target: &target,
                statement,
                at: &at,
                observed,
            });
        }
    }

    fn whom(&self, start: &SessionStart) -> Whom {
        match self.by {
            By::Subject => Whom::Subject(start.subject.clone()),
            By::Workload => Whom::Workload(start.workload.clone()),
        }
    }

    /// What judgement is asked about a command. The opening of a session is taken from what was
    /// opened.
    fn reading(&mut self, start: &SessionStart, intent: &Intent) -> Vec<Statement> {
        let known = || intent.statements.iter().map(|known| known.verb.as_str());
        match start.protocol.as_deref() {
            Some("postgres") => {}
            Some("tcp") | None => return vec![judge::connect()],
            Some(_) => return Vec::new(),
        }
        if known().any(|verb| verb == "connect") {
            return Vec::new();
        }
        if known().any(|verb| verb == "function_call") {
            return vec![sql::function_call()];
        }
        if known().any(|verb| verb == "replicate")
            && let Some(command) = sql::replication_command(intent.text.as_bytes())
        {
            return vec![command];
        }
        let read = super::super::said(intent);
        let verb = |statement: &Statement| match statement {
            Statement::Command(command) => command.verb.as_str(),
            Statement::Opaque(_) => "opaque",
        };
        if known().eq(read.iter().map(verb)) {
            return read;
        }
        self.reread += 1;
        Vec::new()
    }

    fn target(&mut self, start: &SessionStart, database: &str) -> Option<Target> {
        if let (Some(name), Some(protocol)) = (&start.target, &start.protocol) {
            return Some(Target {
                name: name.clone(),
                protocol: protocol.clone(),
                database: database.to_owned(),
            });
        }
        if start.protocol.is_some() {
            return None;
        }
        let destination: SocketAddr = start.destination.parse().ok()?;
        self.undeclared.insert(destination);
        Some(Target {
            name: name_of(destination),
            protocol: "tcp".to_owned(),
            database: destination.to_string(),
        })
    }
}

/// The opening of a session, as its settings and its database tell it.
fn opening(settings: &BTreeMap<String, String>) -> Vec<Statement> {
    let settings = settings
        .iter()
        .map(|(name, value)| sql::setting(name, Some(value)));
    std::iter::once(judge::connect()).chain(settings).collect()
}

/// A name for a target that nobody has named.
pub(super) fn name_of(destination: SocketAddr) -> String {
    let address = destination.ip().to_string().replace(':', "_");
    format!("host-{address}-{}", destination.port())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::TargetName;

    #[test]
    fn every_destination_has_a_name_of_its_own() {
        let mut names = Vec::new();
        for destination in [
            "10.0.0.1:80",
            "10.0.0.1:8",
            "[::1]:80",
            "[1::]:80",
            "[::]:80",
            "[fe80::1:2]:80",
        ] {
            let name = name_of(destination.parse().unwrap());
            assert!(name.parse::<TargetName>().is_ok(), "{name}");
            assert!(!names.contains(&name), "{name}");
            names.push(name);
        }
    }
}
