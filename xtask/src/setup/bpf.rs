//! The toolchain that builds the eBPF programs.
//!
//! They need `core` built from source for a target that rustup ships no library for, and a linker
//! made with the compiler's own LLVM. Two ways lead there: Debian's `rustc-web` with a linker built
//! against Debian's LLVM, and rustup's nightly with `rust-src` and any bpf-linker. Whichever is
//! complete is used; if neither is, the first is installed.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use super::apt;
use super::need::{Need, Program};
use crate::process::{find_program, forget_cargo, output, succeeds};

/// The LLVM of Debian's compiler, of its packages below, and of the linker's build.
const LLVM: &str = "22";

const PACKAGES: &[(&str, &str)] = &[
    (
        "cargo-web",
        "builds the eBPF programs, with the compiler below",
    ),
    ("rustc-web", "a compiler whose LLVM is packaged too"),
    (
        "rust-web-src",
        "the source of `core`, which is built for eBPF",
    ),
    ("llvm-22-dev", "for building bpf-linker"),
    ("libpolly-22-dev", "for building bpf-linker"),
    ("zlib1g-dev", "for building bpf-linker"),
    ("libzstd-dev", "for building bpf-linker"),
    ("libxml2-dev", "for building bpf-linker"),
];

const LINTS: &[(&str, &str)] = &[("rust-web-clippy", "lints the eBPF programs")];

const LINKER: Program = Program {
    name: "bpf-linker",
    version: "0.13.0",
    why: "links the eBPF programs; builds for a minute",
    args: &["--no-default-features", "--features", "llvm-22"],
    env: &[("LLVM_PREFIX", "/usr/lib/llvm-22")],
};

/// A complete toolchain.
#[derive(Debug)]
pub(crate) struct Toolchain {
    compiler: Compiler,
    linker: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compiler {
    /// Debian's, in /usr/bin beside rustup's elsewhere.
    Distribution,
    /// rustup's nightly.
    Nightly,
}

impl Toolchain {
    pub(crate) fn find() -> Option<Self> {
        Some(Self {
            compiler: Compiler::find()?,
            linker: linker()?,
        })
    }

    /// `cargo SUBCOMMAND` of that toolchain. `None`: it has no such subcommand.
    pub(crate) fn cargo(&self, subcommand: &str) -> Result<Option<Command>> {
        let mut cargo = match self.compiler {
            Compiler::Distribution => {
                let program = match subcommand {
                    // By its own path: cargo would look where rustup keeps its own first.
                    "clippy" => "/usr/bin/cargo-clippy",
                    _ => "/usr/bin/cargo",
                };
                if !Path::new(program).is_file() {
                    return Ok(None);
                }
                let mut cargo = Command::new(program);
                forget_cargo(&mut cargo);
                cargo
                    .env("CARGO", "/usr/bin/cargo")
                    .env("RUSTC", "/usr/bin/rustc")
                    // Building `core` is a nightly feature of a compiler that calls itself stable.
                    .env("RUSTC_BOOTSTRAP", "1");
                cargo
            }
            Compiler::Nightly => {
                let mut cargo = Command::new("cargo");
                forget_cargo(&mut cargo);
                cargo.arg("+nightly");
                cargo
            }
        };
        cargo
            .env("PATH", crate::process::path_starting_with(&self.linker)?)
            .arg(subcommand);
        Ok(Some(cargo))
    }
}

impl Compiler {
    fn find() -> Option<Self> {
        if is_distribution_usable() {
            Some(Self::Distribution)
        } else if is_nightly_usable() {
            Some(Self::Nightly)
        } else {
            None
        }
    }
}

/// What is missing for building the programs.
pub(super) fn needs() -> Result<Vec<Need>> {
    if Toolchain::find().is_some() {
        return Ok(Vec::new());
    }
    if find_program("apt-get").is_none() {
        bail!("building the eBPF programs needs {OTHER_WAY}");
    }
    if Compiler::find().is_none() && apt::has_lists() && !apt::has_candidate("rustc-web") {
        bail!("this distribution has no rustc-web; building the eBPF programs needs {OTHER_WAY}");
    }
    // Building the linker needs all of them but the compiler, and with it there is the first way.
    let mut needs = apt::missing(PACKAGES)?;
    if linker().is_none() {
        needs.push(Need::Program(&LINKER));
    }
    Ok(needs)
}

const OTHER_WAY: &str = "rustup's nightly with its source (`rustup toolchain install nightly \
                         --component rust-src`) and bpf-linker (`cargo install bpf-linker`)";

/// What is missing for linting them. rustup's nightly brings its own lints or goes without.
pub(super) fn lint_needs() -> Vec<Need> {
    let nightly = Compiler::find() == Some(Compiler::Nightly);
    let here = Path::new("/usr/bin/cargo-clippy").is_file();
    // A help, not a must: where there is no apt, linting them is skipped.
    if nightly || here {
        Vec::new()
    } else {
        apt::missing(LINTS).unwrap_or_default()
    }
}

/// One that starts: a linker whose LLVM was removed does not.
fn linker() -> Option<PathBuf> {
    find_program(LINKER.name).filter(|linker| succeeds(Command::new(linker).arg("--version")))
}

fn is_distribution_usable() -> bool {
    if !Path::new("/usr/bin/cargo").is_file() {
        return false;
    }
    let mut rustc = Command::new("/usr/bin/rustc");
    forget_cargo(&mut rustc);
    output(rustc.arg("-vV")).is_some_and(|version| llvm_major(&version) == Some(LLVM))
        && has_core_source(Path::new("/usr"))
}

fn is_nightly_usable() -> bool {
    let mut rustc = Command::new("rustc");
    forget_cargo(&mut rustc);
    output(rustc.args(["+nightly", "--print", "sysroot"]))
        .is_some_and(|sysroot| has_core_source(Path::new(sysroot.trim())))
}

fn has_core_source(sysroot: &Path) -> bool {
    sysroot
        .join("lib/rustlib/src/rust/library/core/Cargo.toml")
        .is_file()
}

/// From `rustc -vV`.
fn llvm_major(version: &str) -> Option<&str> {
    version
        .lines()
        .find_map(|line| line.strip_prefix("LLVM version: "))?
        .split('.')
        .next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compilers_llvm_is_read_from_its_version() {
        let version = "rustc 1.96.0\nbinary: rustc\nrelease: 1.96.0\nLLVM version: 22.1.8\n";
        assert_eq!(llvm_major(version), Some("22"));
        assert_eq!(llvm_major("rustc 1.63.0\n"), None);
    }

    #[test]
    fn the_linker_is_built_for_the_llvm_that_is_looked_for() {
        assert!(LINKER.args.contains(&format!("llvm-{LLVM}").as_str()));
        assert!(
            PACKAGES
                .iter()
                .any(|(name, _)| *name == format!("llvm-{LLVM}-dev"))
        );
        assert!(
            LINKER
                .env
                .iter()
                .any(|(_, value)| value.ends_with(&format!("llvm-{LLVM}")))
        );
    }
}
