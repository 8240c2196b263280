//! How long a verdict takes, with what ships and with 50 and 500 policies more: one JSON line a
//! round, for `cargo xtask bench verdict`.
//!
//! Everything is measured in turns in one run. `new` is a text that was never seen: read, then
//! judged. `known` is a statement that was read before, judged again; a session that sees a text
//! for the second time in the same circumstances doesn't even do that.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark: who started it reads the figures there, and what fails should fail it"
)]

use std::{fmt::Write, hint::black_box, time::Instant};

use weir_command::sql;
use weir_policy::{Asking, Context, Mode, Policies, Source, Subject, Target};

/// How many more policies than what ships.
const MORE: [usize; 3] = [0, 50, 500];
/// How often each thing is done in a round.
const TIMES: u32 = 200;

fn main() {
    // Cargo passes arguments of its own.
    let rounds = std::env::args().find_map(|arg| arg.parse().ok());
    let bundles = MORE.map(bundle);
    let subject = Subject {
        id: "unix:agent".into(),
        groups: vec!["agents".into(), "team-7".into()],
        on_behalf_of: None,
    };
    let target = Target {
        name: "shop".into(),
        protocol: "postgres".into(),
        database: "orders".into(),
    };
    let asking = Asking {
        subject: &subject,
        target: &target,
        context: &Context::default(),
    };
    let mut number = 0_u64;
    for _ in 0..rounds.unwrap_or(1_u32) {
        let mut line = String::new();
        for (more, policies) in MORE.iter().zip(&bundles) {
            let known = statements(&text(0));
            let judged = micros(|| {
                let verdict = policies.judge_message(Mode::Enforce, asking, &known);
                black_box(verdict);
            });
            let new = micros(|| {
                number += 1;
                let read = statements(&text(number));
                black_box(policies.judge_message(Mode::Enforce, asking, &read));
            });
            let comma = if line.is_empty() { "{" } else { "," };
            write!(
                line,
                "{comma}\"known {more}\":{judged},\"new {more}\":{new}"
            )
            .unwrap();
        }
        println!("{line}}}");
    }
}

/// What ships, and this many more, as a company of many teams might have them.
fn bundle(more: usize) -> Policies {
    let mut text = String::new();
    for number in 0..more {
        let team = number / 2;
        let policy = match number % 4 {
            0 => format!(
                "forbid (principal in Weir::Group::\"team-{team}\", action in Weir::Action::\"write\", \
                 resource) when {{ resource.name == \"ledger_{number}\" }};"
            ),
            1 => format!(
                "permit (principal in Weir::Group::\"team-{team}\", action == Weir::Action::\"reveal\", \
                 resource == Weir::DataClass::\"email\") when {{ resource in Weir::Target::\"crm\" }};"
            ),
            2 => format!(
                "forbid (principal, action in Weir::Action::\"command\", \
                 resource in Weir::Schema::\"shop/orders/s{number}\");"
            ),
            _ => format!(
                "forbid (principal == Weir::Subject::\"unix:bot-{number}\", \
                 action in Weir::Action::\"command\", resource) unless {{ context.approved }};"
            ),
        };
        writeln!(text, "@id(\"more-{number}\") {policy}").unwrap();
    }
    let mut sources = Policies::shipped_sources();
    if more > 0 {
        let name = "more.cedar".to_owned();
        sources.push(Source { name, text });
    }
    Policies::load(&sources).unwrap()
}

/// A statement that is allowed, and of which there are as many as numbers.
fn text(number: u64) -> String {
    format!(
        "SELECT o.id, o.status FROM public.orders o WHERE o.id = {number} ORDER BY o.id LIMIT 10"
    )
}

fn statements(text: &str) -> Vec<weir_command::Statement> {
    sql::statements(text.as_bytes(), &sql::Limits::default())
}

/// How long it takes once, in microseconds.
fn micros(mut what: impl FnMut()) -> f64 {
    let began = Instant::now();
    for _ in 0..TIMES {
        what();
    }
    began.elapsed().as_secs_f64() * 1e6 / f64::from(TIMES)
}
