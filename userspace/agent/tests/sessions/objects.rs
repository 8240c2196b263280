//! Large objects, as libpq reads and writes them by fast-path calls, and by SQL.

use std::fs;

use testbed::{Output, Postgres};
use weir_policy::{Policies, Source};
use weir_record::{Entry, Event, Intent, SessionReader};

use crate::{common::Gate, server};

/// A gate where all is permitted but to see what `masking` masks, whose values nothing shows.
fn stand(masking: &str) -> (Postgres, Gate) {
    let source = |name: &str, text: &str| Source {
        name: name.to_owned(),
        text: text.into(),
    };
    let all = "@id(\"all\") permit (principal, action, resource) \
               unless { action == Weir::Action::\"reveal\" };";
    let sources = [source("all.cedar", all), source("masking.toml", masking)];
    let server = server();
    let policies = Policies::load(&sources).unwrap();
    let gate = Gate::of(&server, policies);
    (server, gate)
}

const NOTHING: &str =
    "[class.none]\nmethod = \"null\"\n[[column]]\nclass = \"none\"\ncolumn = \"no such column\"\n";
const EMAIL: &str =
    "[class.email]\nmethod = \"redact\"\n[[column]]\nclass = \"email\"\ncolumn = \"email\"\n";

fn told(out: &Output) -> String {
    assert_eq!(out.stderr_text(), "");
    out.stdout_text().trim().to_owned()
}

/// What was permitted and sent, of all sessions.
fn intents(gate: &Gate, sessions: usize) -> Vec<Intent> {
    let mut intents = Vec::new();
    for summary in gate.ended(sessions) {
        let path = weir_record::store::path_of(&gate.records, summary.start.id);
        for entry in SessionReader::open(&path).unwrap() {
            if let Entry::Event(Event::Intent(intent)) = entry.unwrap() {
                intents.push(intent);
            }
        }
    }
    intents
}

/// Every byte, in no order that repeats, and more than fits one call or one message.
fn bytes() -> Vec<u8> {
    let mut state = 1_u32;
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    (0..300_000).map(next).collect()
}

#[test]
fn what_goes_in_by_calls_comes_out_the_same() {
    let (server, gate) = stand(NOTHING);
    let (bytes, here) = (bytes(), gate.dir.path().join("here"));
    fs::write(&here, &bytes).unwrap();
    let kept = told(&gate.psql(&format!("\\lo_import {}", here.display())));
    let oid: u32 = kept.strip_prefix("lo_import ").unwrap().parse().unwrap();
    // By calls, and by SQL, through weir and beside it.
    let back = gate.dir.path().join("back");
    told(&gate.psql(&format!("\\lo_export {oid} {}", back.display())));
    assert!(fs::read(&back).unwrap() == bytes);
    let sql = format!("SELECT md5(lo_get({oid})), length(lo_get({oid}))");
    let beside = server.psql_as_superuser(&sql).unwrap();
    assert_eq!(told(&gate.psql(&sql)), beside.trim());
    let part = format!(
        "BEGIN; SELECT lo_open({oid}, 393216); SELECT lo_lseek(0, 65530, 0); \
         SELECT lowrite(0, '\\x00ff5c27'); SELECT lo_lseek(0, 65529, 0); SELECT loread(0, 6); COMMIT"
    );
    let shown = told(&gate.psql_with(&["-q", "-c", &part]));
    let hex = |byte: &u8| format!("{byte:02x}");
    let (first, last) = (hex(&bytes[65_529]), hex(&bytes[65_534]));
    assert_eq!(
        shown.lines().last(),
        Some(format!("\\x{first}00ff5c27{last}").as_str())
    );
    told(&gate.psql(&format!("\\lo_unlink {oid}")));
    let left = server.psql_as_superuser("SELECT count(*) FROM pg_largeobject_metadata");
    assert_eq!(left.unwrap().trim(), "0");
    // Each call is on record, with its function.
    let calls = intents(&gate, 5);
    let of_calls = calls
        .iter()
        .filter(|intent| intent.statements[0].verb == "function_call");
    let texts: Vec<&str> = of_calls.map(|intent| intent.text.as_str()).collect();
    assert!(
        texts.len() > 2 * 300_000 / (64 * 1024),
        "each is one: {texts:?}"
    );
    assert!(
        texts
            .iter()
            .all(|text| text.starts_with("fast-path call of function ")),
        "{texts:?}"
    );
}

#[test]
fn a_call_is_refused_unless_policy_permits_it() {
    let server = server();
    let gate = Gate::before(&server);
    let here = gate.dir.path().join("here");
    fs::write(&here, "nothing").unwrap();
    let out = gate.psql(&format!("\\lo_import {}", here.display()));
    let error = out.stderr_text();
    assert!(error.contains("weir: "), "{error}");
    let made = server.psql_as_superuser("SELECT count(*) FROM pg_largeobject_metadata");
    assert_eq!(made.unwrap().trim(), "0");
}

#[test]
fn no_large_object_carries_what_is_masked() {
    let (server, gate) = stand(EMAIL);
    let canary = "ada.brandt@example.com";
    // An object of somebody's with a masked value in it: a call may read any, so shows nothing.
    let oid = server
        .psql_as_superuser(
            "SELECT lo_from_bytea(0, convert_to(string_agg(email, ' '), 'UTF8')) FROM people",
        )
        .unwrap();
    let oid = oid.trim();
    server
        .psql_as_superuser(&format!("ALTER LARGE OBJECT {oid} OWNER TO app"))
        .unwrap();
    let back = gate.dir.path().join("back");
    let out = gate.psql(&format!("\\lo_export {oid} {}", back.display()));
    let got = fs::read(&back).unwrap_or_default();
    let got = String::from_utf8_lossy(&got);
    assert!(!got.contains('@'), "{got}");
    assert!(!out.stderr_text().contains(canary));
    // None is made of it.
    for sql in [
        "SELECT lo_from_bytea(0, convert_to(email, 'UTF8')) FROM people",
        "SELECT lo_put(1, 0, convert_to(email, 'UTF8')) FROM people",
        "BEGIN; SELECT lo_open(lo_create(0), 393216); SELECT lowrite(0, email::bytea) FROM people",
        "SELECT lo_create(ascii(email)) FROM people",
    ] {
        let out = gate.psql(sql);
        let (shown, error) = (out.stdout_text(), out.stderr_text());
        assert!(error.contains("mask-derive"), "{sql}: {shown} {error}");
        assert!(!shown.contains(canary) && !error.contains(canary), "{sql}");
    }
    let made = server.psql_as_superuser("SELECT count(*) FROM pg_largeobject_metadata");
    assert_eq!(made.unwrap().trim(), "1");
}
