//! `cargo xtask build-ebpf`: the object that the agent embeds.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result, bail};

use crate::say;
use crate::setup::bpf::Toolchain;
use crate::setup::{self, Part};
use crate::workspace::Workspace;

/// Builds it, and replaces the one that is there only if it differs: what embeds it is rebuilt when
/// it changes.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    setup::parts(workspace, &[Part::Ebpf])?;
    let built = build(workspace)?;
    let object = workspace.ebpf_object();
    let changed = replace_if_different(&built, &object)
        .with_context(|| format!("cannot write {}", object.display()))?;
    let state = if changed { "new" } else { "unchanged" };
    say::line(format_args!(
        "eBPF programs: {} ({state})",
        object.display()
    ));
    Ok(())
}

/// Runs the build, and returns the path of what it built.
fn build(workspace: &Workspace) -> Result<PathBuf> {
    let toolchain = Toolchain::find().context("the eBPF toolchain is still incomplete")?;
    let mut cargo = toolchain
        .cargo("build")?
        .context("the eBPF toolchain has no cargo")?;
    cargo
        // Its target, flags and `build-std` are in that directory's cargo configuration.
        .current_dir(workspace.ebpf_programs())
        .args([
            "--release",
            "--locked",
            "--message-format",
            "json-render-diagnostics",
        ])
        .arg("--target-dir")
        .arg(workspace.ebpf_target())
        .stdin(Stdio::null())
        .stderr(Stdio::inherit());
    let output = cargo
        .output()
        .context("cannot start the eBPF toolchain's cargo")?;
    if !output.status.success() {
        bail!("the eBPF programs don't build, {}", output.status);
    }
    executable(&String::from_utf8_lossy(&output.stdout))
        .context("the eBPF build made no executable")
}

/// The program in cargo's messages, one JSON object a line.
pub(crate) fn executable(messages: &str) -> Option<PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .find_map(|message| message.get("executable")?.as_str().map(PathBuf::from))
}

/// Says whether it replaced it. At no moment is there half a file.
fn replace_if_different(from: &Path, to: &Path) -> io::Result<bool> {
    let new = fs::read(from)?;
    if fs::read(to).is_ok_and(|old| old == new) {
        return Ok(false);
    }
    let mut file = tempfile::NamedTempFile::new_in(to.parent().unwrap_or(Path::new(".")))?;
    file.write_all(&new)?;
    file.persist(to)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_executable_is_found_among_libraries_and_noise() {
        let messages = "not json\n\
            {\"reason\":\"compiler-artifact\",\"executable\":null}\n\
            {\"reason\":\"compiler-artifact\",\"executable\":\"/t/release/programs\"}\n\
            {\"reason\":\"build-finished\",\"success\":true}\n";
        assert_eq!(
            executable(messages),
            Some(PathBuf::from("/t/release/programs"))
        );
        assert_eq!(executable("{\"reason\":\"build-finished\"}\n"), None);
    }

    #[test]
    fn an_equal_object_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        fs::write(&from, "one").unwrap();
        assert!(replace_if_different(&from, &to).unwrap());
        let written = fs::metadata(&to).unwrap().modified().unwrap();
        assert!(!replace_if_different(&from, &to).unwrap());
        assert_eq!(fs::metadata(&to).unwrap().modified().unwrap(), written);
        fs::write(&from, "two").unwrap();
        assert!(replace_if_different(&from, &to).unwrap());
        assert_eq!(fs::read_to_string(&to).unwrap(), "two");
    }
}
