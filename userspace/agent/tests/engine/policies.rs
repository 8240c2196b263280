//! The policy files of a daemon that runs: taken whole or not at all, by SIGHUP and by themselves, and
//! with a key configured only as they were signed.

use std::{
    fs, iter,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use nix::sys::signal::Signal;
use testbed::{Identity, Output, Postgres, Spawn};
use weir_record::{Entry, Event, SessionReader, store};

use crate::{
    daemon::{Daemon, WEIR},
    stand::{config_text, one_engine, psql_arguments, server},
};

const ALL: &str = "@id(\"all\") permit (principal, action, resource);\n";
const NO_PEOPLE: &str = "@id(\"no-people\") @message(\"people are private\")\n\
    forbid (principal, action in Weir::Action::\"read\", resource is Weir::Relation)\n\
    when { resource.name == \"people\" };\n";
const BAD: &str = "permit (principal action, resource);\n";

/// A state directory, with a configuration that names a directory of policies.
struct Host {
    dir: tempfile::TempDir,
    name: String,
}

impl Host {
    /// `policies` is the rest of `[policies]`.
    fn new(name: &str, policies: &str, server: &Postgres) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let name = format!("weir-test-{name}-{}", std::process::id());
        let host = Self { dir, name };
        fs::create_dir(host.policies()).unwrap();
        host.write("all.cedar", ALL);
        let text = config_text(host.dir.path(), &host.name, server);
        let engine = format!("[engine]\npolicies = \"{}\"", host.policies().display());
        let text = text.replacen("[engine]", &engine, 1);
        fs::write(host.config(), format!("{text}\n[policies]\n{policies}\n")).unwrap();
        host
    }

    fn config(&self) -> PathBuf {
        self.dir.path().join("weir.toml")
    }

    fn policies(&self) -> PathBuf {
        self.dir.path().join("own-policies")
    }

    fn socket(&self) -> PathBuf {
        self.dir.path().join("weir.sock")
    }

    /// Replaces a policy file as editors do: at once.
    fn write(&self, name: &str, text: &str) {
        let fresh = self.dir.path().join("fresh");
        fs::write(&fresh, text).unwrap();
        fs::rename(fresh, self.policies().join(name)).unwrap();
    }

    fn daemon(&self) -> Daemon {
        Daemon::start(&self.config(), &self.name, &self.socket())
    }

    /// A daemon that doesn't start: what it says.
    fn refuses_to_start(&self) -> String {
        let config = self.config();
        let out = weir(&[
            "daemon",
            "--instance",
            &self.name,
            "--config",
            config.to_str().unwrap(),
        ]);
        assert_eq!(out.status.code(), Some(1), "{}", out.stderr_text());
        out.stderr_text()
    }

    /// The version in force.
    fn version(&self) -> String {
        let socket = self.socket();
        let out = weir(&["status", "--json", "--socket", socket.to_str().unwrap()]);
        let status: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
        status["policy"]["version"].as_str().unwrap().to_owned()
    }

    /// What the audit log has of policies so far: each event's name, and the reason if there is one.
    fn audited(&self) -> Vec<(String, String)> {
        let log = fs::read_to_string(self.dir.path().join("audit.jsonl")).unwrap_or_default();
        let events = log.lines().map(|line| {
            let event: serde_json::Value = serde_json::from_str(line).unwrap();
            let field = |name: &str| event[name].as_str().unwrap_or_default().to_owned();
            (field("event"), field("reason"))
        });
        events
            .filter(|(event, _)| event.starts_with("policy_"))
            .collect()
    }

    /// Waits until so many events of policies are audited; the last of them.
    fn audits(&self, count: usize) -> (String, String) {
        for _ in 0..600 {
            let audited = self.audited();
            if audited.len() >= count {
                assert_eq!(audited.len(), count, "{audited:?}");
                return audited[count - 1].clone();
            }
            thread::sleep(Duration::from_millis(50));
        }
        panic!("no {count} events of policies: {:?}", self.audited());
    }
}

fn weir(arguments: &[&str]) -> Output {
    Spawn::new(WEIR)
        .args(arguments)
        .env("NO_COLOR", "1")
        .deadline(Duration::from_secs(60))
        .run()
        .unwrap()
}

/// A psql of the workload's that runs these one after the other in one session.
fn agent(daemon: &Daemon, server: &Postgres, statements: &[&str]) -> Spawn {
    Spawn::new("psql")
        .args(psql_arguments("127.0.0.1", server, statements))
        .as_user(Identity::nobody())
        .in_cgroup(daemon.cgroup.path())
        .deadline(Duration::from_secs(120))
}

/// The policy versions of a session's commands, in order.
fn judged_by(records: &Path) -> Vec<Vec<String>> {
    let sessions = weir_record::list(records).unwrap();
    let sessions = sessions.into_iter().map(Result::unwrap);
    sessions
        .map(|session| {
            let path = store::path_of(records, session.start.id);
            let entries = SessionReader::open(&path).unwrap().map_while(Result::ok);
            let versions = entries.filter_map(|entry| match entry {
                Entry::Event(Event::Intent(intent)) => Some(intent.policy_version),
                _ => None,
            });
            versions.collect()
        })
        .collect()
}

#[test]
fn a_hangup_takes_all_files_or_none_and_a_live_session_is_judged_by_them_from_then_on() {
    let _one = one_engine();
    let server = server();
    let host = Host::new("hangup", "watch = false", &server);
    let daemon = host.daemon();
    let first = host.version();
    // Where the agent can write.
    let signs = host.dir.path().join("signs");
    fs::create_dir(&signs).unwrap();
    for (path, mode) in [(host.dir.path(), 0o755), (&*signs, 0o777)] {
        fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    }
    let (ready, go) = (signs.join("ready"), signs.join("go"));
    let wait = format!(
        "\\! touch {}; while ! [ -e {} ]; do sleep 0.05; done",
        ready.display(),
        go.display()
    );
    let people = "SELECT count(*) FROM people";
    let live = agent(&daemon, &server, &[people, &wait, people])
        .start()
        .unwrap();
    until(|| ready.exists());

    // One of two is bad: neither is in force.
    host.write("no-people.cedar", NO_PEOPLE);
    host.write("other.cedar", BAD);
    daemon.signal(Signal::SIGHUP);
    let (event, reason) = host.audits(1);
    assert_eq!(event, "policy_rejected");
    assert!(reason.contains("other.cedar"), "{reason}");
    assert_eq!(host.version(), first);
    let out = agent(&daemon, &server, &[people]).run().unwrap();
    assert!(out.status.success(), "{}", out.stderr_text());

    host.write("other.cedar", &ALL.replace("all", "other"));
    daemon.signal(Signal::SIGHUP);
    assert_eq!(host.audits(2).0, "policy_loaded");
    let second = host.version();
    assert_ne!(second, first);
    fs::write(go, "").unwrap();
    let out = live.wait().unwrap();
    let told = out.stderr_text();
    assert_eq!(told.matches("people are private").count(), 1, "{told}");
    assert!(told.contains(&format!("policy {second}")), "{told}");
    drop(daemon);
    // The record says which version judged each command.
    let judged = judged_by(&host.dir.path().join("records"));
    assert!(judged.contains(&vec![first, second]), "{judged:?}");
}

#[test]
fn changed_files_are_taken_by_themselves_and_with_a_key_only_as_they_were_signed() {
    let _one = one_engine();
    let server = server();
    let keys = tempfile::tempdir().unwrap();
    let key = keys.path().join("release.pem");
    let key = key.to_str().unwrap();
    assert!(weir(&["policy", "keygen", "--key", key]).status.success());
    let public = fs::read_to_string(format!("{key}.pub")).unwrap();
    let public: String = public.lines().filter(|l| !l.starts_with('-')).collect();
    let host = Host::new("signed", &format!("keys = [\"{public}\"]"), &server);
    let sign = || {
        let directory = host.policies();
        let out = weir(&["policy", "sign", directory.to_str().unwrap(), "--key", key]);
        assert!(out.status.success(), "{}", out.stderr_text());
    };

    // 1. At start, nothing but what was signed.
    let told = host.refuses_to_start();
    assert!(told.contains("MANIFEST"), "{told}");
    sign();
    host.write("more.cedar", NO_PEOPLE);
    let told = host.refuses_to_start();
    assert!(told.contains("more.cedar"), "{told}");
    fs::remove_file(host.policies().join("more.cedar")).unwrap();
    host.write("all.cedar", &ALL.replace("permit", "forbid"));
    let told = host.refuses_to_start();
    assert!(told.contains("all.cedar"), "{told}");
    host.write("all.cedar", ALL);
    let daemon = host.daemon();
    let first = host.version();
    let old: Vec<(String, Vec<u8>)> = fs::read_dir(host.policies())
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read(entry.path()).unwrap())
        })
        .collect();

    // 2. What is changed and not signed is looked at, told, and not taken.
    host.write("more.cedar", NO_PEOPLE);
    let (event, reason) = host.audits(1);
    assert_eq!(event, "policy_rejected");
    assert!(reason.contains("more.cedar"), "{reason}");
    assert_eq!(host.version(), first);

    // 3. Signed, it is taken without anybody's asking.
    sign();
    assert_eq!(host.audits(2).0, "policy_loaded");
    assert_ne!(host.version(), first);
    let out = agent(&daemon, &server, &["SELECT count(*) FROM people"])
        .run()
        .unwrap();
    assert!(out.stderr_text().contains("people are private"));

    // 4. The bundle before it was signed, too, and doesn't come back.
    let fresh = host.dir.path().join("old");
    fs::create_dir(&fresh).unwrap();
    for (name, text) in old {
        fs::write(fresh.join(name), text).unwrap();
    }
    fs::rename(host.policies(), host.dir.path().join("aside")).unwrap();
    fs::rename(fresh, host.policies()).unwrap();
    let (event, reason) = host.audits(3);
    assert_eq!(event, "policy_rejected");
    assert!(reason.contains("was taken before"), "{reason}");
    assert_ne!(host.version(), first);
}

fn until(mut is: impl FnMut() -> bool) {
    let mut tries = iter::repeat_with(|| {
        thread::sleep(Duration::from_millis(50));
        is()
    });
    assert!(tries.by_ref().take(600).any(|is| is), "in time");
}
