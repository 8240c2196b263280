//! `weir doctor`: can this host enforce, and which ways around weir are closed on it?

mod vectors;

use std::io;

use serde::Serialize;
use weir_intercept::doctor::{self, Outcome, Probe};

use self::vectors::{LANDLOCK, State, Vector};
use super::{
    args,
    error::CliError,
    line::{Line, Tone},
    out::Out,
    run,
    table::{Column, Table},
};

/// All of it as JSON has it.
#[derive(Serialize)]
struct Report<'a> {
    probes: Vec<Reported<'a>>,
    vectors: &'a [Vector],
}

/// A probe as JSON has it.
#[derive(Serialize)]
struct Reported<'a> {
    name: &'a str,
    outcome: &'static str,
    detail: &'a str,
    remedy: Option<&'a str>,
}

/// Runs `weir doctor`.
pub(super) fn run(doctor: &args::Doctor, out: &mut Out) -> Result<(), CliError> {
    let mut probes = doctor::probe();
    // An empty list would be a check that checked nothing.
    let tried = probes.iter().all(|probe| probe.outcome != Outcome::Untried);
    let able = !probes.is_empty() && probes.iter().all(|probe| probe.outcome != Outcome::Missing);
    probes.push(landlock(run::without_landlock()));
    let vectors = vectors::all(&probes);
    if doctor.json {
        out.json(&Report {
            probes: probes.iter().map(Reported::of).collect(),
            vectors: &vectors,
        })?;
    } else {
        print(&probes, out)?;
        out.blank()?;
        print_vectors(&vectors, out)?;
    }
    out.flush()?;
    match (tried, able) {
        (false, _) => Err(CliError::NotTried),
        (true, false) => Err(CliError::CantEnforce),
        (true, true) => Ok(()),
    }
}

fn print(probes: &[Probe], out: &mut Out) -> io::Result<()> {
    let widest = probes
        .iter()
        .map(|probe| Line::plain(probe.name).width())
        .max()
        .unwrap_or(0);
    for probe in probes {
        let (tone, word) = match probe.outcome {
            Outcome::Ok => (Tone::Good, "ok      "),
            Outcome::Degraded => (Tone::Warn, "degraded"),
            Outcome::Missing => (Tone::Bad, "missing "),
            Outcome::Untried => (Tone::Warn, "untried "),
        };
        let name = format!("  {:<widest$}  ", probe.name);
        out.line(
            &Line::of(tone, word)
                .and(Tone::Strong, name)
                .text(&probe.detail),
        )?;
        if let Some(remedy) = &probe.remedy {
            let indent = " ".repeat("degraded".len() + widest + 4);
            out.line(&Line::plain(indent).and(Tone::Dim, "help: ").text(remedy))?;
        }
    }
    Ok(())
}

fn print_vectors(vectors: &[Vector], out: &mut Out) -> io::Result<()> {
    let mut table = Table::new([
        Column::text("way around"),
        Column::text("is"),
        Column::text("by, or left to"),
    ]);
    for vector in vectors {
        let state = match vector.state {
            State::Closed => Line::of(Tone::Good, "closed"),
            State::Partly => Line::of(Tone::Warn, "partly closed"),
            State::Open => Line::of(Tone::Bad, "open"),
            State::Untried => Line::of(Tone::Warn, "untried"),
        };
        table.row([
            Line::of(Tone::Strong, vector.name),
            state,
            Line::plain(vector.by),
        ]);
    }
    table.print(out)
}

/// What `weir run` keeps its commands in.
fn landlock(missing: Option<&str>) -> Probe {
    Probe {
        name: LANDLOCK,
        outcome: match missing {
            None => Outcome::Ok,
            Some(_) => Outcome::Degraded,
        },
        detail: missing
            .unwrap_or(
                "a command of `weir run` is kept to abstract sockets and processes of its own",
            )
            .to_owned(),
        remedy: missing.map(|_| {
            "use Linux 6.12 or later with landlock in its list of security modules (lsm=)"
                .to_owned()
        }),
    }
}

impl<'a> Reported<'a> {
    fn of(probe: &'a Probe) -> Self {
        let outcome = match probe.outcome {
            Outcome::Ok => "ok",
            Outcome::Degraded => "degraded",
            Outcome::Missing => "missing",
            Outcome::Untried => "untried",
        };
        Self {
            name: probe.name,
            outcome,
            detail: &probe.detail,
            remedy: probe.remedy.as_deref(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::out::capture, *};

    #[test]
    fn what_is_missing_comes_with_its_remedy() {
        let probes = [
            Probe {
                name: "kernel",
                outcome: Outcome::Ok,
                detail: "6.12".into(),
                remedy: None,
            },
            Probe {
                name: "bpffs",
                outcome: Outcome::Missing,
                detail: "not mounted".into(),
                remedy: Some("mount -t bpf none /sys/fs/bpf".into()),
            },
        ];
        assert_eq!(
            capture::plain(|out| print(&probes, out)),
            "ok        kernel  6.12\n\
             missing   bpffs   not mounted\n                  \
             help: mount -t bpf none /sys/fs/bpf\n"
        );
    }

    #[test]
    fn each_way_around_is_told_with_what_closes_it() {
        let vectors = [
            Vector {
                name: "TCP",
                state: State::Closed,
                by: "hooks",
            },
            Vector {
                name: "root in the agent",
                state: State::Open,
                by: "nobody",
            },
        ];
        assert_eq!(
            capture::plain(|out| print_vectors(&vectors, out)),
            "way around         is      by, or left to\n\
             TCP                closed  hooks\n\
             root in the agent  open    nobody\n"
        );
    }
}
