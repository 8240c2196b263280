//! Installing what was announced.

use anyhow::Result;

use super::need::{Need, Program};
use super::{apt, drivers, npm, python};
use crate::process::{cargo, run};
use crate::say;
use crate::workspace::Workspace;

/// Packages first: the rest is built with them.
pub(super) fn install(workspace: &Workspace, needs: &[Need]) -> Result<()> {
    let packages: Vec<&str> = needs
        .iter()
        .filter_map(|need| match need {
            Need::Package { name, .. } => Some(name.as_str()),
            Need::Program(_)
            | Need::PythonEnvironment
            | Need::RegressionSuite
            | Need::OidcProvider
            | Need::Drivers => None,
        })
        .collect();
    apt::install(&packages)?;
    for need in needs {
        match need {
            Need::Package { .. } => {}
            Need::Program(program) => install_program(workspace, program)?,
            Need::PythonEnvironment => python::install(workspace)?,
            Need::RegressionSuite => python::fetch_regression_suite(workspace)?,
            Need::OidcProvider => npm::install(workspace)?,
            Need::Drivers => drivers::install(workspace)?,
        }
    }
    say::good("installed");
    Ok(())
}

/// With the workspace's own toolchain.
fn install_program(workspace: &Workspace, program: &Program) -> Result<()> {
    let mut cargo = cargo(workspace);
    cargo
        .envs(program.env.iter().copied())
        .args([
            "install",
            program.name,
            "--version",
            program.version,
            "--locked",
            // One that is there and doesn't start is to be replaced.
            "--force",
        ])
        .args(program.args);
    run(&mut cargo)
}
