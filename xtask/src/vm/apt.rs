//! Packages of the distribution, fetched and unpacked beside the system instead of into it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::process::{output, run};

/// Where Debian keeps the keys that its archives are signed with.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Package lists of our own.
#[derive(Debug)]
pub(super) struct Lists {
    dir: PathBuf,
}

impl Lists {
    /// Those of one suite of an archive, such as `debian` and `trixie`, as they are now.
    pub(super) fn of(archive: &str, suite: &str, dir: &Path) -> Result<Self> {
        let lists = Self {
            dir: dir.to_owned(),
        };
        fs::create_dir_all(dir.join("state/lists/partial"))?;
        fs::create_dir_all(dir.join("cache/archives/partial"))?;
        let source =
            format!("deb [signed-by={KEYRING}] http://deb.debian.org/{archive} {suite} main\n");
        fs::write(dir.join("sources.list"), source)?;
        run(lists.command("apt-get").args(["-q", "update"]))?;
        Ok(lists)
    }

    /// The package that a package without content stands for.
    pub(super) fn meant_by(&self, name: &str) -> Result<String> {
        let shown = output(self.command("apt-cache").args(["show", name]))
            .with_context(|| format!("there is no package {name}"))?;
        dependency(&shown).with_context(|| format!("package {name} stands for nothing"))
    }

    /// Fetches a package and unpacks it below `into`.
    pub(super) fn unpack(&self, name: &str, into: &Path) -> Result<()> {
        run(self
            .command("apt-get")
            .args(["-q", "download", name])
            .current_dir(&self.dir))?;
        unpack_all(&self.dir, into)
    }

    fn command(&self, program: &str) -> Command {
        let mut apt = Command::new(program);
        let at = |name: &str| self.dir.join(name).display().to_string();
        for option in [
            format!("Dir::State={}", at("state")),
            format!("Dir::Cache={}", at("cache")),
            format!("Dir::Etc::sourcelist={}", at("sources.list")),
            "Dir::Etc::sourceparts=/dev/null".to_owned(),
            "Acquire::Languages=none".to_owned(),
        ] {
            apt.args(["-o", &option]);
        }
        apt.args(unprivileged());
        apt
    }
}

/// Fetches a package of the system's own lists, with what it needs and the system lacks, and unpacks
/// all of it below `into`.
pub(super) fn unpack_with_dependencies(name: &str, dir: &Path, into: &Path) -> Result<()> {
    let archives = dir.join("cache/archives");
    fs::create_dir_all(archives.join("partial"))?;
    let cache = format!("Dir::Cache={}", dir.join("cache").display());
    run(Command::new("apt-get")
        .args(["-q", "--yes", "-o", &cache])
        .args(unprivileged())
        // Nothing is installed, so nobody else's lock matters.
        .args(["-o", "Debug::NoLocking=1"])
        .args([
            "install",
            "--download-only",
            "--no-install-recommends",
            name,
        ]))?;
    unpack_all(&archives, into)
}

/// Whoever runs this fetches: apt's own user may not write here.
fn unprivileged() -> [&'static str; 2] {
    ["-o", "APT::Sandbox::User=root"]
}

fn unpack_all(packages: &Path, into: &Path) -> Result<()> {
    for entry in fs::read_dir(packages)? {
        let package = entry?.path();
        if package
            .extension()
            .is_some_and(|extension| extension == "deb")
        {
            run(Command::new("dpkg-deb").arg("-x").arg(&package).arg(into))?;
        }
    }
    Ok(())
}

/// The first that a package depends on.
fn dependency(shown: &str) -> Option<String> {
    let depends = shown
        .lines()
        .find_map(|line| line.strip_prefix("Depends: "))?;
    depends
        .split([' ', ','])
        .next()
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_without_content_leads_to_the_one_that_has_it() {
        let shown = "Package: linux-image-cloud-amd64\nDepends: linux-image-6.1.0-50-cloud-amd64 (= 6.1.176-1)\n";
        assert_eq!(
            dependency(shown).as_deref(),
            Some("linux-image-6.1.0-50-cloud-amd64")
        );
        assert_eq!(dependency("Package: none\n"), None);
    }
}
