//! Where things are in the repository.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// The repository's root.
#[derive(Debug, Clone)]
pub(crate) struct Workspace {
    root: PathBuf,
}

impl Workspace {
    pub(crate) fn find() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .context("xtask has no parent")?;
        Ok(Self {
            root: root.to_owned(),
        })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The eBPF programs' own workspace: another target, another toolchain.
    pub(crate) fn ebpf_programs(&self) -> PathBuf {
        self.root.join("ebpf").join("programs")
    }

    pub(crate) fn ebpf_manifest(&self) -> PathBuf {
        self.ebpf_programs().join("Cargo.toml")
    }

    /// Apart from the workspace's target directory, whose lock another cargo may hold.
    pub(crate) fn ebpf_target(&self) -> PathBuf {
        self.root.join("target").join("ebpf")
    }

    /// What the agent embeds.
    pub(crate) fn ebpf_object(&self) -> PathBuf {
        self.ebpf_target().join("weir-programs.o")
    }

    /// What fuzzers try against a crate of `userspace`: a workspace of its own.
    pub(crate) fn fuzz(&self, package: &str) -> PathBuf {
        self.root.join("userspace").join(package).join("fuzz")
    }

    /// Where that is built, and what it finds is remembered.
    pub(crate) fn fuzz_target(&self) -> PathBuf {
        self.root.join("target").join("fuzz")
    }

    /// The OpenID Connect provider that the tests start, with its versions.
    pub(crate) fn oidc_provider(&self) -> PathBuf {
        self.root.join("testbed").join("oidc")
    }

    /// The Python drivers that the tests use, with their versions.
    pub(crate) fn python_requirements(&self) -> PathBuf {
        self.root.join("testbed").join("requirements.txt")
    }

    /// What fetches PostgreSQL's regression suite.
    pub(crate) fn regression_suite_fetcher(&self) -> PathBuf {
        self.root.join("testbed").join("regress.py")
    }

    /// The programs that are run through weir and beside it, and the versions of their drivers.
    pub(crate) fn drivers(&self) -> PathBuf {
        self.root.join("testbed").join("drivers")
    }
}
