//! `cargo xtask test`: every test, and last of all the runner's own summary.
//!
//! The kernel tests (`.config/nextest.toml` says which) need root. Without it everything is built
//! and the rest is run as this user, and then the kernel tests' binaries alone are run by sudo: no
//! file in `target` comes to belong to root because cargo did.

use std::process::Command;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::process::{self, cargo, find_program};
use crate::root::Root;
use crate::setup::{self, Part};
use crate::workspace::Workspace;
use crate::{build_ebpf, say};

/// The packages, and of each the integration test, that need root.
const KERNEL: [(&str, &str); 3] = [
    ("weir-intercept", "kernel"),
    ("weir-intercept", "bypass"),
    ("weir-agent", "engine"),
];

/// What runs a test's binary for cargo, as cargo spells it for the machine that runs this.
const RUNNER: &str = if cfg!(target_arch = "aarch64") {
    "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER"
} else {
    "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER"
};

/// Never asking: `sudo --validate` has asked before, on the terminal.
const SUDO: &str = "sudo --non-interactive --preserve-env";

/// Sets up, builds, and runs them.
pub(crate) fn run(workspace: &Workspace, args: &[String]) -> Result<()> {
    setup::parts(
        workspace,
        &[
            Part::Ebpf,
            Part::Postgres,
            Part::Dns,
            Part::Saml,
            Part::Containers,
            Part::Python,
            Part::RegressionSuite,
            Part::Syslog,
            Part::Oidc,
        ],
    )?;
    build_ebpf::run(workspace)?;
    let root = Root::find();
    if find_program("cargo-nextest").is_some() {
        with_nextest(workspace, args, root)
    } else {
        with_cargo(workspace, args, root)
    }
}

fn with_nextest(workspace: &Workspace, args: &[String], root: Root) -> Result<()> {
    let nextest = |profile: Option<&str>| {
        let mut nextest = cargo(workspace);
        nextest.args(["nextest", "run"]);
        if !args.iter().any(|arg| chooses_packages(arg)) {
            nextest.arg("--workspace");
        }
        if let Some(profile) = profile {
            // What the caller asks for may be all on one side.
            nextest.args(["--profile", profile, "--no-tests", "pass"]);
        }
        nextest.args(args);
        nextest
    };
    if args.is_empty() {
        process::run(cargo(workspace).args(["test", "--workspace", "--doc"]))?;
    }
    if root == Root::Here {
        return process::run(&mut nextest(None));
    }
    process::run(&mut nextest(Some("rootless")))?;
    process::run(&mut by_root(root, nextest(Some("kernel")))?)
}

fn with_cargo(workspace: &Workspace, args: &[String], root: Root) -> Result<()> {
    say::line("cargo-nextest is not here: `cargo test` does the same, in more words");
    let test = |selection: &[&str]| {
        let mut test = cargo(workspace);
        test.arg("test").args(selection);
        test
    };
    if !args.is_empty() {
        // Which of them need root can't be told.
        return process::run(by_root(root, test(&[]))?.args(args));
    }
    let [(intercept, _), _, (agent, _)] = KERNEL;
    let both = ["--package", intercept, "--package", agent];
    let (kernel, rootless): (Vec<_>, Vec<_>) = test_binaries(workspace)?
        .into_iter()
        .partition(|binary| KERNEL.iter().any(|(_, kernel)| kernel == binary));

    process::run(&mut test(&[
        "--workspace",
        "--exclude",
        intercept,
        "--exclude",
        agent,
    ]))?;
    process::run(test(&both).arg("--doc"))?;
    process::run(
        test(&both)
            .args(["--lib", "--bins"])
            .args(chosen(&rootless)),
    )?;
    let mut kernel_tests = by_root(root, test(&both))?;
    process::run(
        kernel_tests
            .args(chosen(&kernel))
            .env("RUST_TEST_THREADS", "1"),
    )
}

/// The names of the integration tests of the packages in [`KERNEL`].
fn test_binaries(workspace: &Workspace) -> Result<Vec<String>> {
    let mut metadata = cargo(workspace);
    metadata.args(["metadata", "--no-deps", "--format-version", "1"]);
    let metadata = process::output(&mut metadata).context("cargo doesn't say what tests exist")?;
    parse_test_binaries(&serde_json::from_str(&metadata)?)
        .context("cargo says in an unknown way what tests exist")
}

fn parse_test_binaries(metadata: &Value) -> Option<Vec<String>> {
    let mut names = Vec::new();
    for package in metadata.get("packages")?.as_array()? {
        let name = package.get("name")?.as_str()?;
        if !KERNEL.iter().any(|(package, _)| *package == name) {
            continue;
        }
        for target in package.get("targets")?.as_array()? {
            if target
                .get("kind")?
                .as_array()?
                .iter()
                .any(|kind| kind == "test")
            {
                names.push(target.get("name")?.as_str()?.to_owned());
            }
        }
    }
    Some(names)
}

/// As arguments of `cargo test`.
fn chosen(binaries: &[String]) -> impl Iterator<Item = &str> {
    binaries.iter().flat_map(|binary| ["--test", binary])
}

/// Lets the test binaries that this cargo runs be run by root.
fn by_root(root: Root, mut cargo: Command) -> Result<Command> {
    match root {
        Root::Here => {}
        Root::Sudo => {
            say::line("the kernel tests need root: sudo may ask for your password");
            process::run(Command::new("sudo").arg("--validate"))?;
            cargo.env(RUNNER, SUDO);
        }
        Root::None => bail!(
            "the tests above are all that can be run here: the kernel tests load eBPF programs, \
             which needs root, and there is no sudo. As root, run: cargo xtask test"
        ),
    }
    Ok(cargo)
}

/// Whether an argument chooses packages, so that `--workspace` would contradict it.
fn chooses_packages(arg: &str) -> bool {
    arg == "-p" || arg.starts_with("--package") || (arg.starts_with("-p") && !arg.starts_with("--"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_choice_of_packages_contradicts_the_whole_workspace() {
        for choice in ["-p", "-pweir-wire", "--package", "--package=weir-wire"] {
            assert!(chooses_packages(choice), "{choice}");
        }
        for other in ["startup", "--profile", "-E", "package(weir-wire)"] {
            assert!(!chooses_packages(other), "{other}");
        }
    }

    #[test]
    fn what_needs_root_is_run_by_sudo_or_refused_in_so_many_words() {
        let error = by_root(Root::None, Command::new("cargo"))
            .unwrap_err()
            .to_string();
        assert!(error.contains("As root, run: cargo xtask test"), "{error}");
        let cargo = by_root(Root::Here, Command::new("cargo")).unwrap();
        assert_eq!(cargo.get_envs().count(), 0);
    }

    /// nextest's configuration can't name an expression once, and this file names the tests too.
    #[test]
    fn the_kernel_tests_are_the_same_everywhere() {
        let expression = KERNEL.map(|(package, test)| format!("binary_id({package}::{test})"));
        let config = include_str!("../../.config/nextest.toml");
        assert_eq!(config.matches(&expression.join(" | ")).count(), 3);
        assert_eq!(config.matches("binary_id").count(), 3 * KERNEL.len());
    }

    #[test]
    fn integration_tests_are_found_by_what_cargo_says() {
        let metadata = serde_json::json!({ "packages": [
            { "name": "weir-agent", "targets": [
                { "kind": ["lib"], "name": "weir_agent" },
                { "kind": ["test"], "name": "engine" },
                { "kind": ["test"], "name": "liars" },
            ] },
            { "name": "weir-wire", "targets": [{ "kind": ["test"], "name": "simulate" }] },
        ] });
        assert_eq!(parse_test_binaries(&metadata).unwrap(), ["engine", "liars"]);
        assert_eq!(
            parse_test_binaries(&serde_json::json!({ "packages": 1 })),
            None
        );
    }
}
