//! People of a real OpenID Connect provider, each a local user who signs in from a shell, and what they
//! say to an agent of the same daemon.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    os::unix::fs::chown,
    path::{Path, PathBuf},
    sync::MutexGuard,
    thread,
    time::Duration,
};

use serde_json::Value;
use testbed::{
    Identity, OidcProvider, Output, Postgres, Running, Spawn,
    saml::{Account, IdentityProvider, Service},
};

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

/// A shell in which somebody signs in.
struct Shell {
    told: PathBuf,
    running: Running,
}

impl Place {
    fn new(purpose: &str, policies: &str, configure: impl FnOnce(&Path) -> String) -> Self {
        let one = one_engine();
        let (server, provider) = (server(), OidcProvider::start());
        let provider = provider.unwrap_or_else(|error| panic!("{error}"));
        let dir = tempfile::tempdir().unwrap();
        let name = format!("weir-test-{purpose}-{}", std::process::id());
        let kept = dir.path().join("own-policies");
        fs::create_dir(&kept).unwrap();
        fs::write(kept.join("people.cedar"), format!("{OPENS}{policies}")).unwrap();
        let engine = format!("[engine]\npolicies = \"{}\"", kept.display());
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
        text.push_str(&configure(dir.path()));
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

    /// Somebody begins to sign in by a provider, as a local user, in a shell.
    fn comes(&self, name: &str, user: &str, provider: &str) -> (Person<'_>, Shell) {
        let user = Identity::of(user).unwrap();
        let home = self.dir.path().join(name);
        fs::create_dir(&home).unwrap();
        let (uid, gid) = (user.uid().as_raw(), user.gid().as_raw());
        chown(&home, Some(uid), Some(gid)).unwrap();
        let person = Person {
            place: self,
            user,
            home,
        };
        let told = self.dir.path().join(format!("{name}.log"));
        let log = fs::File::create(&told).unwrap();
        let script = "weir login --provider \"$1\" && weir whoami && weir approvals list";
        let running = person
            .spawn("sh")
            .args(["-c", script, "sh", provider])
            .log_to(log)
            .deadline(Duration::from_secs(120))
            .start()
            .unwrap();
        (person, Shell { told, running })
    }

    /// Somebody signs in by a code that they type elsewhere.
    fn person(&self, name: &str, user: &str, groups: &str) -> Person<'_> {
        let groups = format!(r#"{{"groups": {groups}}}"#);
        self.provider.set(&groups).unwrap();
        let (person, shell) = self.comes(name, user, "corp");
        let page = shell.tells("or open ");
        self.provider.browser().open(&page, name).unwrap();
        shell.ends_as(&format!("oidc:{}#{name}", self.provider.issuer()));
        person
    }

    /// Somebody signs in by SAML, with a browser on this machine.
    fn saml_person(&self, saml: &IdentityProvider, name: &str, user: &str) -> Person<'_> {
        let (person, shell) = self.comes(name, user, "corp-saml");
        let page = shell.tells("on this machine:\n");
        let posted = saml.sign_in(&page, name).unwrap();
        let (host, path) = posted
            .action
            .strip_prefix("http://")
            .and_then(|rest| rest.split_once('/'))
            .unwrap();
        let body = posted.body();
        let mut stream = TcpStream::connect(host).unwrap();
        write!(
            stream,
            "POST /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\
             content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        stream.read_to_string(&mut String::new()).unwrap();
        shell.ends_as(&format!("saml:{}#{name}@example.com", saml.entity_id()));
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

impl Shell {
    /// The line behind these words, once it is told.
    fn tells(&self, words: &str) -> String {
        loop {
            let ended = self.running.has_ended().unwrap();
            let text = fs::read_to_string(&self.told).unwrap();
            if let Some((_, rest)) = text.split_once(words)
                && let Some((line, _)) = rest.split_once('\n')
            {
                return line.trim().to_owned();
            }
            assert!(!ended, "{text}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// It has ended well, and told who is signed in.
    fn ends_as(self, id: &str) {
        let ended = self.running.wait().unwrap();
        let told = fs::read_to_string(&self.told).unwrap();
        assert!(ended.status.success(), "{told}");
        assert!(
            told.contains(id) && told.contains("nothing waits"),
            "{told}"
        );
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
    let place = Place::new("access", GRANTS, |_| String::new());
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
    let port = TcpListener::bind("127.0.0.1:0").and_then(|one| one.local_addr());
    let port = port.unwrap().port();
    let carol = Account {
        name: "carol",
        mail: "carol@example.com",
        groups: &["dba"],
    };
    let consumer = format!("http://127.0.0.1:{port}/acs");
    let service = Service::new("https://weir.test/sp", consumer);
    let saml = IdentityProvider::start(&[carol], &[service]).unwrap();
    let mut place = Place::new("approval", ASKS, |dir| {
        let metadata = dir.join("idp.xml");
        fs::write(&metadata, saml.metadata().unwrap()).unwrap();
        format!(
            r#"
[[provider]]
name = "corp-saml"
kind = "saml"
metadata = "{}"
entity_id = "https://weir.test/sp"
port = {port}
groups_attribute = "groups"
mail_attribute = "mail"
name_attribute = "uid"
"#,
            metadata.display()
        )
    });
    let alice = place.person("alice", "daemon", r#"["dba"]"#);
    let bob = place.person("bob", "bin", r#"["dba"]"#);
    let eve = place.person("eve", "sys", r#"["web"]"#);
    let carol = place.saml_person(&saml, "carol", "games");
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
    carol
        .weir(&["approvals", "deny", &id, "--reason", "ask support"])
        .unwrap();
    let told = heard(agent);
    assert!(
        told.contains("carol has denied this: ask support"),
        "{told}"
    );

    // What waited when weir was killed is refused, and says so.
    let agent = place.agent("DELETE FROM orders WHERE id = 3");
    let id = waits(&agent);
    place.daemon.crash();
    assert!(!heard(agent).contains("DELETE 1"));
    let listed = place.weir(&["approvals", "list", "--all"]).stdout_text();
    assert!(listed.contains("restarted"), "{listed}");
    let late = place.weir(&["approvals", "approve", &id]).stderr_text();
    assert!(
        late.contains("weir was restarted while it waited, and it was refused"),
        "{late}"
    );
    let left = "SELECT count(*) FROM orders WHERE id IN (1, 2, 3)";
    assert_eq!(place.server.psql_as_superuser(left).unwrap().trim(), "2");
}
