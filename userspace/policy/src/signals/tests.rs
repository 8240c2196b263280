//! From what is written to what is raised.

mod budgets;
mod declared;
mod hours_and_news;
mod kept;

use weir_command::{Access, ColumnUse, Command, Control, Object, Predicate, Statement, Verb};

use super::*;
use crate::{Policies, Source};

const START: u64 = 1_795_773_600_000; // Friday, 2026-11-27 10:00 UTC

fn bundle(signals: &str) -> Result<Policies, String> {
    let mut sources = vec![Source {
        name: "a.cedar".into(),
        text: "@id(\"a\") permit (principal, action, resource) when { context.signals.isEmpty() };"
            .into(),
    }];
    sources.push(Source {
        name: "signals.toml".into(),
        text: signals.into(),
    });
    Policies::load(&sources).map_err(|found| found.to_string())
}

fn statement(verb: Verb, table: Option<&str>) -> Footprint {
    Footprint::of([&command(verb, table)])
}

fn command(verb: Verb, table: Option<&str>) -> Statement {
    let objects = table.map(|name| Object {
        database: None,
        schema: None,
        name: name.into(),
        access: Access::Read,
    });
    Statement::Command(Box::new(Command {
        verb,
        objects: objects.into_iter().collect(),
        columns: ColumnUse::default(),
        predicate: Predicate::NotApplicable,
        effects: Default::default(),
        functions: Default::default(),
        operators: Default::default(),
        row_limit: Default::default(),
        gathers: false,
        control: Control::None,
    }))
}

struct Bench {
    policies: Policies,
    ledger: Ledger,
}

impl Bench {
    fn new(signals: &str) -> Self {
        Self {
            policies: bundle(signals).unwrap(),
            ledger: Ledger::default(),
        }
    }

    fn session(&self, subject: &str) -> Watch {
        self.to(subject, "orders")
    }

    fn to(&self, subject: &str, target: &str) -> Watch {
        let who = Who {
            subject,
            workload: "ci",
            target: Some(target),
        };
        self.ledger.watch(self.policies.signals(), who, at(0))
    }
}

fn at(seconds: u64) -> UnixMillis {
    UnixMillis::from_millis(START + seconds * 1000)
}

fn look(watch: &mut Watch, seconds: u64, print: &Footprint) -> Vec<String> {
    watch.at(at(seconds));
    let raised = watch.look(&[print].into_iter());
    watch.names(raised).map(str::to_owned).collect()
}

/// Allowed where nothing is raised, as a policy would have it.
fn try_it(watch: &mut Watch, seconds: u64, print: &Footprint) -> bool {
    let fine = look(watch, seconds, print).is_empty();
    if fine {
        watch.allowed(&[print].into_iter());
    } else {
        watch.refused(&[print].into_iter());
    }
    watch.settle();
    fine
}
