//! `weir uninstall`: lifts what a daemon or a killed `weir run` left enforced.

use std::{
    fs,
    io::{self, BufRead as _, IsTerminal as _},
    path::{Path, PathBuf},
};

use super::{
    args,
    error::CliError,
    line::{Line, Tone},
    need_root,
    out::Out,
};
use crate::engine::PINS;

/// Runs `weir uninstall`.
pub(super) fn run(uninstall: &args::Uninstall, out: &mut Out) -> Result<(), CliError> {
    need_root("weir uninstall")?;
    let mut pinned = instances(Path::new(PINS))?;
    if let Some(wanted) = &uninstall.instance {
        pinned.retain(|dir| dir.file_name().is_some_and(|name| name == wanted.as_str()));
    }
    if pinned.is_empty() {
        out.line(&Line::plain("nothing such is pinned on this host"))?;
        return Ok(());
    }
    for dir in &pinned {
        out.line(&Line::plain("pinned: ").and(Tone::Key, dir.display()))?;
    }
    if !uninstall.yes && !confirmed(out)? {
        return Err(CliError::NotConfirmed);
    }
    for dir in &pinned {
        for removed in weir_intercept::uninstall(dir)? {
            out.line(&Line::of(Tone::Dim, "- ").text(removed))?;
        }
    }
    out.line(&Line::of(
        Tone::Warn,
        "lifted: what was governed can dial anything",
    ))?;
    Ok(())
}

fn instances(base: &Path) -> Result<Vec<PathBuf>, CliError> {
    let unreadable = |source| CliError::Unreadable {
        path: base.to_owned(),
        source,
    };
    let entries = match fs::read_dir(base) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(unreadable)?,
    };
    let mut found = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(unreadable)?;
    found.sort_unstable();
    Ok(found)
}

/// Asks on a terminal; anything but a yes is a no, and so is nobody to ask.
fn confirmed(out: &mut Out) -> io::Result<bool> {
    if !io::stdin().is_terminal() {
        return Ok(false);
    }
    out.line(
        &Line::of(
            Tone::Warn,
            "What runs in the governed cgroups can then dial anything.",
        )
        .text(" Lift it? [yes/no]"),
    )?;
    out.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(answer.trim().eq_ignore_ascii_case("yes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_without_pins_has_no_instances() {
        assert!(
            instances(Path::new("/nonexistent/weir"))
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn instances_are_listed_in_order() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["run-2", "daemon"] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        let names: Vec<_> = instances(dir.path()).unwrap();
        assert_eq!(names, [dir.path().join("daemon"), dir.path().join("run-2")]);
    }
}
