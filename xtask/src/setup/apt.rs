//! The distribution's packages.

use std::process::Command;

use anyhow::{Result, bail};

use super::need::Need;
use crate::process::{find_program, output, run};
use crate::root::Root;
use crate::say;

/// Which of these packages are missing. Without apt that can't be told, and it is an error that
/// lists them.
pub(super) fn missing(wanted: &[(&str, &'static str)]) -> Result<Vec<Need>> {
    let names: Vec<&str> = wanted.iter().map(|(name, _)| *name).collect();
    if find_program("apt-get").is_none() {
        bail!(
            "this machine has no apt-get; please install what Debian calls: {}",
            names.join(" ")
        );
    }
    let installed = installed(&names);
    Ok(wanted
        .iter()
        .filter(|(name, _)| !installed.iter().any(|installed| installed == name))
        .map(|&(name, why)| Need::Package {
            name: name.to_owned(),
            why,
        })
        .collect())
}

/// Which of these are installed.
fn installed(names: &[&str]) -> Vec<String> {
    let mut query = Command::new("dpkg-query");
    query
        .args(["-W", "-f", "${Package} ${db:Status-Status}\\n"])
        .args(names);
    // It fails if it doesn't know one of them, and lists the others all the same.
    let listing = query
        .output()
        .map(|output| output.stdout)
        .unwrap_or_default();
    parse_installed(&String::from_utf8_lossy(&listing))
}

fn parse_installed(listing: &str) -> Vec<String> {
    listing
        .lines()
        .filter_map(|line| line.strip_suffix(" installed"))
        .map(str::to_owned)
        .collect()
}

/// Whether the package lists, as they are now, have it.
pub(super) fn has_candidate(name: &str) -> bool {
    output(Command::new("apt-cache").args(["policy", name])).is_some_and(|policy| {
        policy
            .lines()
            .filter_map(|line| line.trim().strip_prefix("Candidate: "))
            .any(|candidate| candidate != "(none)")
    })
}

/// Whether there are package lists at all: a fresh container has none.
pub(super) fn has_lists() -> bool {
    output(Command::new("apt-cache").args(["policy"]))
        .is_some_and(|sources| sources.lines().any(|line| line.contains("Packages")))
}

/// Installs them, with nothing that they merely recommend.
pub(super) fn install(names: &[&str]) -> Result<()> {
    if names.is_empty() {
        return Ok(());
    }
    let by_hand = format!(
        "apt-get update && apt-get install --no-install-recommends {}",
        names.join(" ")
    );
    as_root(&["update"], &by_hand)?;
    let mut args = vec!["install", "--yes", "--no-install-recommends"];
    args.extend(names);
    as_root(&args, &by_hand)
}

fn as_root(args: &[&str], by_hand: &str) -> Result<()> {
    let root = Root::find();
    let Some(mut command) = root.command("env") else {
        bail!("installing needs root, and there is no sudo; please run as root:\n  {by_hand}");
    };
    if root == Root::Sudo {
        say::line("installing packages needs root: sudo may ask for your password");
    }
    // Another apt may be running, as one does on a fresh machine.
    command.args([
        "DEBIAN_FRONTEND=noninteractive",
        "apt-get",
        "-o",
        "DPkg::Lock::Timeout=600",
    ]);
    run(command.args(args))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_wholly_installed_counts() {
        let listing = "cargo-web installed\nrustc-web config-files\nllvm-22-dev half-installed\n";
        assert_eq!(parse_installed(listing), ["cargo-web"]);
    }
}
