//! Sessions in other encodings than UTF-8: what is shown is faithful, what is sent is judged as the
//! server reads it, and what is masked stays so.

use testbed::{Output, Postgres, Spawn};
use weir_policy::{Policies, Source};

use crate::{common::Gate, server};

/// Names and addresses as they are in French; the addresses are masked, by a column whose name has
/// other letters than ASCII.
const GENS: &str = "\
SET ROLE app;
CREATE TABLE \"élèves\" (id int, nom text, \"adresse privée\" text);
INSERT INTO \"élèves\" VALUES (1, 'Zoé Lefèvre', 'zoé@château.example'), (2, 'Noël', 'noël@château.example');
CREATE TABLE \"Ã©lÃ¨ves\" (id int, nom text);
INSERT INTO \"Ã©lÃ¨ves\" VALUES (1, 'Ohm');
";

const MASKING: &str = "[class.address]\nmethod = \"partial\"\nkeep_last = 4\n[[column]]\nclass = \"address\"\ncolumn = \"adresse privée\"\n";

fn stand(more: &str) -> (Postgres, Gate) {
    let server = server();
    server.psql_as_superuser(GENS).unwrap();
    let source = |name: &str, text: &str| Source {
        name: name.to_owned(),
        text: text.into(),
    };
    let all = format!(
        "@id(\"all\") permit (principal, action in Weir::Action::\"command\", resource);\n{more}"
    );
    let sources = [source("all.cedar", &all), source("masking.toml", MASKING)];
    let policies = Policies::load(&sources).unwrap();
    let gate = Gate::of(&server, policies);
    (server, gate)
}

/// psql in this encoding, given these bytes.
fn psql(at: &Gate, encoding: &str, sql: &[u8]) -> Output {
    Spawn::new("psql")
        .args(["-X", "-A", "-t", "-q", "-h", "127.0.0.1", "-U", "agent"])
        .args(["-d", "shop", "-p", &at.address.port().to_string()])
        .env("PGCLIENTENCODING", encoding)
        .env("PGCONNECT_TIMEOUT", "10")
        .stdin(sql)
        .run()
        .unwrap()
}

fn latin1(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(c).unwrap()).collect()
}

#[test]
fn latin_1_is_read_and_shown_as_the_server_does() {
    let (server, gate) = stand("");
    let beside = |sql: &str| {
        Spawn::new("psql")
            .args(["-X", "-A", "-t", "-q", "-h", server.host()])
            .args(["-p", &server.port().to_string(), "-U", "app", "-d", "shop"])
            .env("PGPASSWORD", server.app_password())
            .env("PGCLIENTENCODING", "LATIN1")
            .stdin(latin1(sql))
            .run()
            .unwrap()
            .stdout
    };
    for sql in [
        "SELECT nom FROM \"élèves\" ORDER BY id",
        "SELECT 'é' || nom, length('é'), E'\\\\é\\'' FROM élèves WHERE nom = 'Noël'",
        "SELECT nom FROM \"Ã©lÃ¨ves\"",
        "COPY (SELECT nom FROM \"élèves\" ORDER BY id) TO STDOUT",
        "PREPARE p AS SELECT nom FROM \"élèves\" WHERE nom = $1; EXECUTE p('Noël')",
    ] {
        let out = psql(&gate, "LATIN1", &latin1(sql));
        assert_eq!(out.stderr_text(), "", "{sql}");
        let (shown, clear) = (out.stdout, beside(sql));
        assert!(!clear.is_empty(), "{sql}");
        assert_eq!(shown, clear, "{sql}: {}", String::from_utf8_lossy(&shown));
    }
    // What is on record is what the agent meant.
    let summary = &gate.ended(5)[0];
    let story = Spawn::new(env!("CARGO_BIN_EXE_weir"))
        .args(["sessions", "show", &summary.start.id.to_string()])
        .args(["--records", gate.records.to_str().unwrap()])
        .run()
        .unwrap();
    assert!(
        story.stdout_text().contains("élèves"),
        "{}",
        story.stdout_text()
    );
}

#[test]
fn what_is_masked_stays_so_in_any_encoding() {
    let (_server, gate) = stand("");
    let clear = [
        latin1("zoé@ch"),
        "zoé@ch".into(),
        latin1("noël@"),
        "noël@".into(),
    ];
    for (encoding, sql) in [
        ("LATIN1", "SELECT \"adresse privée\" FROM \"élèves\""),
        ("LATIN1", "SELECT upper(\"adresse privée\") FROM \"élèves\""),
        ("LATIN1", "SELECT e::text FROM \"élèves\" e"),
        ("LATIN1", "COPY \"élèves\" TO STDOUT"),
        ("LATIN1", "SELECT \"adresse privée\"::int FROM \"élèves\""),
        ("LATIN9", "SELECT upper(\"adresse privée\") FROM \"élèves\""),
        ("WIN1252", "SELECT \"adresse privée\" FROM \"élèves\""),
        (
            "WIN1252",
            "SELECT upper(\"adresse privée\") FROM \"élèves\"",
        ),
        ("LATIN1", "SELECT * FROM U&\"\\00e9l\\00e8ves\""),
        (
            "EUC_KR",
            "SELECT upper(U&\"adresse priv\\00e9e\") FROM U&\"\\00e9l\\00e8ves\"",
        ),
        (
            "WIN1252",
            "SELECT upper(U&\"adresse priv\\00e9e\") FROM U&\"\\00e9l\\00e8ves\"",
        ),
    ] {
        let out = psql(&gate, encoding, &latin1(sql));
        for clear in &clear {
            let shows = |bytes: &[u8]| {
                let lower = bytes.to_ascii_lowercase();
                lower.windows(clear.len()).any(|part| part == clear)
            };
            assert!(
                !shows(&out.stdout) && !shows(&out.stderr),
                "{encoding}: {sql}: {} {}",
                out.stdout_text(),
                out.stderr_text()
            );
        }
    }
    let shown = psql(
        &gate,
        "WIN1252",
        b"SELECT * FROM U&\"\\00e9l\\00e8ves\" ORDER BY id",
    );
    assert_eq!(shown.stderr_text(), "");
    let (name, rest) = (latin1("1|Zoé Lefèvre|"), shown.stdout);
    assert!(
        rest.starts_with(&name),
        "{}",
        String::from_utf8_lossy(&rest)
    );
}

/// A text that means one relation in UTF-8 and another as the server reads it.
#[test]
fn a_name_is_that_which_the_server_reads() {
    let closed = "@id(\"closed\") forbid (principal, action, resource == \
                  Weir::Relation::\"db/shop/public/Ã©lÃ¨ves\");\n\
                  @id(\"unread\") forbid (principal, action == Weir::Action::\"opaque\", resource);";
    let (_server, gate) = stand(closed);
    let sql = "SELECT nom FROM \"élèves\"".as_bytes();
    let shown = psql(&gate, "UTF8", sql).stdout_text();
    assert!(shown.contains("Noël"), "{shown}");
    let out = psql(&gate, "LATIN1", sql);
    let error = out.stderr_text();
    assert!(error.contains("rule closed"), "{error}");
    assert_eq!(out.stdout_text(), "");
    for encoding in ["WIN1252", "EUC_KR"] {
        let out = psql(&gate, encoding, sql);
        let error = out.stderr_text();
        assert!(error.contains("rule unread"), "{encoding}: {error}");
        assert_eq!(out.stdout_text(), "");
    }
}

/// In Shift JIS the second byte of a character may be a backslash: `E'` with such a one before the
/// quote ends there for the server, and goes on for who reads bytes.
#[test]
fn no_statement_hides_behind_half_a_character() {
    let (server, gate) = stand("");
    let hidden = b"SELECT E'\x83\x5c'; DROP TABLE notes; --'";
    for encoding in [
        "SJIS",
        "BIG5",
        "GBK",
        "UHC",
        "GB18030",
        "JOHAB",
        "SHIFT_JIS_2004",
        "windows-932",
    ] {
        let out = psql(&gate, encoding, hidden);
        let error = out.stderr_text();
        assert!(error.contains("weir"), "{encoding}: {error}");
    }
    for encoding in ["EUC_KR", "EUC_JP", "LATIN1", "UTF8", "WIN1252"] {
        psql(&gate, encoding, hidden);
        psql(
            &gate,
            encoding,
            b"SET client_encoding = 'SJIS'; SELECT E'\x83\x5c'; DROP TABLE notes; --'",
        );
    }
    let left = server.psql_as_superuser("SELECT count(*) > 0 FROM notes");
    assert_eq!(left.unwrap().trim(), "t");
}
