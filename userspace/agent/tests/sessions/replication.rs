//! Streaming replication by PostgreSQL's own clients: refused unless policy permits it, refused to
//! whom anything is masked, and on record where it goes on.

use std::{fs, net::SocketAddr, path::Path, thread, time::Duration};

use testbed::{Output, Postgres, Spawn};
use weir_policy::{Policies, Source};
use weir_record::{End, Entry, Event, Intent, Outcome, SessionReader, Summary};

use crate::{
    common::{Gate, tls_of},
    server,
};

const REPLICATES: &str =
    "@id(\"replicas\") permit (principal, action == Weir::Action::\"replicate\", resource);";
const REVEALS: &str =
    "@id(\"clear\") permit (principal, action == Weir::Action::\"reveal\", resource);";

fn policies(more: &str) -> Policies {
    let mut sources = Policies::shipped_sources();
    sources.push(Source {
        name: "more.cedar".to_owned(),
        text: more.to_owned(),
    });
    Policies::load(&sources).unwrap()
}

/// A server whose role may replicate, and a gate with these policies beside the shipped ones.
fn stand(more: &str) -> (Postgres, Gate) {
    let server = server();
    server
        .psql_as_superuser("ALTER ROLE app REPLICATION")
        .unwrap();
    let gate = Gate::with(
        server.addr(),
        &tls_of(&server),
        server.app_password(),
        policies(more),
    );
    (server, gate)
}

/// One of the server's own programs, through the gate.
fn client(server: &Postgres, name: &str, at: SocketAddr, arguments: &[&str]) -> Spawn {
    Spawn::new(server.bin_dir().join(name))
        .args(["-h", "127.0.0.1", "-U", "agent", "-w"])
        .args(["-p", &at.port().to_string()])
        .args(arguments)
        .env("PGCONNECT_TIMEOUT", "10")
}

fn receivewal(server: &Postgres, gate: &Gate, dir: &Path, more: &[&str]) -> Spawn {
    let arguments = ["-D", dir.to_str().unwrap(), "--no-loop"];
    client(server, "pg_receivewal", gate.address, &arguments).args(more)
}

struct Commands(Vec<(Intent, Option<Outcome>)>);

impl Commands {
    /// Of all sessions, in the order in which these began.
    fn of(gate: &Gate, sessions: &[Summary]) -> Self {
        let mut begun: Vec<&Summary> = sessions.iter().collect();
        begun.sort_by_key(|summary| summary.start.started);
        let mut commands: Vec<(Intent, Option<Outcome>)> = Vec::new();
        for summary in begun {
            let path = weir_record::store::path_of(&gate.records, summary.start.id);
            let first = commands.len();
            for entry in SessionReader::open(&path).unwrap() {
                match entry.unwrap() {
                    Entry::Event(Event::Intent(intent)) => commands.push((intent, None)),
                    Entry::Event(Event::Outcome { seq, outcome }) => {
                        let known = commands.iter_mut().skip(first);
                        for (intent, ended) in known {
                            if intent.seq == seq {
                                *ended = Some(outcome.clone());
                            }
                        }
                    }
                    _ => {}
                }
            }
        }
        Self(commands)
    }

    /// The first command that begins so.
    fn named(&self, word: &str) -> (&Intent, &Outcome) {
        let found = self
            .0
            .iter()
            .find(|(intent, _)| intent.text.starts_with(word));
        let (intent, outcome) = found.unwrap_or_else(|| panic!("no {word} in {:#?}", self.0));
        assert_eq!(intent.statements[0].verb, "replicate");
        (intent, outcome.as_ref().unwrap())
    }
}

fn record_size(gate: &Gate) -> u64 {
    let summaries = gate.summaries();
    let sizes = summaries.iter().map(|summary| {
        let path = weir_record::store::path_of(&gate.records, summary.start.id);
        fs::metadata(path).unwrap().len()
    });
    sizes.sum()
}

fn is_refused(out: &Output, rule: &str) {
    assert!(!out.status.success());
    let told = out.stderr_text();
    assert!(told.contains(&format!("rule {rule}")), "{told}");
}

#[test]
fn nobody_replicates_unless_policy_permits_it_and_nothing_is_masked() {
    for (more, rule) in [
        ("", "default-deny"),
        (REVEALS, "default-deny"),
        (REPLICATES, "mask-replication"),
    ] {
        let (server, gate) = stand(more);
        let dir = gate.dir.path().join("wal");
        fs::create_dir(&dir).unwrap();
        is_refused(&receivewal(&server, &gate, &dir, &[]).run().unwrap(), rule);
        let arguments = [
            "-d",
            "shop",
            "-S",
            "s",
            "--create-slot",
            "-P",
            "test_decoding",
        ];
        let logical = client(&server, "pg_recvlogical", gate.address, &arguments);
        is_refused(&logical.run().unwrap(), rule);
        for summary in gate.ended(2) {
            assert!(
                matches!(summary.end, Some(End::Refused { .. })),
                "{summary:?}"
            );
        }
        let asked = "SELECT count(*) FROM pg_replication_slots";
        assert_eq!(server.psql_as_superuser(asked).unwrap().trim(), "0");
    }
}

/// Whatever would be refused goes on for an observed workload, but not what no mask reaches.
#[test]
fn an_observed_workload_gets_no_stream_of_what_is_masked_either() {
    let server = server();
    server
        .psql_as_superuser("ALTER ROLE app REPLICATION")
        .unwrap();
    let gate = Gate::observing(
        server.addr(),
        &tls_of(&server),
        server.app_password(),
        policies(""),
    );
    let dir = gate.dir.path().join("wal");
    fs::create_dir(&dir).unwrap();
    is_refused(
        &receivewal(&server, &gate, &dir, &[]).run().unwrap(),
        "mask-replication",
    );
}

#[test]
fn nothing_is_replicated_of_a_target_whose_values_are_looked_through() {
    let server = server();
    server
        .psql_as_superuser("ALTER ROLE app REPLICATION")
        .unwrap();
    let cards = "@id(\"clear\") permit (principal, action == Weir::Action::\"reveal\", resource) \
                 unless { resource == Weir::DataClass::\"pan\" };";
    let (tls, password) = (tls_of(&server), server.app_password());
    let looking = |more: &str| {
        let target = (server.addr(), tls.as_str(), password);
        let policies = policies(&format!("{REPLICATES}\n{more}"));
        Gate::asking(("enforce", "detectors = [\"card\"]"), target, policies)
    };
    let gate = looking(cards);
    let backup = gate.dir.path().join("backup");
    let arguments = ["-D", backup.to_str().unwrap(), "-X", "none"];
    let out = client(&server, "pg_basebackup", gate.address, &arguments)
        .run()
        .unwrap();
    is_refused(&out, "mask-replication");
    let slot = [
        "-d",
        "shop",
        "-S",
        "s",
        "--create-slot",
        "--start",
        "-f",
        "-",
    ];
    let out = client(&server, "pg_recvlogical", gate.address, &slot)
        .run()
        .unwrap();
    is_refused(&out, "mask-replication");
    let slots = server.psql_as_superuser("SELECT count(*) FROM pg_replication_slots");
    assert_eq!(slots.unwrap().trim(), "0");
    // To whom nothing is masked, whatever is found, it is streamed.
    let gate = looking(REVEALS);
    let slot = ["-d", "shop", "-S", "s", "--create-slot"];
    let out = client(&server, "pg_recvlogical", gate.address, &slot)
        .run()
        .unwrap();
    assert_eq!(out.stderr_text(), "");
}

#[test]
fn a_base_backup_comes_through_whole_and_only_its_account_is_kept() {
    let (server, gate) = stand(&format!("{REPLICATES}\n{REVEALS}"));
    let dir = gate.dir.path().join("backup");
    let to = dir.to_str().unwrap();
    let backup = client(
        &server,
        "pg_basebackup",
        gate.address,
        &["-D", to, "-X", "stream", "-c", "fast"],
    );
    backup.run_ok().unwrap();
    // Checks each file against the sums in the server's own manifest, and the log beside them.
    let verified = Spawn::new(server.bin_dir().join("pg_verifybackup")).arg(to);
    let said = verified.run_ok().unwrap();
    assert!(
        said.stdout_text().contains("successfully verified"),
        "{said:?}"
    );

    let sessions = gate.ended(2);
    let commands = Commands::of(&gate, &sessions);
    let (_, backup) = commands.named("BASE_BACKUP");
    assert!(backup.bytes > 10 << 20, "{backup:?}");
    assert!(backup.rows > 100, "{backup:?}");
    let (_, stream) = commands.named("START_REPLICATION");
    // What a receiver says of how far it has come.
    assert!(stream.sent.unwrap() > 0, "{stream:?}");
    commands.named("IDENTIFY_SYSTEM");
    commands.named("CREATE_REPLICATION_SLOT");
    assert!(record_size(&gate) < 1 << 20, "the files are on record");
}

#[test]
fn the_log_is_received_byte_by_byte() {
    let (server, gate) = stand(&format!("{REPLICATES}\n{REVEALS}"));
    let (beside, through) = (
        gate.dir.path().join("beside"),
        gate.dir.path().join("through"),
    );
    let sql = |text: &str| server.psql_as_superuser(text).unwrap().trim().to_owned();
    sql("SELECT pg_create_physical_replication_slot('s', true)");
    sql("CREATE TABLE noise AS SELECT n, md5(n::text) FROM generate_series(1, 20000) n");
    sql("SELECT pg_switch_wal()");
    let end = sql("SELECT pg_current_wal_lsn()");
    sql("CREATE TABLE behind ()");
    for (dir, at) in [(&beside, server.addr()), (&through, gate.address)] {
        fs::create_dir(dir).unwrap();
        let arguments = [
            "-D",
            dir.to_str().unwrap(),
            "--no-loop",
            "-S",
            "s",
            "-E",
            &end,
        ];
        let receiver = client(&server, "pg_receivewal", at, &arguments);
        // Beside weir there is a password.
        let receiver = receiver.env("PGPASSWORD", server.app_password());
        let receiver = if at == server.addr() {
            receiver.args(["-U", "app"])
        } else {
            receiver
        };
        receiver.run_ok().unwrap();
    }
    let files = |dir: &Path| {
        let mut all: Vec<_> = fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap())
            .map(|entry| (entry.file_name(), fs::read(entry.path()).unwrap()))
            .filter(|(name, _)| !name.to_str().unwrap().ends_with(".partial"))
            .collect();
        all.sort();
        all
    };
    let received = files(&through);
    assert!(!received.is_empty());
    assert!(received == files(&beside), "another log than beside weir");
}

#[test]
fn changes_are_decoded_and_sql_is_judged_beside_them() {
    let (server, gate) = stand(&format!("{REPLICATES}\n{REVEALS}"));
    let logical = |more: &[&str]| {
        let arguments = ["-d", "shop", "-S", "changes"];
        client(&server, "pg_recvlogical", gate.address, &arguments).args(more)
    };
    logical(&["--create-slot", "-P", "test_decoding"])
        .run_ok()
        .unwrap();
    let sql = |text: &str| server.psql_as_superuser(text).unwrap().trim().to_owned();
    sql("CREATE TABLE marks (word text); INSERT INTO marks VALUES ('through the weir')");
    sql("SELECT pg_switch_wal()");
    let end = sql("SELECT pg_current_wal_insert_lsn()");
    sql("CREATE TABLE behind ()");
    let file = gate.dir.path().join("changes");
    logical(&[
        "--start",
        "--no-loop",
        "-f",
        file.to_str().unwrap(),
        "-E",
        &end,
    ])
    .run_ok()
    .unwrap();
    let changes = fs::read_to_string(&file).unwrap();
    assert!(changes.contains("through the weir"), "{changes}");

    let commands = Commands::of(&gate, &gate.ended(2));
    let (intent, outcome) = commands.named("START_REPLICATION");
    assert!(intent.text.contains("\"changes\""), "{intent:?}");
    assert!(outcome.bytes > 0 && outcome.sent.is_some(), "{outcome:?}");

    // In such a session SQL is judged as in any other, and what is dropped for good is refused.
    let ask = |sql: &str| {
        let session = format!(
            "host=127.0.0.1 port={} user=agent dbname=shop replication=database",
            gate.address.port()
        );
        Spawn::new("psql")
            .args(["-X", "-A", "-t", "-d", &session, "-c", sql])
            .run()
            .unwrap()
    };
    assert_eq!(ask("SELECT 40 + 2").stdout_text().trim(), "42");
    assert_eq!(ask("SHOW wal_level").stdout_text().trim(), "logical");
    is_refused(&ask("DROP TABLE marks"), "no-destroy");
    is_refused(&ask("DROP_REPLICATION_SLOT \"changes\""), "no-destroy");
    is_refused(&ask("IDENTIFY_SYSTEM; DROP TABLE marks"), "no-opaque");
    assert!(ask("IDENTIFY_SYSTEM").stdout_text().contains("shop"));
}

#[test]
fn a_physical_session_takes_no_sql() {
    let (_server, gate) = stand(&format!("{REPLICATES}\n{REVEALS}"));
    let ask = |sql: &str| {
        let session = format!(
            "host=127.0.0.1 port={} user=agent dbname=shop replication=true",
            gate.address.port()
        );
        Spawn::new("psql")
            .args(["-X", "-A", "-t", "-d", &session, "-c", sql])
            .run()
            .unwrap()
    };
    assert_eq!(ask("SHOW wal_level").stdout_text().trim(), "logical");
    is_refused(&ask("SELECT 1"), "no-opaque");
    assert!(ask("IDENTIFY_SYSTEM").status.success());
}

#[test]
fn a_stream_ends_with_what_permitted_it() {
    for left in [REPLICATES, REVEALS] {
        let (server, gate) = stand(&format!("{REPLICATES}\n{REVEALS}"));
        let dir = gate.dir.path().join("wal");
        fs::create_dir(&dir).unwrap();
        let receiver = receivewal(&server, &gate, &dir, &[]).start().unwrap();
        let streams = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'";
        let streaming = || server.psql_as_superuser(streams).unwrap().trim() == "1";
        for _ in 0..400 {
            if streaming() {
                break;
            }
            thread::sleep(Duration::from_millis(25));
        }
        assert!(streaming());
        gate.policies.send_replace(policies(left).into());
        let out = receiver.wait().unwrap();
        assert!(!out.status.success());
        let ended = gate.ended(1);
        let last = ended
            .iter()
            .filter_map(|summary| summary.end.clone())
            .next_back();
        assert!(matches!(last, Some(End::PolicyChanged { .. })), "{last:?}");
    }
}
