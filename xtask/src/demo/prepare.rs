//! What must be there before the curtain: tools, the eBPF object, the weir binary, and root.

use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context as _, Result, bail};

use crate::process::cargo;
use crate::root::Root;
use crate::setup::{self, Part};
use crate::workspace::Workspace;
use crate::{build_ebpf, say};

/// Asks a terminal about colour, and must reach what sudo starts.
const COLOUR: [&str; 3] = ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"];

/// Sets up and builds as whoever calls, so that no file in `target` comes to belong to root because
/// of this, and returns the path of weir. Where this is not root, the rest is this same program
/// again, as root, in the place of this process: it gets the terminal and its signals alone.
pub(super) fn weir(workspace: &Workspace, keep: bool) -> Result<PathBuf> {
    let root = Root::find();
    if root == Root::None {
        bail!(
            "the demo loads eBPF programs, makes cgroups and runs an agent as another user, which \
             needs root, and there is no sudo. As root, run: cargo xtask demo"
        );
    }
    setup::parts(workspace, &[Part::Ebpf, Part::Postgres, Part::PlainPython])?;
    build_ebpf::run(workspace)?;
    let weir = build(workspace)?;
    if root == Root::Here {
        return Ok(weir);
    }
    say::line("the demo needs root: sudo may ask for your password");
    let mut again = root.command("env").context("there is no sudo any more")?;
    for name in COLOUR {
        if let Some(value) = std::env::var_os(name) {
            let mut pair = std::ffi::OsString::from(name);
            pair.push("=");
            pair.push(value);
            again.arg(pair);
        }
    }
    again.arg(std::env::current_exe().context("cannot find this program")?);
    again
        .arg("demo")
        .args(keep.then_some("--keep"))
        .arg("--built")
        .arg(weir);
    Err(again.exec()).context("cannot start sudo")
}

/// In the profile of the tests: what is built for one is there for the other.
fn build(workspace: &Workspace) -> Result<PathBuf> {
    let args = ["build", "--package", "weir-agent", "--bin", "weir"];
    say::command(format_args!("cargo {}", args.join(" ")));
    let output = cargo(workspace)
        .args(args)
        .args(["--message-format", "json-render-diagnostics"])
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start cargo")?;
    if !output.status.success() {
        bail!("weir doesn't build, {}", output.status);
    }
    build_ebpf::executable(&String::from_utf8_lossy(&output.stdout))
        .context("cargo built weir and didn't say where it is")
}
