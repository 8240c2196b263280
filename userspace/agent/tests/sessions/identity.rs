//! Sessions whose workload is not who it was: ended, or judged again, at once.

use std::{fs, path::Path, sync::Arc, thread, time::Duration};

use testbed::{OidcProvider, Postgres};
use tokio::runtime::Runtime;
use weir_agent::{
    config::Config,
    identity::{Providers, Registry},
};
use weir_policy::{Policies, Source};
use weir_record::End;

use crate::common::{Gate, tls_of};

/// A workload whose token stands in a file, and what follows it for the gate's sessions.
struct Workload {
    provider: OidcProvider,
    dir: tempfile::TempDir,
    registry: Arc<Registry>,
    config: Config,
    runtime: Runtime,
}

impl Workload {
    fn new(more: &str) -> Self {
        let provider = OidcProvider::start().unwrap_or_else(|error| panic!("{error}"));
        let dir = tempfile::tempdir().unwrap();
        let secret = dir.path().join("secret");
        fs::write(&secret, OidcProvider::SECRET).unwrap();
        fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let text = format!(
            r#"
[engine]
state = "{dir}"
[[provider]]
name = "corp"
kind = "oidc"
issuer = "{issuer}"
groups_claim = "/realm_access/roles"
clock_skew = "1s"
[[identity]]
name = "ci"
kind = "oidc"
provider = "corp"
audience = "weir-gate"
token_file = "{dir}/token"
{more}
"#,
            dir = dir.path().display(),
            issuer = provider.issuer(),
        );
        let text = text.replace("SECRET", &secret.display().to_string());
        let config = Config::parse("weir.toml", &text).unwrap_or_else(|errors| panic!("{errors}"));
        let providers = Providers::new(&config).unwrap();
        let registry = Arc::new(Registry::new(&config, &providers).unwrap());
        let runtime = Runtime::new().unwrap();
        Self {
            provider,
            dir,
            registry,
            config,
            runtime,
        }
    }

    /// Gives it a token of these claims.
    fn token(&self, claims: &str) {
        let token = self.provider.sign(&format!(r#"{{"claims": {claims}}}"#));
        let fresh = self.dir.path().join("fresh");
        fs::write(&fresh, token.unwrap()).unwrap();
        fs::rename(&fresh, self.dir.path().join("token")).unwrap();
    }

    /// Has the gate's sessions be this workload's.
    fn at(&self, gate: &Gate) {
        for keeping in self.registry.keep() {
            self.runtime.spawn(keeping);
        }
        let mut watching = self.registry.watch(&self.config.identities[0]);
        let subject = self.runtime.block_on(watching.subject(0)).unwrap();
        gate.subject.send_replace(Arc::new(subject.clone()));
        let (told, switch) = (gate.subject.clone(), gate.switch.clone());
        self.runtime
            .spawn(watching.follow(0, subject, told, switch));
    }
}

/// A server, and a gate at which only members of `ci` may be.
fn stand() -> (Postgres, Gate) {
    let server = Postgres::builder()
        .tls(true)
        .sample_data(true)
        .start()
        .unwrap();
    let only = r#"
@id("members") @message("only members of ci may in")
forbid (principal, action == Weir::Action::"connect", resource)
unless { principal in Weir::Group::"ci" };
"#;
    let policies = Policies::load(&[
        Source {
            name: "shipped.cedar".into(),
            text: r#"@id("all") permit (principal, action, resource);"#.into(),
        },
        Source {
            name: "only.cedar".into(),
            text: only.into(),
        },
    ]);
    let policies = policies.unwrap_or_else(|wrong| panic!("{wrong}"));
    let gate = Gate::with(
        server.addr(),
        &tls_of(&server),
        server.app_password(),
        policies,
    );
    (server, gate)
}

/// What psql hears that is in the middle of a command when `what` happens, and how its session ended.
fn in_the_middle(server: &Postgres, gate: &Gate, what: impl FnOnce()) -> (String, End) {
    let told = thread::scope(|scope| {
        let psql = scope.spawn(|| gate.psql("SELECT count(*), pg_sleep(300) FROM orders"));
        let asked = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' \
                     AND query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()";
        while server.psql_as_superuser(asked).unwrap().trim() != "1" {
            assert!(
                !psql.is_finished(),
                "{}",
                psql.join().unwrap().stderr_text()
            );
            thread::sleep(Duration::from_millis(50));
        }
        what();
        psql.join().unwrap().stderr_text()
    });
    (told, gate.ended(1)[0].end.clone().unwrap())
}

fn ended_by(end: &End, expected: &str) -> bool {
    matches!(end, End::PolicyChanged { rule, .. } if rule == expected)
}

const MEMBER: &str = r#"{"realm_access": {"roles": ["ci", "writers"]}}"#;

#[test]
fn a_session_ends_when_its_workload_s_token_does() {
    let (server, gate) = stand();
    let workload = Workload::new("");
    workload.token(MEMBER);
    workload.at(&gate);
    let (told, end) = in_the_middle(&server, &gate, || {
        let soon = jiff::Timestamp::now().as_second() + 1;
        workload.token(&format!(
            r#"{{"realm_access": {{"roles": ["ci", "writers"]}}, "exp": {soon}}}"#
        ));
    });
    assert!(told.contains("has expired at"), "{told}");
    assert!(matches!(end, End::IdentityLost { .. }), "{end:?}");
}

#[test]
fn a_session_is_judged_again_when_its_workload_loses_a_group() {
    let (server, gate) = stand();
    let workload = Workload::new("");
    workload.token(MEMBER);
    workload.at(&gate);
    // Of a group that nothing hangs on it takes no notice.
    let (told, end) = in_the_middle(&server, &gate, || {
        let mut groups = gate.subject.subscribe();
        groups.borrow_and_update();
        workload.token(r#"{"realm_access": {"roles": ["ci"]}}"#);
        workload.runtime.block_on(groups.changed()).unwrap();
        workload.token(r#"{"realm_access": {"roles": ["writers"]}}"#);
    });
    assert!(told.contains("only members of ci may in"), "{told}");
    assert!(ended_by(&end, "members"), "{end:?}");
    let id = gate.summaries()[0].start.id;
    let record = weir_record::store::path_of(&gate.records, id);
    assert!(
        notes(&record)
            .iter()
            .any(|note| note.ends_with("here on: ci"))
    );
}

fn notes(record: &Path) -> Vec<String> {
    use weir_record::{Entry, Event, SessionReader};
    SessionReader::open(record)
        .unwrap()
        .filter_map(|entry| match entry.unwrap() {
            Entry::Event(Event::Note { message, .. }) => Some(message),
            _ => None,
        })
        .collect()
}

#[test]
fn a_session_ends_when_an_operator_revokes_its_workload_s_identity() {
    let (server, gate) = stand();
    let workload = Workload::new("");
    workload.token(MEMBER);
    workload.at(&gate);
    let revoke = |revoked| workload.registry.revoke("ci", revoked).unwrap();
    let (told, end) = in_the_middle(&server, &gate, || assert!(revoke(true)));
    assert!(told.contains("identity `ci` is revoked"), "{told}");
    assert!(matches!(end, End::IdentityLost { .. }), "{end:?}");
    // So it stays over a restart, until that is taken back.
    let providers = Providers::new(&workload.config).unwrap();
    let again = Registry::new(&workload.config, &providers).unwrap();
    assert_eq!(again.status()[0].state, "revoked");
    assert!(revoke(false) && !revoke(false));
    assert!(workload.registry.revoke("nobody", true).is_err());
}

#[test]
fn a_session_ends_when_the_provider_revokes_its_workload_s_token() {
    let (server, gate) = stand();
    let workload = Workload::new(
        "introspect = \"1s\"\nclient_id = \"secretive\"\nclient_secret_file = \"SECRET\"",
    );
    workload.token(r#"{"realm_access": {"roles": ["ci"]}, "jti": "j1"}"#);
    workload.at(&gate);
    let (told, end) = in_the_middle(&server, &gate, || {
        workload.provider.set(r#"{"revoked": ["j1"]}"#).unwrap();
    });
    assert!(told.contains("the provider has revoked"), "{told}");
    assert!(matches!(end, End::IdentityLost { .. }), "{end:?}");
}

#[test]
fn a_session_ends_when_its_workload_is_somebody_else() {
    let (server, gate) = stand();
    let workload = Workload::new("");
    workload.token(MEMBER);
    workload.at(&gate);
    let (told, end) = in_the_middle(&server, &gate, || {
        workload.token(r#"{"sub": "other", "realm_access": {"roles": ["ci"]}}"#);
    });
    assert!(told.contains("#other now"), "{told}");
    assert!(matches!(end, End::IdentityLost { .. }), "{end:?}");
}
