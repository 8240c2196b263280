//! `cargo xtask fuzz`: libFuzzer against what reads what strangers send.
//!
//! With the workspace's own toolchain and no sanitizer: the code has no `unsafe`, so what is looked
//! for is a panic, an overflow, or an assertion of `fuzz/src/lib.rs` that doesn't hold. What is
//! found is written to `fuzz/artifacts`; what was mended is kept in `fuzz/kept`, where each run and
//! the crate's own tests begin.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use clap::Args;

use crate::process::{self, cargo};
use crate::say;
use crate::setup::{self, Part};
use crate::workspace::Workspace;

/// The crates, and what is tried against each.
const CRATES: [(&str, &[&str]); 2] = [
    ("wire", &["frontend", "backend", "startup", "pieces"]),
    ("command", &["statements", "settings"]),
];

#[derive(Args)]
pub(crate) struct Options {
    /// Only this one: frontend, backend, startup, pieces, statements or settings
    target: Option<String>,
    /// How long to look, for each; 0 tries only what is kept
    #[arg(long, default_value_t = 60)]
    seconds: u32,
}

/// Runs all that are chosen.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    let chosen = chosen(options.target.as_deref())?;
    setup::parts(workspace, &[Part::Fuzz])?;
    let begun = std::time::Instant::now();
    for (package, target) in &chosen {
        try_one(workspace, package, target, options.seconds)?;
    }
    let took = begun.elapsed().as_secs();
    say::good(format_args!(
        "fuzz: nothing found by {} in {took} s",
        chosen.len()
    ));
    Ok(())
}

/// The manifests of what is tried.
pub(crate) fn manifests(workspace: &Workspace) -> impl Iterator<Item = PathBuf> {
    CRATES
        .map(|(package, _)| workspace.fuzz(package).join("Cargo.toml"))
        .into_iter()
}

fn chosen(wanted: Option<&str>) -> Result<Vec<(&'static str, &'static str)>> {
    let all = CRATES
        .iter()
        .flat_map(|(package, targets)| targets.iter().map(move |target| (*package, *target)));
    let chosen: Vec<_> = all
        .clone()
        .filter(|(_, target)| wanted.is_none_or(|wanted| wanted == *target))
        .collect();
    if chosen.is_empty() {
        let names: Vec<&str> = all.map(|(_, target)| target).collect();
        bail!("there is no such target; there are: {}", names.join(", "));
    }
    Ok(chosen)
}

fn try_one(workspace: &Workspace, package: &str, target: &str, seconds: u32) -> Result<()> {
    let dir = workspace.fuzz(package);
    let kept = dir.join("kept").join(target);
    let found = corpus(workspace, target)?;
    let mut fuzz = cargo(workspace);
    fuzz.args(["fuzz", "run", "--sanitizer", "none", "--fuzz-dir"])
        .arg(&dir)
        .arg("--target-dir")
        .arg(workspace.fuzz_target())
        // The first is where new inputs go, and both are where a run begins.
        .arg(target)
        .args([&found, &kept])
        .args(["--", "-max_len=4096", "-timeout=10", "-rss_limit_mb=1024"]);
    if seconds == 0 {
        fuzz.arg("-runs=0");
    } else {
        fuzz.arg(format!("-max_total_time={seconds}"));
    }
    process::run(&mut fuzz).with_context(|| {
        format!(
            "fuzzing {target} found something: once it is mended, keep its file from {} in {}",
            dir.join("artifacts").join(target).display(),
            kept.display()
        )
    })
}

/// Where what widens a target's reach is remembered from run to run.
fn corpus(workspace: &Workspace, target: &str) -> Result<PathBuf> {
    let dir = workspace.fuzz_target().join("corpus").join(target);
    std::fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
    Ok(dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_chosen_by_its_name_and_a_wrong_name_is_told() {
        assert_eq!(chosen(None).unwrap().len(), 6);
        assert_eq!(chosen(Some("startup")).unwrap(), [("wire", "startup")]);
        let error = chosen(Some("nothing")).unwrap_err().to_string();
        assert!(error.contains("statements"), "{error}");
    }

    /// What is in the crates is here, and has something to begin with.
    #[test]
    fn the_targets_are_those_of_the_crates() {
        let workspace = Workspace::find().unwrap();
        for (package, targets) in CRATES {
            let dir = workspace.fuzz(package);
            let mut files: Vec<String> = std::fs::read_dir(dir.join("fuzz_targets"))
                .unwrap()
                .map(|entry| entry.unwrap().path())
                .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
                .collect();
            files.sort();
            let mut named = targets.to_vec();
            named.sort_unstable();
            assert_eq!(files, named);
            for target in targets {
                let kept = std::fs::read_dir(dir.join("kept").join(target)).unwrap();
                assert!(kept.count() > 0, "{target}");
            }
        }
    }
}
