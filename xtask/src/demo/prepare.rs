//! What must be there before the curtain: tools, the eBPF object, the weir binary, and root.

use std::ffi::OsString;
use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::build_weir::Profile;
use crate::root::Root;
use crate::setup::{self, Part};
use crate::workspace::Workspace;
use crate::{build_ebpf, build_weir, say};

/// What says whether there is to be colour; sudo would forget it.
const COLOUR: [&str; 3] = ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"];

/// Sets up and builds as whoever calls, so that nothing that cargo makes comes to belong to root,
/// and returns the path of weir. Where this is not root, the rest is this same program again, as
/// root, in the place of this process: it gets the terminal and its signals alone.
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
    let weir = build_weir::run(workspace, Profile::Tests)?;
    if root == Root::Here {
        return Ok(weir);
    }
    if let Some(shared) = testbed::venv_dir().parent() {
        // What root made here first, the tests of whoever calls could not write to.
        fs::create_dir_all(shared).with_context(|| format!("cannot make {}", shared.display()))?;
    }
    say::line("the demo needs root: sudo may ask for your password");
    let mut again = root.command("env").context("there is no sudo any more")?;
    let this = std::env::current_exe().context("cannot find this program")?;
    let colour = COLOUR
        .into_iter()
        .filter_map(|name| Some((name, std::env::var_os(name)?)));
    again.args(words(colour, &this, &weir, keep));
    Err(again.exec()).context("cannot start sudo")
}

/// What `env` is to be told: variables, this program, and the part of it that is left.
fn words(
    variables: impl IntoIterator<Item = (&'static str, OsString)>,
    this: &Path,
    weir: &Path,
    keep: bool,
) -> Vec<OsString> {
    let variable = |(name, value): (&str, OsString)| {
        let mut pair = OsString::from(format!("{name}="));
        pair.push(value);
        pair
    };
    let mut words: Vec<OsString> = variables.into_iter().map(variable).collect();
    words.extend([this.into(), "demo".into(), "--built".into(), weir.into()]);
    words.extend(keep.then(|| "--keep".into()));
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_is_told_to_play_what_was_built() {
        let colour = [("NO_COLOR", OsString::from("1"))];
        let told = words(colour, Path::new("/t/xtask"), Path::new("/t/weir"), true);
        assert_eq!(
            told,
            [
                "NO_COLOR=1",
                "/t/xtask",
                "demo",
                "--built",
                "/t/weir",
                "--keep"
            ]
        );
    }
}
