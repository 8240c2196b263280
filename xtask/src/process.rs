//! Running other programs: visibly, checked, and where need be without cargo's own environment.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::say;
use crate::workspace::Workspace;

/// The cargo that runs this, in the workspace's root.
pub(crate) fn cargo(workspace: &Workspace) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(workspace.root());
    cargo
}

/// Shows the command and runs it with this terminal; failing is an error that names it.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let shown = shown(command);
    say::command(&shown);
    let status = command
        .status()
        .with_context(|| format!("cannot start `{shown}`"))?;
    if !status.success() {
        bail!("`{shown}` failed, {status}");
    }
    Ok(())
}

/// Whether it succeeds, its output thrown away.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Its standard output if it succeeds, its standard error thrown away.
pub(crate) fn output(command: &mut Command) -> Option<String> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// As one would type it, without the environment.
fn shown(command: &Command) -> String {
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}

/// Makes it as if the command were run from a shell, not from `cargo xtask`: cargo and rustup tell
/// their children which toolchain, compiler and flags to use, and another toolchain's cargo would
/// believe them.
pub(crate) fn forget_cargo(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(is_cargos) {
            command.env_remove(name);
        }
    }
}

/// Whether a variable says what to build how, and not merely where the registry is or how to reach
/// it.
fn is_cargos(name: &str) -> bool {
    const PLACES: &[&str] = &["CARGO_HOME", "CARGO_TERM_COLOR", "CARGO_BUILD_JOBS"];
    const REACHING: &[&str] = &[
        "CARGO_NET_",
        "CARGO_HTTP_",
        "CARGO_REGISTRIES_",
        "CARGO_REGISTRY_",
        "CARGO_SOURCE_",
    ];
    const OTHERS: &[&str] = &[
        "CARGO",
        "RUSTUP_TOOLCHAIN",
        "RUST_RECURSION_COUNT",
        "RUSTFLAGS",
        "RUSTDOCFLAGS",
    ];
    let is_place = PLACES.contains(&name) || REACHING.iter().any(|prefix| name.starts_with(prefix));
    let is_theirs = name.starts_with("CARGO_")
        || name.starts_with("RUSTC")
        || name.starts_with("RUSTDOC")
        // Libraries of the toolchain that runs this.
        || name == "LD_LIBRARY_PATH"
        || OTHERS.contains(&name);
    is_theirs && !is_place
}

/// Where cargo installs programs.
pub(crate) fn cargo_bin() -> Option<PathBuf> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    Some(
        home.or_else(|| Some(std::env::home_dir()?.join(".cargo")))?
            .join("bin"),
    )
}

/// A program on `PATH` or where cargo installs programs.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(cargo_bin())
        .map(|dir| dir.join(name))
        .find(|program| program.is_file())
}

/// `PATH` with a program's directory first.
pub(crate) fn path_starting_with(program: &Path) -> Result<OsString> {
    let dir = program.parent().map(Path::to_owned);
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::join_paths(dir.into_iter().chain(std::env::split_paths(&path)))
        .context("a directory on PATH has a colon in its name")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_steer_another_cargo_is_forgotten_and_the_way_to_the_registry_is_not() {
        for steers in [
            "CARGO",
            "CARGO_MANIFEST_DIR",
            "CARGO_TARGET_DIR",
            "CARGO_BUILD_TARGET",
            "CARGO_ENCODED_RUSTFLAGS",
            "RUSTC",
            "RUSTC_WRAPPER",
            "RUSTC_BOOTSTRAP",
            "RUSTDOC",
            "RUSTFLAGS",
            "RUSTUP_TOOLCHAIN",
            "LD_LIBRARY_PATH",
        ] {
            assert!(is_cargos(steers), "{steers}");
        }
        for leads in [
            "CARGO_HOME",
            "RUSTUP_HOME",
            "CARGO_HTTP_CAINFO",
            "CARGO_NET_OFFLINE",
            "PATH",
        ] {
            assert!(!is_cargos(leads), "{leads}");
        }
    }

    #[test]
    fn a_failure_names_the_command() {
        let error = run(Command::new("sh").args(["-c", "exit 3"]))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("sh -c exit 3") && error.contains('3'),
            "{error}"
        );
        let error = run(&mut Command::new("no-such-program-here"))
            .unwrap_err()
            .to_string();
        assert!(error.contains("no-such-program-here"), "{error}");
    }
}
