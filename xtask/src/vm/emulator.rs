//! QEMU: the system's, or one that is fetched.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use super::{apt, files};
use crate::process::find_program;
use crate::say;

const PROGRAM: &str = "qemu-system-x86_64";

/// An emulator, ready to be started.
#[derive(Debug)]
pub(super) struct Emulator {
    program: PathBuf,
    /// The root of one that isn't installed.
    root: Option<PathBuf>,
}

/// The system's, else one unpacked in `vm`.
pub(super) fn find(vm: &Path) -> Result<Emulator> {
    if let Some(program) = find_program(PROGRAM) {
        return Ok(Emulator {
            program,
            root: None,
        });
    }
    let dir = vm.join("qemu");
    let root = dir.join("root");
    let program = root.join("usr/bin").join(PROGRAM);
    if !program.exists() {
        say::line("QEMU is not here: it is fetched into target/vm, and not installed");
        let partial = dir.join("partial");
        files::remove(&partial)?;
        std::fs::create_dir_all(&partial)?;
        apt::unpack_with_dependencies("qemu-system-x86", &dir, &partial)?;
        files::remove(&root)?;
        std::fs::rename(&partial, &root).context("cannot put QEMU in its place")?;
    }
    Ok(Emulator {
        program,
        root: Some(root),
    })
}

impl Emulator {
    /// Its words on the command line: the program, and where it finds its own files.
    pub(super) fn words(&self) -> Vec<String> {
        let mut words = vec![self.program.display().to_string()];
        if let Some(root) = &self.root {
            for place in ["usr/share/qemu", "usr/share/seabios"] {
                words.extend(["-L".to_owned(), root.join(place).display().to_string()]);
            }
        }
        words
    }

    /// Lets it find its libraries.
    pub(super) fn prepare(&self, command: &mut Command) {
        let Some(root) = &self.root else { return };
        let places = ["usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu"]
            .map(|place| root.join(place).display().to_string());
        command.env("LD_LIBRARY_PATH", places.join(":"));
    }
}
