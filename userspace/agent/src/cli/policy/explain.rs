//! `weir policy explain SESSION#N`: who decided a command, by what, and what would have changed it.
//!
//! The question is rebuilt from the record and judged again, by the version that judged it then,
//! where that is kept, and by the one that is in force.
//!
//! Known limits: what an EXECUTE or FETCH stands for is in an earlier command, and not judged here;
//! what weir itself refuses (masking, protocol) has no policy behind it. Both are told. Budgets and
//! approvals are of their moment and not judged again. Of questions to the DNS that older versions
//! recorded it is not known whether the name was declared, nor how many others were asked about.

mod lookup;
mod told;

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::PathBuf,
};

use serde::Serialize;
use weir_command::{Statement, sql};
use weir_policy::{
    Asking, Context, Explanation, LookupFacts, Mode, Policies, Program, Ruling, Subject, Target,
};
use weir_record::{Entry, Event, Intent, Process, SessionStart, VerdictSummary};

use super::{
    super::{
        args::PolicyExplain,
        error::CliError,
        out::Out,
        sessions::source::{Recorded, Source},
    },
    Configured,
    error::PolicyError,
};
use crate::{dns, engine::PolicyFiles, session::judge};

/// All that is told.
#[derive(Serialize)]
struct Told<'a> {
    session: String,
    command: String,
    text: &'a str,
    /// As the record has it.
    verdict: &'a VerdictSummary,
    policy_version: &'a str,
    /// What is to be known of the explanations.
    notes: Vec<String>,
    /// By the version that judged it.
    judged_by: Option<Explained>,
    /// By the version that is in force, where that is another.
    in_force: Option<Explained>,
}

/// Of a command, or of a question to the DNS.
#[derive(Serialize)]
#[serde(untagged)]
enum Explained {
    Command(Box<Explanation>),
    Lookup(Box<Explanation<LookupFacts>>),
}

impl Explained {
    fn answer(&self) -> &Ruling {
        match self {
            Self::Command(explanation) => &explanation.answer,
            Self::Lookup(explanation) => &explanation.answer,
        }
    }
}

/// A command, with what was open when it came.
struct Found {
    start: SessionStart,
    process: Process,
    database: String,
    settings: BTreeMap<String, String>,
    intent: Intent,
}

/// Explains a command.
pub(super) fn run(asked: &PolicyExplain, out: &mut Out) -> Result<(), CliError> {
    let not_one = || PolicyError::NotACommand(asked.command.clone());
    let (id, number) = asked.command.split_once('#').ok_or_else(not_one)?;
    let recorded = Source::new(&asked.reach).open(id)?;
    let found = find(recorded, number)?;
    let configured = Configured::read(&asked.config)?;
    // Records are kept below the state directory, whoever named it.
    let state = match &asked.reach.records {
        Some(records) => records.parent().map(PathBuf::from).unwrap_or_default(),
        None => configured.state.clone(),
    };
    let version = found.intent.policy_version.as_str();
    let judged_by = PolicyFiles::remembered(&state, version);
    let in_force = configured.files().load()?;
    let told = explain(&found, judged_by, &in_force)?;
    if asked.json {
        out.json(&told)?;
    } else {
        told::print(&told, out)?;
    }
    Ok(())
}

fn find(recorded: Recorded, number: &str) -> Result<Found, CliError> {
    let Recorded { start, entries, .. } = recorded;
    let (mut database, mut settings) = (start.destination.clone(), BTreeMap::new());
    let mut process = start.process.clone();
    for entry in entries {
        match entry? {
            Entry::Event(Event::Opened {
                database: opened,
                settings: asked,
                ..
            }) => (database, settings) = (opened, asked),
            Entry::Event(Event::Process(other)) => process = other,
            Entry::Event(Event::Intent(intent)) if intent.seq.to_string() == number => {
                return Ok(Found {
                    start,
                    process,
                    database,
                    settings,
                    intent,
                });
            }
            _ => {}
        }
    }
    let session = start.id.to_string();
    let number = number.to_owned();
    Err(PolicyError::NoSuchCommand { session, number }.into())
}

fn explain<'a>(
    found: &'a Found,
    judged_by: io::Result<Option<Policies>>,
    in_force: &Policies,
) -> Result<Told<'a>, CliError> {
    let Found { start, intent, .. } = found;
    let mut notes = Vec::new();
    let again = if start.protocol.as_deref() == Some(dns::PROTOCOL) {
        lookup::again(found, &mut notes)?
    } else {
        found.again(&mut notes)
    };
    let version = intent.policy_version.as_str();
    let is_in_force = in_force.version().as_str() == version;
    let judged_by = match judged_by {
        _ if is_in_force => Some(again(in_force)),
        Ok(Some(policies)) => Some(again(&policies)),
        Ok(None) => {
            notes.push(format!(
                "policy {version}, which judged it, is not kept here: explained by the one in force alone"
            ));
            None
        }
        Err(error) => {
            notes.push(format!(
                "policy {version}, which judged it, can't be read: {error}"
            ));
            None
        }
    };
    let in_force = (!is_in_force).then(|| again(in_force));
    if let Some(explanation) = &judged_by {
        notes.extend(differs(&intent.verdict, explanation));
    }
    Ok(Told {
        session: start.id.to_string(),
        command: intent.seq.to_string(),
        text: &intent.text,
        verdict: &intent.verdict,
        policy_version: version,
        notes,
        judged_by,
        in_force,
    })
}

/// What is to be said where judging again comes to something else than was recorded.
fn differs(recorded: &VerdictSummary, again: &Explained) -> Option<String> {
    let would_be = match recorded {
        VerdictSummary::Allow {
            would_be: Some(would_be),
            ..
        } => would_be,
        recorded => recorded,
    };
    let answer = again.answer().answer;
    match would_be {
        VerdictSummary::Allow { .. } if answer == "allow" => None,
        VerdictSummary::Ask { .. } if answer == "ask" => None,
        VerdictSummary::Deny { rule, .. } if again.answer().rule.as_ref() == Some(rule) => None,
        VerdictSummary::Deny { rule, .. } if answer != "deny" => Some(format!(
            "weir refused it by its own rule {rule}, which is no policy's: as far as policies go the answer was {answer}"
        )),
        _ => Some(format!(
            "judged again, the answer is {answer}, not the one on record: something of the moment was part of the question that is not in the record"
        )),
    }
}

/// Judges by some policies what was judged.
type Again<'a> = Box<dyn Fn(&Policies) -> Explained + 'a>;

impl Found {
    /// The command, to be judged again.
    fn again(&self, notes: &mut Vec<String>) -> Again<'_> {
        let statements = self.statements(notes);
        let (subject, target, context) = (self.subject(), self.target(), self.context());
        if self.intent.context.is_none() {
            notes.push("the record does not say when it was judged: taken as Monday, 0 o'clock, in no transaction".to_owned());
        }
        Box::new(move |policies| {
            let asking = Asking {
                subject: &subject,
                target: &target,
                context: &context,
            };
            let explanation = policies.explain(self.mode(), asking, &statements);
            Explained::Command(Box::new(explanation))
        })
    }

    fn mode(&self) -> Mode {
        if self.start.observed {
            Mode::Observe
        } else {
            Mode::Enforce
        }
    }

    /// The signals that were raised, by name.
    fn signals(&self) -> BTreeSet<String> {
        let signals = self.intent.signals.iter();
        signals.map(|signal| signal.name.clone()).collect()
    }

    /// What was judged, read again.
    fn statements(&self, notes: &mut Vec<String>) -> Vec<Statement> {
        let known = || {
            let statements = self.intent.statements.iter();
            statements.map(|known| known.verb.as_str())
        };
        if known().any(|verb| verb == "connect") {
            let settings = self.settings.iter();
            let settings = settings.map(|(name, value)| sql::setting(name, Some(value)));
            let replicates = known().any(|verb| verb == "replicate");
            return std::iter::once(judge::connect())
                .chain(replicates.then(sql::replication_session))
                .chain(settings)
                .collect();
        }
        if known().any(|verb| verb == "replicate")
            && let Some(command) = sql::replication_command(self.intent.text.as_bytes())
        {
            return vec![command];
        }
        if known().any(|verb| verb == "function_call") {
            return vec![sql::function_call()];
        }
        let read = super::said(&self.intent);
        let verb = |statement: &Statement| match statement {
            Statement::Command(command) => command.verb.as_str(),
            Statement::Opaque(_) => "opaque",
        };
        if !known().eq(read.iter().map(verb)) {
            notes.push(
                "the text is read otherwise now than when it was recorded; a long one that was refused is cut in the record"
                    .to_owned(),
            );
        }
        if known().any(|verb| ["execute", "fetch"].contains(&verb)) {
            notes.push(
                "what the prepared statement or cursor stands for was judged with it, and is an earlier command's"
                    .to_owned(),
            );
        }
        read
    }

    fn subject(&self) -> Subject {
        Subject {
            id: self.start.subject.clone(),
            groups: self.start.groups.clone(),
            on_behalf_of: self.start.on_behalf_of.clone(),
        }
    }

    fn target(&self) -> Target {
        Target {
            name: self.start.target.clone().unwrap_or_default(),
            protocol: self.start.protocol.clone().unwrap_or_default(),
            database: self.database.clone(),
        }
    }

    fn context(&self) -> Context {
        let judged = self.intent.context;
        let calls_itself = self
            .settings
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("application_name"));
        Context {
            workload: self.start.workload.clone(),
            in_transaction: judged.is_some_and(|judged| judged.in_transaction),
            moment: judged.map(|judged| judged.moment).unwrap_or_default(),
            process: self.process.exe.as_ref().map(|exe| Program {
                exe: exe.clone(),
                exe_hash: self.process.exe_hash.clone(),
                uid: Some(self.process.uid),
            }),
            application_name: calls_itself.map(|(_, value)| value.clone()),
            signals: self.signals(),
            rows: judged.map(|judged| judged.rows).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests;
