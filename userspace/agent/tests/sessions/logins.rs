//! Both ends of a login: how weir logs in to a target, and how an agent finds weir.

use testbed::{Auth, Postgres};
use weir_policy::{Policies, Source};
use weir_record::End;

use crate::common::{Gate, tls_of};

const NO_TLS: &str = "mode = \"disable\"";

fn server(auth: Auth, tls: bool) -> Postgres {
    Postgres::builder()
        .auth(auth)
        .tls(tls)
        .sample_data(false)
        .start()
        .unwrap()
}

fn gate(server: &Postgres, tls: &str, password: &str) -> Gate {
    Gate::with(server.addr(), tls, password, Policies::shipped().unwrap())
}

fn answers(gate: &Gate) -> bool {
    gate.psql("SELECT 1").stdout_text().trim() == "1"
}

#[test]
fn every_way_to_log_in_works_with_the_injected_password_alone() {
    for (auth, tls) in [
        (Auth::Scram, true),
        (Auth::Scram, false),
        (Auth::Md5, true),
        (Auth::Md5, false),
        (Auth::Cleartext, true),
        (Auth::Trust, true),
    ] {
        let server = server(auth, tls);
        let settings = if tls {
            tls_of(&server)
        } else {
            NO_TLS.to_owned()
        };
        let served = gate(&server, &settings, server.app_password());
        assert!(answers(&served), "{auth:?}, tls {tls}");
    }
}

#[test]
fn a_password_is_never_sent_in_clear_without_tls() {
    let server = server(Auth::Cleartext, false);
    let gate = gate(&server, NO_TLS, server.app_password());
    let out = gate.psql("SELECT 1");
    assert!(
        out.stderr_text().contains("sends over TLS only"),
        "{}",
        out.stderr_text()
    );
}

#[test]
fn a_wrong_password_is_told_to_the_operator_and_not_to_the_agent() {
    let server = server(Auth::Scram, true);
    let gate = gate(&server, &tls_of(&server), "wrong-password");
    let told = gate.psql("SELECT 1").stderr_text();
    assert!(told.contains("the record says why"), "{told}");
    assert!(
        !told.contains("\"app\"") && !told.contains("wrong-password"),
        "{told}"
    );
    // libpq tries again without TLS, and the other session's record may have no end yet.
    let ended = gate.ended(1);
    let message = ended.iter().find_map(|summary| match &summary.end {
        Some(End::Error { message }) => Some(message),
        _ => None,
    });
    let message = message.expect("an error");
    assert!(
        message.contains("28P01") && !message.contains("wrong-password"),
        "{message}"
    );
}

#[test]
fn a_server_that_cannot_prove_who_it_is_gets_nothing() {
    let (real, other) = (server(Auth::Scram, true), server(Auth::Scram, true));
    let trusts_another = gate(&real, &tls_of(&other), real.app_password());
    let told = trusts_another.psql("SELECT 1").stderr_text();
    assert!(
        told.contains("can't verify") || told.contains("tls"),
        "{told}"
    );
    let plain = server(Auth::Trust, false);
    let demands_tls = gate(&plain, &tls_of(&real), "x");
    let told = demands_tls.psql("SELECT 1").stderr_text();
    assert!(told.contains("does not offer TLS"), "{told}");
    let wrong_name = format!("{}\nserver_name = \"other.internal\"", tls_of(&real));
    let told = gate(&real, &wrong_name, real.app_password())
        .psql("SELECT 1")
        .stderr_text();
    assert!(told.contains("can't verify"), "{told}");
}

#[test]
fn an_agent_can_verify_weir_or_go_without_tls() {
    let server = server(Auth::Scram, true);
    let gate = gate(&server, &tls_of(&server), server.app_password());
    let ca = gate.dir.path().join("ca/ca.pem");
    let mode = |extra: &str| {
        let where_to = format!(
            "host=127.0.0.1 port={} user=agent dbname=shop {extra}",
            gate.address.port()
        );
        let out = testbed::Spawn::new("psql")
            .args(["-XAt", "-d", where_to.as_str(), "-c", "SELECT 'yes'"])
            .run()
            .unwrap();
        (out.stdout_text().trim() == "yes", out.stderr_text())
    };
    for extra in [
        "sslmode=disable".to_owned(),
        "sslmode=prefer".to_owned(),
        "sslmode=require".to_owned(),
        format!("sslmode=verify-full sslrootcert={}", ca.display()),
        "password=anything sslmode=disable".to_owned(),
        "gssencmode=prefer sslmode=prefer".to_owned(),
    ] {
        let (yes, error) = mode(&extra);
        assert!(yes, "{extra}: {error}");
    }
    let foreign = server.ca_pem_path().display().to_string();
    let (yes, error) = mode(&format!("sslmode=verify-full sslrootcert={foreign}"));
    assert!(!yes && error.contains("certificate"), "{error}");
}

#[test]
fn what_the_startup_packet_asks_for_is_judged_too() {
    let server = server(Auth::Scram, true);
    let gate = gate(&server, &tls_of(&server), server.app_password());
    let with = |options: &str| {
        let where_to = format!(
            "host=127.0.0.1 port={} user=agent dbname=shop options='{options}'",
            gate.address.port()
        );
        testbed::Spawn::new("psql")
            .args([
                "-XAt",
                "-d",
                where_to.as_str(),
                "-c",
                "SHOW application_name; SELECT current_user",
            ])
            .run()
            .unwrap()
    };
    let fine = with("-c application_name=hello -c statement_timeout=9s").stdout_text();
    assert!(fine.contains("hello") || fine.contains("psql"), "{fine}");
    assert!(
        fine.contains("app"),
        "the credential's user, not the agent's: {fine}"
    );
    for bad in [
        "-c role=postgres",
        "-c session_authorization=postgres",
        "--role=postgres",
        "-c standard_conforming_strings=off",
        "-c client_encoding=SJIS",
        "-c session_preload_libraries=x",
        "-d 5",
    ] {
        let refused = with(bad).stderr_text();
        assert!(refused.contains("weir:"), "{bad}: {refused}");
    }
}

/// Speaks as a client of protocol 3.2 does: TLS at once, and a long cancel key that works.
const OF_TODAY: &str = r#"
import socket, ssl, struct, sys
port = int(sys.argv[1])
def context(*protocols):
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if protocols:
        context.set_alpn_protocols(protocols)
    return context
def connect(context):
    made = socket.create_connection(("127.0.0.1", port), timeout=20)
    return context.wrap_socket(made, suppress_ragged_eofs=False)
def packet(code, body):
    return struct.pack("!II", 8 + len(body), code) + body
def message(stream):
    kind, length = stream.read(1), struct.unpack("!I", stream.read(4))[0]
    return kind, stream.read(length - 4)
def until(stream, last):
    heard = {}
    while last not in heard:
        kind, body = message(stream)
        heard[kind] = body
    return heard

agent = connect(context("postgresql"))
print("protocol", agent.selected_alpn_protocol())
stream = agent.makefile("rb")
agent.sendall(packet(3 << 16 | 2, b"user\0agent\0database\0shop\0\0"))
greeting = until(stream, b"Z")
print("negotiated", b"v" in greeting, "key", len(greeting[b"K"]) - 4)
agent.sendall(b"Q" + struct.pack("!I", 4 + 20) + b"SELECT pg_sleep(30)\0")
other = connect(context("postgresql"))
other.sendall(packet(1234 << 16 | 5678, greeting[b"K"]))
print("told of the end", other.recv(1))
other.close()
print("cancelled", b"C57014" in until(stream, b"Z")[b"E"])
nameless = connect(context())
try:
    nameless.sendall(packet(3 << 16, b"user\0agent\0\0"))
    print("nameless", nameless.recv(1))
except OSError as error:
    print("nameless", b"")
"#;

#[test]
fn tls_may_begin_at_once_and_long_cancel_keys_work() {
    let server = server(Auth::Scram, true);
    let gate = gate(&server, &tls_of(&server), server.app_password());
    let out = testbed::Spawn::new(testbed::venv().unwrap())
        .args(["-c", OF_TODAY, &gate.address.port().to_string()])
        .run()
        .unwrap();
    assert_eq!(
        out.stdout_text().lines().collect::<Vec<_>>(),
        [
            "protocol postgresql",
            "negotiated False key 32",
            "told of the end b''",
            "cancelled True",
            "nameless b''"
        ],
        "{}",
        out.stderr_text()
    );
}

#[test]
fn what_a_target_notices_of_a_login_is_told_unless_it_may_quote_what_is_masked() {
    let server = server(Auth::Scram, true);
    server
        .psql_as_superuser("CREATE TABLE kept (secret text)")
        .unwrap();
    let name = "x".repeat(65);
    let told = |masked: &str| {
        let source = |name: &str, text: &str| Source {
            name: name.to_owned(),
            text: text.into(),
        };
        let all = "@id(\"all\") permit (principal, action in Weir::Action::\"command\", resource);";
        let masking = format!(
            "[class.c]\nmethod = \"null\"\n[[column]]\nclass = \"c\"\ncolumn = \"{masked}\"\n"
        );
        let sources = [source("all.cedar", all), source("masking.toml", &masking)];
        let policies = Policies::load(&sources).unwrap();
        let (tls, password) = (tls_of(&server), server.app_password());
        let gate = Gate::with(server.addr(), &tls, password, policies);
        let settings = format!("application_name={name} dbname=shop");
        gate.psql_with(&["-d", &settings, "-c", "SELECT 1"])
            .stderr_text()
    };
    let clear = told("no such column");
    assert!(clear.contains("will be truncated to"), "{clear}");
    let withheld = told("secret");
    assert!(
        !withheld.contains("xxx") && withheld.contains("weir withholds"),
        "{withheld}"
    );
}
