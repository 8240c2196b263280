//! `weir doctor`: can this host enforce?

use std::io;

use serde::Serialize;
use weir_intercept::doctor::{self, Outcome, Probe};

use super::{
    args,
    error::CliError,
    line::{Line, Tone},
    out::Out,
};

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
    let probes = doctor::probe();
    if doctor.json {
        out.json(&probes.iter().map(Reported::of).collect::<Vec<_>>())?;
    } else {
        print(&probes, out)?;
    }
    out.flush()?;
    // An empty list would be a check that checked nothing.
    let able = !probes.is_empty() && probes.iter().all(|probe| probe.outcome != Outcome::Missing);
    if able {
        Ok(())
    } else {
        Err(CliError::CantEnforce)
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

impl<'a> Reported<'a> {
    fn of(probe: &'a Probe) -> Self {
        let outcome = match probe.outcome {
            Outcome::Ok => "ok",
            Outcome::Degraded => "degraded",
            Outcome::Missing => "missing",
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
}
