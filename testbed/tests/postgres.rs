//! The throwaway PostgreSQL is what its builder was asked for, and leaves nothing.

#![expect(clippy::expect_used, clippy::panic, reason = "helpers of tests")]

use std::io::{Read, Write};
use std::net::{Ipv6Addr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use testbed::postgres::Kind;
use testbed::{Auth, Error, Output, Postgres};

/// One query by psql over TCP as the application's role, with more connection settings.
fn psql(server: &Postgres, settings: &str, password: &str, sql: &str) -> Output {
    server
        .psql()
        .args(["-A", "-t", "-c", sql])
        .arg(format!(
            "user={} dbname={} port={} {settings}",
            server.app_user(),
            server.database(),
            server.port()
        ))
        .env("PGPASSWORD", password)
        .run()
        .expect("psql runs")
}

fn verify_full(server: &Postgres, host: &str) -> String {
    format!(
        "host={host} sslmode=verify-full sslrootcert={}",
        server.ca_pem_path().display()
    )
}

fn alive(pid: nix::unistd::Pid) -> bool {
    nix::sys::signal::kill(pid, None).is_ok()
}

fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let since = Instant::now();
    while !holds() {
        assert!(since.elapsed() < Duration::from_secs(10), "never: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn nobody_gets_in_without_tls_or_with_the_wrong_password_or_authority() {
    let server = Postgres::builder().start().unwrap();
    let other = Postgres::builder().start().unwrap();
    let settings = verify_full(&server, server.host());

    let plain = psql(
        &server,
        "host=127.0.0.1 sslmode=disable",
        server.app_password(),
        "SELECT 1",
    );
    assert!(
        plain.stderr_text().contains("no encryption"),
        "{}",
        plain.stderr_text()
    );

    let wrong = psql(&server, &settings, "guess", "SELECT 1");
    assert!(
        wrong
            .stderr_text()
            .contains("password authentication failed")
    );

    let distrusted = psql(
        &server,
        &verify_full(&other, server.host()),
        server.app_password(),
        "SELECT 1",
    );
    assert!(
        distrusted
            .stderr_text()
            .contains("certificate verify failed")
    );

    for output in [plain, wrong, distrusted] {
        assert!(!output.status.success());
        assert!(output.stdout.is_empty());
    }
    assert_eq!(server.received().unwrap(), Vec::<String>::new());
}

#[test]
fn tls_is_verified_in_full_on_both_addresses_and_by_name() {
    let server = Postgres::builder().start().unwrap();
    for host in ["127.0.0.1", "::1", "localhost"] {
        let output = psql(
            &server,
            &format!("{} channel_binding=require", verify_full(&server, host)),
            server.app_password(),
            "SELECT ssl, version LIKE 'TLSv1.%' FROM pg_stat_ssl WHERE pid = pg_backend_pid()",
        );
        assert_eq!(
            output.stdout_text(),
            "t|t\n",
            "{host}: {}",
            output.stderr_text()
        );
    }
}

#[test]
fn each_way_to_log_in_is_the_one_asked_for() {
    // What the server's AuthenticationRequest says: PostgreSQL's "Message Formats".
    for (auth, code) in [
        (Auth::Scram, 10),
        (Auth::Md5, 5),
        (Auth::Cleartext, 3),
        (Auth::Trust, 0),
    ] {
        let server = Postgres::builder()
            .tls(false)
            .auth(auth)
            .sample_data(false)
            .start()
            .unwrap();
        assert_eq!(auth_request(&server), code, "{auth:?}");
        let output = psql(
            &server,
            "host=127.0.0.1 sslmode=disable",
            server.app_password(),
            "SELECT current_user, to_regclass('people') IS NULL",
        );
        assert_eq!(
            output.stdout_text(),
            "app|t\n",
            "{auth:?}: {}",
            output.stderr_text()
        );
    }
}

/// Says hello, and returns the code of the server's first message.
fn auth_request(server: &Postgres) -> u32 {
    let mut stream = say(server, &[startup()]);
    let mut reply = [0; 9];
    stream.read_exact(&mut reply).expect("a whole message");
    let [b'R', _, _, _, _, code @ ..] = reply else {
        panic!("not a request: {reply:?}")
    };
    u32::from_be_bytes(code)
}

/// A message of the protocol; the first has no tag.
fn message(tag: &[u8], body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4)
        .expect("a short message")
        .to_be_bytes();
    [tag, &length, body].concat()
}

fn startup() -> Vec<u8> {
    let version = 196_608_u32.to_be_bytes();
    message(
        b"",
        &[&version[..], b"user\0app\0database\0shop\0\0"].concat(),
    )
}

/// Sends these messages over a new connection without TLS.
fn say(server: &Postgres, messages: &[Vec<u8>]) -> TcpStream {
    let mut stream = TcpStream::connect(server.addr()).expect("it listens");
    stream
        .set_read_timeout(Some(Duration::from_secs(5)))
        .expect("a time-out");
    stream.write_all(&messages.concat()).expect("it reads");
    stream
}

#[test]
fn passwords_are_stored_by_scram_and_the_app_is_no_superuser() {
    let server = Postgres::builder().start().unwrap();
    let roles = server
        .psql_as_superuser(
            "SELECT rolname, rolsuper, left(rolpassword, 13) FROM pg_authid \
             WHERE rolcanlogin ORDER BY rolname",
        )
        .unwrap();
    assert_eq!(roles, "app|f|SCRAM-SHA-256\npostgres|t|SCRAM-SHA-256");
    assert_ne!(server.app_password(), server.superuser_password());
}

#[test]
fn the_sample_data_is_there_and_belongs_to_the_app() {
    let server = Postgres::builder().start().unwrap();
    let facts = server
        .psql_as_superuser(
            "SELECT (SELECT count(*) FROM people), (SELECT count(*) FROM orders), \
                    (SELECT count(*) FROM notes WHERE body #>> '{contact,email}' LIKE '%@example.com'), \
                    (SELECT string_agg(tablename, ',' ORDER BY tablename) FROM pg_tables \
                      WHERE schemaname = 'public' AND tableowner = 'app'), \
                    (SELECT count(*) FROM people WHERE email NOT LIKE '%@example.com')",
        )
        .unwrap();
    assert_eq!(facts, "20|60|10|notes,orders,people|0");
}

#[test]
fn servers_do_not_see_each_other() {
    let (one, two) = (
        Postgres::builder().start().unwrap(),
        Postgres::builder().start().unwrap(),
    );
    assert_ne!(one.port(), two.port());
    one.psql_as_superuser("DROP TABLE notes").unwrap();
    let error = one
        .psql_as_superuser("SELECT count(*) FROM notes")
        .unwrap_err();
    assert!(
        error.to_string().contains("\"notes\" does not exist"),
        "{error}"
    );
    assert_eq!(
        two.psql_as_superuser("SELECT count(*) FROM notes").unwrap(),
        "10"
    );
}

#[test]
fn what_it_received_is_known_and_our_own_looking_is_not_in_it() {
    let server = Postgres::builder().start().unwrap();
    let settings = verify_full(&server, server.host());
    let run = |sql: &str| psql(&server, &settings, server.app_password(), sql);
    run("SELECT 1\n AS one");
    run("SELEC 2");
    run("SELECT 3/0");
    server.psql_as_superuser("SELECT 'looking'").unwrap();
    server.psql_as_superuser("SELECT 'looking'/0").unwrap_err();

    assert_eq!(
        server.received().unwrap(),
        ["SELECT 1\n AS one", "SELEC 2", "SELECT 3/0"]
    );
    let statements = server.statements().unwrap();
    assert!(statements.iter().all(|statement| statement.user == "app"));
    assert_eq!(statements[1].kind, Kind::Rejected);
}

#[test]
fn a_parse_is_seen_though_nothing_is_executed() {
    let server = Postgres::builder()
        .tls(false)
        .auth(Auth::Trust)
        .start()
        .unwrap();
    let mut stream = say(
        &server,
        &[
            startup(),
            message(b"P", b"evil\0DROP TABLE people\0\0\0"),
            message(b"P", b"worse\0DROP TABEL people\0\0\0"),
            message(b"S", b""),
            message(b"X", b""),
        ],
    );
    stream.read_to_end(&mut Vec::new()).unwrap();

    let kinds: Vec<_> = server
        .statements()
        .unwrap()
        .into_iter()
        .map(|s| (s.kind, s.text))
        .collect();
    assert_eq!(
        kinds,
        [
            (Kind::Parse, "DROP TABLE people".to_owned()),
            (Kind::Rejected, "DROP TABEL people".to_owned())
        ]
    );
    assert_eq!(
        server.received().unwrap(),
        ["DROP TABLE people", "DROP TABEL people"]
    );
    assert_eq!(
        server
            .psql_as_superuser("SELECT count(*) FROM people")
            .unwrap(),
        "20"
    );
}

#[test]
fn stopped_or_dropped_it_leaves_no_process_and_no_directory() {
    for stop in [Postgres::stop, |server| {
        drop(server);
        Ok(())
    }] {
        let server = Postgres::builder().start().unwrap();
        let (pid, port, dir) = (server.pid(), server.port(), server.dir().to_owned());
        // A client that is still connected is no reason to stay.
        let mut client = TcpStream::connect((Ipv6Addr::LOCALHOST, port)).unwrap();
        assert!(alive(pid) && dir.exists());

        let result: Result<(), Error> = stop(server);
        result.unwrap();

        assert!(!alive(pid) && !dir.exists());
        TcpStream::connect((Ipv6Addr::LOCALHOST, port)).unwrap_err();
        client
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        // End of file or a reset; a time-out would mean that somebody still holds the connection.
        let end = client.read(&mut [0; 1]);
        let reset = |error: &std::io::Error| error.kind() == std::io::ErrorKind::ConnectionReset;
        assert!(
            matches!(&end, Ok(0)) || end.as_ref().is_err_and(reset),
            "{end:?}"
        );
    }
}

#[test]
fn it_dies_with_the_process_that_started_it_however_that_dies() {
    let mut parent = Command::new(env!("CARGO_BIN_EXE_weir-testbed"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    let mut stdout = parent.stdout.take().unwrap();
    eventually("the server is announced", || {
        let mut chunk = [0; 1024];
        let read = stdout.read(&mut chunk).unwrap();
        said.push_str(&String::from_utf8_lossy(&chunk[..read]));
        said.contains("Ctrl-D")
    });
    let word = |name: &str| {
        let line = said
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .unwrap();
        line.trim().to_owned()
    };
    let pid = nix::unistd::Pid::from_raw(word("pid").parse().unwrap());
    let dir = word("dir");
    assert!(alive(pid));

    parent.kill().unwrap();
    parent.wait().unwrap();

    eventually("the server is gone", || !alive(pid));
    // The next server's start sweeps what the killed process could not.
    let _next = Postgres::builder().start().unwrap();
    assert!(!Path::new(&dir).exists());
}

#[test]
fn an_outsider_can_read_the_authority_and_nothing_else() {
    use std::os::unix::fs::MetadataExt;
    let server = Postgres::builder().start().unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().mode() & 0o777;
    assert_eq!(mode(server.dir()), 0o711);
    assert_eq!(mode(server.ca_pem_path()), 0o644);
    assert_eq!(mode(server.log()), 0o600);
    for private in ["data", "socket"] {
        assert_eq!(mode(&server.dir().join(private)), 0o700, "{private}");
    }
    assert_eq!(mode(&server.dir().join("server.key")), 0o600);
}
