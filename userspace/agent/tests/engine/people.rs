//! People of a real OpenID Connect provider, each a local user who signs in from a shell, and what they
//! say to an agent of the same daemon.

use std::{
    fs,
    os::unix::fs::chown,
    path::{Path, PathBuf},
    sync::MutexGuard,
    thread,
    time::Duration,
};

use serde_json::Value;
use testbed::{Identity, OidcProvider, Output, Postgres, Running, Spawn};

use crate::{
    daemon::{Daemon, WEIR},
    stand::{config_text, one_engine, psql_arguments, server},
};

const OPENS: &str = r#"
@id("in") permit (principal, action in [Weir::Action::"connect", Weir::Action::"set"], resource);
"#;
/// Reading is granted.
const GRANTS: &str = r#"
@id("reads") @message("reading is granted for a while") @grantable("dba")
permit (principal == ?principal, action in Weir::Action::"read", resource in ?resource);
"#;
/// Changing is asked about.
const ASKS: &str = r#"
@id("changes")
permit (principal, action in [Weir::Action::"read", Weir::Action::"write"], resource);
@id("ask-orders") @message("orders are changed by hand") @approvers("dba")
forbid (principal, action in Weir::Action::"write", resource)
when { resource.name == "orders" } unless { context.approved };
"#;

/// A daemon, a provider, a target, and an agent that acts for alice.
struct Place {
    server: Postgres,
    provider: OidcProvider,
    daemon: Daemon,
    dir: tempfile::TempDir,
    _one: MutexGuard<'static, ()>,
}

/// Somebody who is signed in.
struct Person<'a> {
    place: &'a Place,
    user: Identity,
    home: PathBuf,
}

impl Place {
    fn new(purpose: &str, more: &str) -> Self {
        let one = one_engine();
        let (server, provider) = (server(), OidcProvider::start());
        let provider = provider.unwrap_or_else(|error| panic!("{error}"));
        let dir = tempfile::tempdir().unwrap();
        let name = format!("weir-test-{purpose}-{}", std::process::id());
        let policies = dir.path().join("own-policies");
        fs::create_dir(&policies).unwrap();
        fs::write(policies.join("people.cedar"), format!("{OPENS}{more}")).unwrap();
        let engine = format!("[engine]\npolicies = \"{}\"", policies.display());
        let bot = "kind = \"static\"\non_behalf_of = \"alice@example.com\"";
        let mut text = config_text(dir.path(), &name, &server)
            .replacen("[engine]", &engine, 1)
            .replacen("kind = \"static\"", bot, 1);
        text.push_str(&format!(
            r#"
[[provider]]
name = "corp"
kind = "oidc"
issuer = "{}"
client_id = "weir"
groups_claim = "/groups"
"#,
            provider.issuer()
        ));
        let config = dir.path().join("weir.toml");
        fs::write(&config, text).unwrap();
        let daemon = Daemon::start(&config, &name, &dir.path().join("weir.sock"));
        Self {
            server,
            provider,
            daemon,
            dir,
            _one: one,
        }
    }

    /// Somebody signs in, as a local user, in a shell, by a code that they type elsewhere.
    fn person(&self, name: &str, user: &str, groups: &str) -> Person<'_> {
        let user = Identity::of(user).unwrap();
        let home = self.dir.path().join(name);
        fs::create_dir(&home).unwrap();
        chown(&home, Some(user.uid().as_raw()), Some(user.gid().as_raw())).unwrap();
        let person = Person {
            place: self,
            user,
            home,
        };
        self.provider
            .set(&format!(r#"{{"groups": {groups}}}"#))
            .unwrap();
        let told = self.dir.path().join(format!("{name}.log"));
        let log = fs::File::create(&told).unwrap();
        let shell = person
            .spawn("sh")
            .args(["-c", "weir login && weir whoami && weir approvals list"])
            .log_to(log)
            .deadline(Duration::from_secs(120))
            .start()
            .unwrap();
        let page = page(&told, &shell);
        self.provider.browser().open(&page, name).unwrap();
        let ended = shell.wait().unwrap();
        let told = fs::read_to_string(&told).unwrap();
        assert!(ended.status.success(), "{told}");
        let id = format!("oidc:{}#{name}", self.provider.issuer());
        assert!(
            told.contains(&id) && told.contains("nothing waits"),
            "{told}"
        );
        person
    }

    fn agent(&self, sql: &str) -> Running {
        Spawn::new("psql")
            .args(psql_arguments("127.0.0.1", &self.server, &[sql]))
            .as_user(Identity::nobody())
            .in_cgroup(self.daemon.cgroup.path())
            .deadline(Duration::from_secs(120))
            .start()
            .unwrap()
    }

    /// `weir …`, as root.
    fn weir(&self, arguments: &[&str]) -> Output {
        let socket = self.dir.path().join("weir.sock");
        let weir = Spawn::new(WEIR).args(arguments).env("NO_COLOR", "1");
        weir.env("WEIR_SOCKET", socket).run().unwrap()
    }
}

/// Where the code is typed, once it is told.
fn page(told: &Path, shell: &Running) -> String {
    loop {
        let text = fs::read_to_string(told).unwrap();
        let ended = shell.has_ended().unwrap();
        if let Some((_, rest)) = text.split_once("or open ")
            && let Some((page, _)) = rest.split_once('\n')
        {
            return page.trim().to_owned();
        }
        assert!(!ended, "{text}");
        thread::sleep(Duration::from_millis(20));
    }
}

impl Person<'_> {
    fn spawn(&self, program: &str) -> Spawn {
        let found = Path::new(WEIR).parent().unwrap().display();
        Spawn::new(program)
            .env("PATH", format!("{found}:/usr/bin:/bin"))
            .env("HOME", &self.home)
            .env("WEIR_SOCKET", self.place.dir.path().join("weir.sock"))
            .env("NO_COLOR", "1")
            .as_user(self.user)
    }

    /// `weir …`, as this person: what it says, or why not.
    fn weir(&self, arguments: &[&str]) -> Result<String, String> {
        let output = self.spawn(WEIR).args(arguments).run().unwrap();
        if output.status.success() {
            Ok(output.stdout_text())
        } else {
            Err(output.stderr_text())
        }
    }

    /// Asks for reading by the agent, for so long: the request's id.
    fn asks(&self, time: &str) -> String {
        let request = [
            "access",
            "request",
            "--target",
            "orders-db",
            "--actions",
            "reads",
        ];
        let rest = [
            "--for",
            time,
            "--reason",
            "INC-1",
            "--subject",
            "workload:bot",
            "--json",
        ];
        let asked = self.weir(&[&request[..], &rest].concat()).unwrap();
        let asked: Value = serde_json::from_str(&asked).unwrap();
        asked["id"].as_str().unwrap().to_owned()
    }
}

fn heard(agent: Running) -> String {
    let output = agent.wait().unwrap();
    output.stdout_text() + &output.stderr_text()
}

#[test]
fn a_session_ends_with_the_access_that_one_person_asked_for_and_another_granted() {
    let place = Place::new("access", GRANTS);
    let alice = place.person("alice", "daemon", r#"["dba"]"#);
    let bob = place.person("bob", "bin", r#"["dba"]"#);
    let sleeps = "SELECT count(*), pg_sleep(300) FROM orders";
    assert!(heard(place.agent(sleeps)).contains("no policy permits select"));
    // For the agent that acts for her she grants nothing, whoever asks.
    for id in [alice.asks("1h"), bob.asks("1h")] {
        let refused = alice.weir(&["access", "approve", &id]).unwrap_err();
        assert!(
            refused.contains("nobody grants access to themselves"),
            "{refused}"
        );
    }
    // On a busy machine the agent may come too late for a short one.
    let mut late = String::new();
    for time in ["4s", "20s", "90s"] {
        let id = alice.asks(time);
        bob.weir(&["access", "approve", &id]).unwrap();
        let heard = heard(place.agent(sleeps));
        if heard.contains("no policy permits select") {
            late = heard;
            continue;
        }
        assert!(
            heard.contains(&format!("granted by reads#{id} has ended")),
            "{heard}"
        );
        let listed = place.weir(&["sessions", "list"]).stdout_text();
        assert!(listed.contains("grant ended"), "{listed}");
        return;
    }
    panic!("the agent never came in time: {late}");
}

#[test]
fn a_statement_waits_for_a_person_who_is_not_the_one_it_is_for() {
    let place = Place::new("approval", ASKS);
    let alice = place.person("alice", "daemon", r#"["dba"]"#);
    let bob = place.person("bob", "bin", r#"["dba"]"#);
    let eve = place.person("eve", "sys", r#"["web"]"#);
    let waits = |agent: &Running| loop {
        let listed = bob.weir(&["approvals", "list", "--json"]).unwrap();
        let listed: Value = serde_json::from_str(&listed).unwrap();
        if let Some(request) = listed["requests"].get(0) {
            return request["id"].as_str().unwrap().to_owned();
        }
        assert!(!agent.has_ended().unwrap(), "it was not asked about");
        thread::sleep(Duration::from_millis(50));
    };
    let agent = place.agent("DELETE FROM orders WHERE id = 1");
    let id = waits(&agent);
    let shown = bob.weir(&["approvals", "show", &id]).unwrap();
    for told in [
        "DELETE FROM orders WHERE id = 1",
        "workload:bot",
        "alice@example.com",
        "psql",
    ] {
        assert!(shown.contains(told), "{told}: {shown}");
    }
    assert!(shown.contains("about 1 row"), "{shown}");
    // Neither whom it is for, nor who isn't named, nor the agent itself.
    let refused = alice.weir(&["approvals", "approve", &id]).unwrap_err();
    assert!(
        refused.contains("it is they who ask, or on their behalf"),
        "{refused}"
    );
    let refused = eve.weir(&["approvals", "approve", &id]).unwrap_err();
    assert!(refused.contains("no request"), "{refused}");
    let token = bob.home.join(".local/state/weir/token");
    let governed = Spawn::new(WEIR)
        .args(["approvals", "approve", &id])
        .env("WEIR_SOCKET", place.dir.path().join("weir.sock"))
        .env("WEIR_TOKEN_FILE", &token)
        .as_user(bob.user)
        .in_cgroup(place.daemon.cgroup.path())
        .run()
        .unwrap();
    assert!(
        governed
            .stderr_text()
            .contains("not allowed to speak with the weir daemon"),
        "{}",
        governed.stderr_text()
    );
    // A file of somebody else's is no sign-in, also for root.
    let stolen = Spawn::new(WEIR)
        .args(["approvals", "approve", &id])
        .env("WEIR_SOCKET", place.dir.path().join("weir.sock"))
        .env("WEIR_TOKEN_FILE", &token)
        .run()
        .unwrap();
    assert!(
        stolen.stderr_text().contains("belongs to another user"),
        "{}",
        stolen.stderr_text()
    );
    bob.weir(&["approvals", "approve", &id]).unwrap();
    assert!(heard(agent).contains("DELETE 1"));

    let agent = place.agent("DELETE FROM orders WHERE id = 2");
    let id = waits(&agent);
    bob.weir(&["approvals", "deny", &id, "--reason", "ask support"])
        .unwrap();
    let told = heard(agent);
    assert!(told.contains("bob has denied this: ask support"), "{told}");
}
