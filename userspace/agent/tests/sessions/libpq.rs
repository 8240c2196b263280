//! What a libpq of today asks of whoever it connects to before it says anything: GSSAPI, TLS without
//! asking for it, and the newest protocol.

use testbed::{Output, Postgres, Spawn};

use crate::{common::Gate, stand};

/// Makes a ticket that nobody gave, without which libpq doesn't ask for GSSAPI at all. (The format is MIT
/// Kerberos's, "Credential cache file format", version 4.)
const TICKET: &str = r#"
import os, struct, sys, time
def data(octets): return struct.pack("!I", len(octets)) + octets
def principal(*names):
    return struct.pack("!II", 1, len(names)) + data(b"TEST") + b"".join(map(data, names))
now = int(time.time())
agent = principal(b"agent")
ticket = agent + principal(b"krbtgt", b"TEST") + struct.pack("!H", 18) + data(b"k" * 32)
ticket += struct.pack("!4I", now, now, now + 3600, now + 3600) + b"\0" + bytes(12)
ticket += data(b"ticket") + data(b"")
cache = sys.argv[3]
with open(cache, "wb") as file:
    file.write(b"\x05\x04\0\0" + agent + ticket)
os.environ["KRB5CCNAME"] = "FILE:" + cache
"#;

const CONNECT: &str = r#"
import sys, threading, psycopg
def connect(**how):
    how = dict(sslmode="verify-full", sslrootcert=sys.argv[2], connect_timeout=20) | how
    return psycopg.connect(host="127.0.0.1", port=sys.argv[1], user="agent", dbname="shop", **how)
def told(c):
    print(c.pgconn.ssl_in_use, c.info.full_protocol_version, c.execute("SELECT 40 + 2").fetchone()[0])
def fails(**how):
    try:
        connect(**how)
        print("no error")
    except psycopg.OperationalError as error:
        print(str(error).strip().splitlines()[-1].split("failed: ")[-1])
"#;

fn python(gate: &Gate, parts: &[&str]) -> Output {
    let ca = gate.dir.path().join("ca").join("ca.pem");
    let ticket = gate.dir.path().join("ticket");
    Spawn::new(testbed::venv().unwrap())
        .args(["-c", &parts.concat(), &gate.address.port().to_string()])
        .args([ca, ticket])
        .run()
        .unwrap()
}

/// What its lines say.
fn lines(gate: &Gate, parts: &[&str]) -> Vec<String> {
    let out = python(gate, parts);
    assert!(out.status.success(), "{}", out.stderr_text());
    out.stdout_text().lines().map(str::to_owned).collect()
}

#[test]
fn gssapi_is_refused_and_whoever_can_do_without_goes_on() {
    let (_server, gate): (Postgres, Gate) = stand();
    let asks = r#"
with connect(gssencmode="prefer") as c:
    told(c)
with connect(gssencmode="prefer", sslmode="disable") as c:
    told(c)
fails(gssencmode="require")
"#;
    assert_eq!(
        lines(&gate, &[TICKET, CONNECT, asks]),
        [
            "True 30000 42",
            "False 30000 42",
            "server doesn't support GSSAPI encryption, but it was required"
        ]
    );
}

#[test]
fn tls_begins_at_once_and_a_long_key_cancels() {
    let (_server, gate) = stand();
    let asks = r#"
today = dict(sslnegotiation="direct", min_protocol_version="3.2")
with connect(**today) as c:
    told(c)
    ended = threading.Event()
    def cancel():
        # It may come before the statement does.
        while not ended.wait(0.2):
            c.cancel_safe(timeout=20)
    canceller = threading.Thread(target=cancel)
    canceller.start()
    try:
        c.execute("SELECT pg_sleep(60)")
    except psycopg.errors.QueryCanceled:
        print("cancelled")
    finally:
        ended.set()
        canceller.join()
with connect(sslnegotiation="direct", max_protocol_version="latest") as c:
    told(c)
"#;
    assert_eq!(
        lines(&gate, &[CONNECT, asks]),
        ["True 30002 42", "cancelled", "True 30002 42"]
    );
}
