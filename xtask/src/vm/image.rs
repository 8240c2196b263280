//! A virtual machine's file system: PID 1, the tests, the programs that they start, the libraries of
//! all of these, and the kernel's modules. It is the initial one, and there is no other.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use super::cpio::Archive;
use super::files;
use super::kernel::Fetched;
use super::suites::Suites;
use crate::process::{find_program, output, run};

/// What the tests start, and what the kernel does.
const PROGRAMS: [&str; 5] = ["ip", "cp", "setpriv", "busybox", "perl"];

/// What these programs read beside their libraries: perl's own modules.
const TREES: [&str; 1] = ["/usr/lib/x86_64-linux-gnu/perl-base"];

/// Modules that the tests use and the kernel doesn't ask for by itself when they do.
const MODULES: [&str; 6] = [
    "veth",
    "dummy",
    "tcp_diag",
    "udp_diag",
    "inet_diag",
    "vsock_loopback",
];

/// Modules that the kernel may ask for, through modprobe.
const ASKED_FOR: [&str; 9] = [
    "sctp",
    "vsock",
    "af_alg",
    "algif_hash",
    "unix_diag",
    "raw_diag",
    "smc",
    "tun",
    "xsk_diag",
];

const DIRECTORIES: [&str; 17] = [
    "bin", "sbin", "usr", "usr/bin", "usr/sbin", "lib", "lib64", "etc", "dev", "proc", "sys",
    "tmp", "run", "tests", "root", "var", "var/tmp",
];

/// Writes it beside the kernel.
pub(super) fn make(kernel: &Fetched, suites: &Suites) -> Result<PathBuf> {
    let path = kernel.dir.join("initrd");
    let mut archive = Archive::new(BufWriter::new(File::create(&path)?));
    for directory in DIRECTORIES {
        archive.directory(directory)?;
    }
    // The kernel opens it for PID 1 before anything is mounted.
    archive.device("dev/console", (5, 1))?;
    archive.file(
        "etc/passwd",
        b"root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n",
    )?;
    archive.file("etc/group", b"root:x:0:\nnogroup:x:65534:\n")?;
    archive.file("etc/hosts", b"127.0.0.1 localhost\n::1 localhost\n")?;

    let mut libraries = BTreeSet::new();
    archive.file("init", &stripped(&suites.init, &kernel.dir)?)?;
    libraries.extend(needed(&suites.init));
    let mut list = String::new();
    for suite in &suites.all {
        let name = format!("tests/{}", suite.name);
        archive.file(&name, &stripped(&suite.program, &kernel.dir)?)?;
        libraries.extend(needed(&suite.program));
        let variables = suite.variables.iter().map(String::as_str);
        let words = [suite.name, "/usr/bin/env"].into_iter().chain(variables);
        let words: Vec<&str> = words.collect();
        list.push_str(&format!(
            "{} /{name} {}\n",
            words.join(" "),
            suite.args.join(" ")
        ));
    }
    archive.file("suites", list.as_bytes())?;
    for name in PROGRAMS {
        let program = find_program(name)
            .or_else(|| Some(Path::new("/usr/sbin").join(name)).filter(|path| path.exists()))
            .with_context(|| format!("the tests need {name}, and it is not here"))?;
        archive.file(&format!("usr/bin/{name}"), &fs::read(&program)?)?;
        libraries.extend(needed(&program));
    }
    for applet in [
        "bin/sh",
        "sbin/modprobe",
        "bin/cat",
        "bin/sleep",
        "bin/true",
        "usr/bin/env",
    ] {
        archive.link(applet, "/usr/bin/busybox")?;
    }
    let mut made: BTreeSet<PathBuf> = DIRECTORIES.iter().map(PathBuf::from).collect();
    for tree in TREES {
        libraries.extend(files::all(Path::new(tree))?);
    }
    for library in libraries {
        let name = library.strip_prefix("/").unwrap_or(&library);
        under(&mut archive, &mut made, name)?;
        archive.file(&name.display().to_string(), &fs::read(&library)?)?;
    }
    modules(&mut archive, &mut made, kernel)?;
    archive.finish()?;
    Ok(path)
}

/// Makes the directories that a name lies in.
fn under(
    archive: &mut Archive<impl std::io::Write>,
    made: &mut BTreeSet<PathBuf>,
    name: &Path,
) -> Result<()> {
    let mut above: Vec<&Path> = name.ancestors().skip(1).collect();
    above.reverse();
    for directory in above {
        if !directory.as_os_str().is_empty() && made.insert(directory.to_owned()) {
            archive.directory(&directory.display().to_string())?;
        }
    }
    Ok(())
}

/// Without what only a debugger reads: the emulated machine has to hash it.
fn stripped(program: &Path, dir: &Path) -> Result<Vec<u8>> {
    let to = dir.join("stripped");
    run(Command::new("strip").arg("-o").arg(&to).arg(program))?;
    let bytes = fs::read(&to)?;
    fs::remove_file(&to)?;
    Ok(bytes)
}

/// The libraries that a program is started with.
fn needed(program: &Path) -> Vec<PathBuf> {
    // It fails for one that needs none.
    let listing = output(Command::new("ldd").arg(program)).unwrap_or_default();
    parse_needed(&listing)
}

/// Each line's path: after the arrow, or the loader's own.
fn parse_needed(listing: &str) -> Vec<PathBuf> {
    listing
        .lines()
        .filter_map(|line| line.split_whitespace().find(|word| word.starts_with('/')))
        .map(PathBuf::from)
        .collect()
}

/// Those named above with what they need in turn, and an index of what they stand for.
fn modules(
    archive: &mut Archive<impl std::io::Write>,
    made: &mut BTreeSet<PathBuf>,
    kernel: &Fetched,
) -> Result<()> {
    let staged = kernel.dir.join("staged");
    files::remove(&staged)?;
    let base = staged.join("lib/modules").join(&kernel.release);
    fs::create_dir_all(&base)?;
    let index = |root: &Path| {
        run(Command::new("busybox")
            .args(["depmod", "-b"])
            .arg(root)
            .arg(&kernel.release))
    };
    let above = kernel
        .modules
        .ancestors()
        .nth(3)
        .context("modules at the root")?;
    if !kernel.modules.join("modules.dep").exists() {
        index(above)?;
    }
    let dependencies = fs::read_to_string(kernel.modules.join("modules.dep"))?;
    let wanted: Vec<&str> = MODULES.iter().chain(&ASKED_FOR).copied().collect();
    for file in closure(&dependencies, &wanted) {
        let to = base.join(&file);
        fs::create_dir_all(to.parent().context("a module at the root")?)?;
        fs::copy(kernel.modules.join(&file), &to)?;
    }
    for file in ["modules.builtin", "modules.order"] {
        fs::copy(kernel.modules.join(file), base.join(file))?;
    }
    index(&staged)?;
    for file in files::all(&staged)? {
        let name = file.strip_prefix(&staged)?;
        under(archive, made, name)?;
        archive.file(&name.display().to_string(), &fs::read(&file)?)?;
    }
    archive.file("modules", (MODULES.join("\n") + "\n").as_bytes())?;
    files::remove(&staged)
}

/// The files of these modules and of all that they need, by a `modules.dep`, which lists those whole.
fn closure(dependencies: &str, wanted: &[&str]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for line in dependencies.lines() {
        let Some((file, needs)) = line.split_once(':') else {
            continue;
        };
        let name = Path::new(file).file_stem().and_then(|stem| stem.to_str());
        if name.is_some_and(|name| wanted.contains(&name.replace('-', "_").as_str())) {
            found.insert(file.to_owned());
            found.extend(needs.split_whitespace().map(str::to_owned));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_found_and_what_the_kernel_lends_is_not() {
        let listing = "\tlinux-vdso.so.1 (0x00007ffe)\n\
            \tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f)\n\
            \t/lib64/ld-linux-x86-64.so.2 (0x00007f)\n";
        assert_eq!(
            parse_needed(listing),
            [
                PathBuf::from("/lib/x86_64-linux-gnu/libc.so.6"),
                PathBuf::from("/lib64/ld-linux-x86-64.so.2")
            ]
        );
    }

    #[test]
    fn a_module_comes_with_what_it_needs() {
        let dependencies = "kernel/net/sctp/sctp.ko: kernel/lib/libcrc32c.ko\n\
            kernel/drivers/net/veth.ko:\nkernel/fs/xfs.ko:\n";
        assert_eq!(
            closure(dependencies, &["sctp", "veth"])
                .into_iter()
                .collect::<Vec<_>>(),
            [
                "kernel/drivers/net/veth.ko",
                "kernel/lib/libcrc32c.ko",
                "kernel/net/sctp/sctp.ko"
            ]
        );
    }
}
