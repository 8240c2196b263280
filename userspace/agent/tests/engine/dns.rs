//! Names, as an agent without root looks them up with the system's own resolver: through the real
//! programs, by weir, at a real DNS server.

use std::{
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

use testbed::{Postgres, Running, Spawn};
use weir_record::{End, Entry, Event, Intent, SessionReader, VerdictSummary, store};

use crate::stand::{Stand, config_text, server};

/// What db.internal is, says the DNS server: an address that leads nowhere.
const DATABASE: &str = "192.0.2.77";

/// A DNS server at the DNS's own port of a loopback address that no other test has.
pub(crate) fn dnsmasq(address: &str) -> Running {
    let running = Spawn::new("dnsmasq")
        .args([
            "--keep-in-foreground",
            "--conf-file=/dev/null",
            "--no-resolv",
            "--no-hosts",
            "--user=",
            "--pid-file=",
            "--bind-interfaces",
            "--host-record=db.internal,192.0.2.77,300",
            "--host-record=echo.internal,192.0.2.78,300",
            "--host-record=evil.example,192.0.2.66,300",
        ])
        .args([format!("--listen-address={address}")])
        .start()
        .unwrap();
    let began = Instant::now();
    while TcpStream::connect((address, 53)).is_err() {
        assert!(began.elapsed() < Duration::from_secs(20), "no dnsmasq");
        std::thread::sleep(Duration::from_millis(20));
    }
    running
}

/// An engine that asks that server, with a target whose only host is db.internal.
fn stand(database: &Postgres, resolver: &str) -> Stand {
    Stand::with(|state, cgroup| {
        config_text(state, cgroup, database)
            .replace("127.9.9.9", resolver)
            .replace(
                r#"hosts = ["127.0.0.1", "::1"]"#,
                r#"hosts = ["db.internal"]"#,
            )
    })
}

/// What was asked, and how it was judged, once these questions are on record, which is soon.
fn questions(stand: &Stand, wanted: &[&str]) -> Vec<Intent> {
    let begun = Instant::now();
    loop {
        let questions = recorded(stand);
        let has = |text: &&str| questions.iter().any(|question| question.text == **text);
        if wanted.iter().all(has) || begun.elapsed() > Duration::from_secs(10) {
            return questions;
        }
        thread::sleep(Duration::from_millis(20));
    }
}

fn recorded(stand: &Stand) -> Vec<Intent> {
    let mut questions = Vec::new();
    for summary in store::list(stand.engine().records()).unwrap() {
        let start = summary.unwrap().start;
        if start.protocol.as_deref() != Some("dns") {
            continue;
        }
        assert_eq!(start.subject, "workload:bot");
        assert_eq!(start.process.uid, 65534);
        let path = store::path_of(stand.engine().records(), start.id);
        let events = SessionReader::open(&path).unwrap().map(Result::unwrap);
        questions.extend(events.filter_map(|entry| match entry {
            Entry::Event(Event::Intent(intent)) => Some(intent),
            _ => None,
        }));
    }
    questions
}

#[test]
fn a_declared_name_is_found_in_every_way_and_others_are_not() {
    let database = server();
    let _resolver = dnsmasq("127.0.0.153");
    let stand = stand(&database, "127.0.0.153");
    let look_up = |variables: &[(&str, &str)], name: &str| {
        let out = stand.agent_with(variables, "getent", &["ahostsv4", name]);
        out.stdout_text()
            .split_whitespace()
            .next()
            .map(str::to_owned)
    };
    let found = Some(DATABASE.to_owned());
    assert_eq!(look_up(&[], "db.internal"), found);
    assert_eq!(look_up(&[], "DB.Internal."), found);
    assert_eq!(look_up(&[("RES_OPTIONS", "use-vc")], "db.internal"), found);
    // Search domains come first where a name has few dots, and must not end the search.
    let searching = [
        ("LOCALDOMAIN", "default.svc.cluster.local corp.example"),
        ("RES_OPTIONS", "ndots:5"),
    ];
    assert_eq!(look_up(&searching, "db.internal"), found);
    assert_eq!(look_up(&[], "evil.example"), None);
    assert_eq!(look_up(&searching, "evil.example"), None);
    let python = "import socket; print(socket.gethostbyname('db.internal'))";
    let out = stand.agent("python3", &["-c", python]);
    assert_eq!(out.stdout_text().trim(), DATABASE, "{}", out.stderr_text());

    let refused = ["A evil.example", "A db.internal.corp.example"];
    let questions = questions(&stand, &[refused[0], refused[1], "A db.internal"]);
    let asked = |text: &str| questions.iter().find(|question| question.text == text);
    assert!(matches!(
        asked("A db.internal").unwrap().verdict,
        VerdictSummary::Allow { .. }
    ));
    for refused in refused {
        assert!(
            matches!(
                asked(refused).unwrap().verdict,
                VerdictSummary::Deny { ref rule, .. } if rule == "default-deny"
            ),
            "{refused}"
        );
    }
}

#[test]
fn what_a_name_gave_leads_to_its_target_and_is_called_by_it() {
    let database = server();
    let _resolver = dnsmasq("127.0.0.154");
    let stand = stand(&database, "127.0.0.154");
    // weir's own look-up of db.internal, by the host's resolver, fails: only the answer that the
    // agent was given says that 192.0.2.77 is the target.
    let out = stand.psql(DATABASE, &database, "SELECT 1");
    assert!(out.stderr_text().contains("undeclared-destination"));
    let out = stand.psql("db.internal", &database, "SELECT 1");
    assert_eq!(out.stdout_text().trim(), "1", "{}", out.stderr_text());
    let served = stand
        .ended(2)
        .into_iter()
        .find(|s| s.end == Some(End::Closed));
    let start = served.unwrap().start;
    assert_eq!(start.target.as_deref(), Some("orders-db"));
    assert_eq!(start.destination_name.as_deref(), Some("db.internal"));
    assert_eq!(start.destination, format!("{DATABASE}:{}", database.port()));
}
