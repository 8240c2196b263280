//! What this host can do, found out by trying. Changes nothing: programs are put through the
//! verifier and let go, and the one socket that is closed was made for it.
//!
//! What takes capabilities is not tried without them: it would fail for want of these, and tell
//! nothing of the kernel.

mod attribution;
mod features;

use std::{fs, path::Path};

use aya::{maps::MapType, sys::is_map_supported, util::KernelVersion};

use crate::{
    InterceptError, Tier, cgroup,
    kernel::{object, programs},
    pins::is_bpffs,
};

/// One thing that was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// What was tried.
    pub name: &'static str,
    /// How it went.
    pub outcome: Outcome,
    /// What was found.
    pub detail: String,
    /// What to do about it.
    pub remedy: Option<String>,
}

/// How a probe went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// As weir needs it.
    Ok,
    /// Weir can't enforce without it.
    Missing,
    /// Weir enforces, but less.
    Degraded,
    /// Nobody knows: trying it takes capabilities that this process lacks.
    Untried,
}

impl Probe {
    fn ok(name: &'static str, detail: impl Into<String>) -> Self {
        Self {
            name,
            outcome: Outcome::Ok,
            detail: detail.into(),
            remedy: None,
        }
    }

    fn untried(name: &'static str) -> Self {
        Self {
            name,
            outcome: Outcome::Untried,
            detail: "not tried: needs root".to_owned(),
            remedy: None,
        }
    }

    fn not(name: &'static str, outcome: Outcome, detail: impl Into<String>, remedy: &str) -> Self {
        Self {
            name,
            outcome,
            detail: detail.into(),
            remedy: Some(remedy.to_owned()),
        }
    }
}

/// Tries everything the engine needs.
pub fn probe() -> Vec<Probe> {
    with(privileges())
}

fn with(privileges: Probe) -> Vec<Probe> {
    let may = privileges.outcome == Outcome::Ok;
    let tried = |name: &'static str, probe: fn(&'static str) -> Probe| {
        if may {
            probe(name)
        } else {
            Probe::untried(name)
        }
    };
    let mut probes = vec![
        privileges,
        kernel(),
        tried("BTF and socket storage", btf),
        cgroup_v2(),
        bpffs(),
        tried("ring buffer", ring_buffer),
        tried("attribution", attribution::probe),
    ];
    let programs = if may {
        each_program()
    } else {
        programs::all().map(Probe::untried).collect()
    };
    let tier = tier(&programs);
    probes.extend(programs);
    probes.extend([
        tried("Unix sockets", features::unix_sockets),
        tried("socket families", features::families),
        tried("closing sockets", features::socket_destroy),
        features::netns_cookie(),
        tier,
    ]);
    probes
}

/// Bits of `CapEff` (capabilities(7), include/uapi/linux/capability.h) that the engine uses.
const CAPABILITIES: [(u32, &str); 5] = [
    (2, "CAP_DAC_READ_SEARCH"),
    (12, "CAP_NET_ADMIN"),
    (19, "CAP_SYS_PTRACE"),
    (21, "CAP_SYS_ADMIN"),
    (39, "CAP_BPF"),
];

fn privileges() -> Probe {
    const NAME: &str = "privileges";
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))
        .and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok())
        .unwrap_or(0);
    let lacking: Vec<&str> = CAPABILITIES
        .iter()
        .filter(|(bit, _)| effective & (1 << bit) == 0)
        .map(|(_, name)| *name)
        .collect();
    if lacking.is_empty() {
        return Probe::ok(NAME, "every capability the engine uses is there");
    }
    Probe::not(
        NAME,
        Outcome::Missing,
        format!("without {}", lacking.join(", ")),
        "run as root; in a container, with these capabilities",
    )
}

fn kernel() -> Probe {
    const NAME: &str = "kernel";
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let release = release.trim();
    if KernelVersion::current().is_ok_and(|version| version >= KernelVersion::new(5, 10, 0)) {
        return Probe::ok(NAME, format!("Linux {release}"));
    }
    Probe::not(
        NAME,
        Outcome::Missing,
        format!("Linux {release}"),
        "use Linux 5.10 or later",
    )
}

/// Socket storage is made only of types that the kernel can read, so it tells for BTF too.
fn btf(name: &'static str) -> Probe {
    supported(
        name,
        MapType::SkStorage,
        "facts can be kept on a socket",
        "use Linux 5.10 or later, built with CONFIG_BPF_SYSCALL=y and CONFIG_NET=y",
    )
}

fn cgroup_v2() -> Probe {
    const NAME: &str = "cgroup v2";
    match cgroup::root() {
        Ok(root) => Probe::ok(NAME, root.display().to_string()),
        Err(error) => Probe::not(
            NAME,
            Outcome::Missing,
            error.to_string(),
            "boot with systemd.unified_cgroup_hierarchy=1, or mount -t cgroup2 none DIR",
        ),
    }
}

fn bpffs() -> Probe {
    const NAME: &str = "bpffs";
    const PATH: &str = "/sys/fs/bpf";
    if is_bpffs(Path::new(PATH)) {
        return Probe::ok(NAME, PATH);
    }
    let known = fs::read_to_string("/proc/filesystems").unwrap_or_default();
    if Path::new(PATH).exists() && known.split_whitespace().any(|name| name == "bpf") {
        return Probe::ok(
            NAME,
            format!("not mounted; the engine will mount it at {PATH}"),
        );
    }
    Probe::not(
        NAME,
        Outcome::Missing,
        "this kernel has no bpf filesystem",
        "use a kernel built with CONFIG_BPF_SYSCALL=y",
    )
}

fn ring_buffer(name: &'static str) -> Probe {
    supported(
        name,
        MapType::RingBuf,
        "refusals reach the engine as they happen",
        "use Linux 5.8 or later",
    )
}

fn supported(name: &'static str, kind: MapType, detail: &str, remedy: &str) -> Probe {
    match is_map_supported(kind) {
        Ok(true) => Probe::ok(name, detail),
        Ok(false) => Probe::not(name, Outcome::Missing, "not in this kernel", remedy),
        Err(error) => Probe::not(
            name,
            Outcome::Missing,
            short(&error.to_string()),
            "run as root",
        ),
    }
}

/// One probe a program, each put through the verifier on its own.
fn each_program() -> Vec<Probe> {
    let mut ebpf = match object::load(None, object::tier()) {
        Ok(ebpf) => ebpf,
        Err(error) => return vec![unloadable("programs", &error)],
    };
    programs::all()
        .map(|name| match programs::load(&mut ebpf, name) {
            Ok(()) => Probe::ok(name, "the verifier accepts it"),
            Err(error) => unloadable(name, &error),
        })
        .collect()
}

fn unloadable(name: &'static str, error: &InterceptError) -> Probe {
    Probe::not(
        name,
        Outcome::Missing,
        short(&error.to_string()),
        "run as root on Linux 5.10 or later",
    )
}

fn tier(programs: &[Probe]) -> Probe {
    const NAME: &str = "enforcement";
    if programs
        .iter()
        .any(|probe| probe.outcome == Outcome::Untried)
    {
        return Probe::untried(NAME);
    }
    let whole = programs.iter().all(|probe| probe.outcome == Outcome::Ok);
    let tier = if whole { object::tier() } else { Tier::None };
    match tier {
        Tier::Full => Probe::ok(NAME, "full"),
        Tier::Compatible => Probe::not(
            NAME,
            Outcome::Degraded,
            "compatible: connections are told apart without their network namespace",
            "use Linux 5.15 or later",
        ),
        Tier::None => Probe::not(
            NAME,
            Outcome::Missing,
            "none: some program does not load",
            "see the lines above",
        ),
    }
}

/// A verifier's log runs to pages; its first line says which call failed, its last why.
fn short(error: &str) -> String {
    let mut lines = error.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or_default();
    let last = lines.rfind(|line| !line.starts_with("processed "));
    last.map_or_else(|| first.to_owned(), |last| format!("{first} ... {last}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_log_is_told_by_its_ends() {
        assert_eq!(short("one line"), "one line");
        assert_eq!(
            short("failed:\n0: r1 = 1\nbad access\nprocessed 9 insns\n"),
            "failed: ... bad access"
        );
        assert_eq!(short(""), "");
    }

    #[test]
    fn one_program_that_does_not_load_is_no_enforcement() {
        let probes = [
            Probe::ok("connect4", ""),
            Probe::not("egress", Outcome::Missing, "refused", "none"),
        ];
        let tier = tier(&probes);
        assert_eq!(tier.outcome, Outcome::Missing);
        assert!(tier.remedy.is_some());
    }

    #[test]
    fn without_capabilities_nothing_is_said_of_what_takes_them() {
        let probes = with(Probe::not(
            "privileges",
            Outcome::Missing,
            "without",
            "help",
        ));
        for probe in &probes {
            match probe.name {
                "privileges" => assert_eq!(probe.outcome, Outcome::Missing),
                "kernel" | "cgroup v2" | "bpffs" | "network namespaces" => {
                    assert_ne!(probe.outcome, Outcome::Untried, "{probe:?}");
                }
                _ => {
                    assert_eq!(probe.outcome, Outcome::Untried, "{probe:?}");
                    assert_eq!(probe.remedy, None, "{probe:?}");
                }
            }
        }
        for name in ["connect4", "root_bind6", "Unix sockets", "enforcement"] {
            assert!(probes.iter().any(|probe| probe.name == name), "{name}");
        }
    }
}
