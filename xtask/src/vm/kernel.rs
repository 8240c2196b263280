//! The kernels: which, and from where.

use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use super::apt::Lists;
use super::files;
use crate::process::run;

/// A kernel that hosts run: one of Debian's, for virtual machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Kernel {
    /// Debian 11
    #[value(name = "5.10")]
    V5_10,
    /// Debian 12
    #[value(name = "6.1")]
    V6_1,
    /// Debian 13
    #[value(name = "6.12")]
    V6_12,
}

impl Kernel {
    pub(crate) const ALL: [Self; 3] = [Self::V5_10, Self::V6_1, Self::V6_12];

    pub(super) const fn series(self) -> &'static str {
        match self {
            Self::V5_10 => "5.10",
            Self::V6_1 => "6.1",
            Self::V6_12 => "6.12",
        }
    }

    /// Debian's archive and suite that have it.
    const fn source(self) -> (&'static str, &'static str) {
        match self {
            Self::V5_10 => ("debian-security", "bullseye-security"),
            Self::V6_1 => ("debian", "bookworm"),
            Self::V6_12 => ("debian", "trixie"),
        }
    }
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.series())
    }
}

/// Stands for the newest of its suite.
const PACKAGE: &str = "linux-image-cloud-amd64";

/// A kernel that is here.
#[derive(Debug)]
pub(super) struct Fetched {
    pub(super) dir: PathBuf,
    pub(super) image: PathBuf,
    /// Its modules, uncompressed.
    pub(super) modules: PathBuf,
    /// As its modules' directory is called.
    pub(super) release: String,
}

/// Fetches a kernel into `vm`, unless it is there. It is not replaced by a newer one before it is
/// deleted.
pub(super) fn fetch(kernel: Kernel, vm: &Path) -> Result<Fetched> {
    let dir = vm.join(kernel.series());
    let root = dir.join("root");
    // Made only when all is there.
    if !root.exists() {
        let (archive, suite) = kernel.source();
        let lists = Lists::of(archive, suite, &dir)?;
        let package = lists.meant_by(PACKAGE)?;
        let partial = dir.join("partial");
        files::remove(&partial)?;
        lists.unpack(&package, &partial)?;
        uncompress(&partial)?;
        fs::rename(&partial, &root)?;
    }
    let image = files::find(&root.join("boot"), |name| name.starts_with("vmlinuz-"))
        .context("the kernel's package has no kernel")?;
    // Since Debian 13 nothing lies in /lib itself.
    let modules = ["lib/modules", "usr/lib/modules"]
        .iter()
        .find_map(|at| files::find(&root.join(at), |_| true))
        .context("the kernel's package has no modules")?;
    let release = modules.file_name().and_then(OsStr::to_str);
    Ok(Fetched {
        release: release.context("a strange name of a kernel")?.to_owned(),
        dir,
        image,
        modules,
    })
}

/// So that whatever reads them needs to know no compression.
fn uncompress(root: &Path) -> Result<()> {
    let compressed = files::all(root)?
        .into_iter()
        .filter(|file| file.extension().is_some_and(|extension| extension == "xz"));
    let compressed: Vec<PathBuf> = compressed.collect();
    if compressed.is_empty() {
        return Ok(());
    }
    // Their names would fill pages.
    let list = root.join("compressed");
    let names: Vec<String> = compressed
        .iter()
        .map(|file| file.display().to_string())
        .collect();
    fs::write(&list, names.join("\n") + "\n")?;
    run(Command::new("xz")
        .arg("-d")
        .arg(format!("--files={}", list.display())))
}
