//! By what it looks like: values in columns that no rule names, where the target asks for detectors.

use weir_wire::postgres::{
    Format::{Binary, Text},
    Formats,
    frontend::FunctionCall,
};

use crate::{
    behind::until_told,
    canary,
    messages::query,
    stand::{
        Kept, Stand,
        Walk::{Extended, Other, Simple},
        Way, say,
    },
};

fn of(path: &'static str, texts: &'static [&'static str]) -> Way {
    Way {
        path,
        walk: Simple(texts),
    }
}

fn both(path: &'static str, text: &'static str) -> Way {
    Way {
        path,
        walk: Extended(text),
    }
}

#[test]
fn what_looks_sensitive_is_masked_in_rows() {
    Stand::detecting().masks(&[
        both("a text", "SELECT body FROM notes"),
        both("a varchar", "SELECT short FROM notes"),
        both("a char", "SELECT padded FROM notes"),
        both("json", "SELECT doc FROM notes"),
        both("jsonb", "SELECT docb FROM notes"),
        both(
            "a field of json",
            "SELECT doc->'to', doc->>'hid', docb->>'by' FROM notes",
        ),
        both("an array", "SELECT list FROM notes"),
        both("an element", "SELECT list[1] FROM notes"),
        both("a composite", "SELECT entry FROM notes"),
        both("a row", "SELECT (id, body, docb, list, raw) FROM notes n"),
        both("bytes", "SELECT raw FROM notes"),
        both("xml", "SELECT markup FROM notes"),
        both("all of it", "SELECT * FROM notes"),
        both("an expression", "SELECT upper(body) || '.' FROM notes"),
        both("an aggregate", "SELECT string_agg(body, ' ') FROM notes"),
        both("an array of it", "SELECT array_agg(body) FROM notes"),
        both("an array of json", "SELECT array_agg(docb) FROM notes"),
        both("a number", "SELECT (docb->>'by')::numeric::text FROM notes"),
        both("a function's result", "SELECT read_out(1)"),
        both(
            "a literal",
            "SELECT 'kq7z' || 'xv41wm@leak.example' FROM notes",
        ),
        both(
            "RETURNING",
            "UPDATE notes SET big = 2 WHERE id = 1 RETURNING body",
        ),
        of(
            "a cursor",
            &[
                "DECLARE c CURSOR FOR SELECT body FROM notes",
                "FETCH ALL FROM c",
            ],
        ),
        of(
            "a binary cursor",
            &[
                "DECLARE c BINARY CURSOR FOR SELECT body, docb, list FROM notes",
                "FETCH ALL FROM c",
            ],
        ),
        of(
            "PREPARE, EXECUTE",
            &["PREPARE p AS SELECT body FROM notes", "EXECUTE p"],
        ),
        of(
            "a plan",
            &["EXPLAIN SELECT 1 FROM notes WHERE body = 'kq7z' || 'xv41wm@leak.example'"],
        ),
    ]);
}

#[test]
fn what_looks_sensitive_is_masked_in_copies() {
    Stand::detecting().masks(&[
        of("COPY", &["COPY notes TO STDOUT"]),
        of(
            "COPY of a query",
            &["COPY (SELECT upper(body), doc FROM notes) TO STDOUT"],
        ),
        of(
            "COPY in CSV",
            &["COPY notes TO STDOUT (FORMAT csv, HEADER)"],
        ),
        of("COPY in binary", &["COPY notes TO STDOUT (FORMAT binary)"]),
        of(
            "COPY with a delimiter that hides",
            &["COPY (SELECT body FROM notes) TO STDOUT (DELIMITER '@')"],
        ),
        of(
            "COPY with a quote that hides",
            &["COPY (SELECT body FROM notes) TO STDOUT (FORMAT csv, QUOTE '@', FORCE_QUOTE *)"],
        ),
        of(
            "COPY of old",
            &["COPY notes TO STDOUT WITH CSV QUOTE AS '4' DELIMITER AS ';'"],
        ),
        both("COPY in the extended protocol", "COPY notes TO STDOUT"),
        of(
            "COPY behind others",
            &["SELECT 1; COPY (SELECT body FROM notes) TO STDOUT (FORMAT csv)"],
        ),
    ]);
}

#[test]
fn what_looks_sensitive_is_masked_in_what_is_no_row() {
    Stand::detecting().masks(&[
        of("a cast that fails", &["SELECT body::int FROM notes"]),
        of(
            "a constraint's detail",
            &["UPDATE notes SET id = -1 WHERE id = 1"],
        ),
        of(
            "a unique index's detail",
            &["INSERT INTO notes SELECT 2, body FROM notes"],
        ),
        of("RAISE NOTICE", &["SELECT aloud(1)"]),
        Way {
            path: "NOTIFY by another session",
            walk: Other(|agent, server| {
                say(agent, &[query("LISTEN told")]);
                let told = "SELECT pg_notify('told', body) FROM notes WHERE id = 1";
                server.psql_as_superuser(told).unwrap();
                until_told(agent);
            }),
        },
        Way {
            path: "a fast-path call",
            walk: Other(|agent, server| {
                let oid = server
                    .psql_as_superuser("SELECT 'read_out(int)'::regprocedure::oid")
                    .unwrap();
                let one: &[u8] = &[0, 0, 0, 1];
                for format in [Text, Binary] {
                    let oid = oid.parse().unwrap();
                    let call = FunctionCall::new(oid, &Formats::All(Binary), &[Some(one)], format);
                    say(agent, &[call.unwrap().into_frame()]);
                }
            }),
        },
    ]);
}

#[test]
fn nothing_is_looked_for_where_no_detector_is_asked_for() {
    let stand = Stand::with_notes("");
    let way = both("a text", "SELECT body FROM notes");
    let (kept, heard) = stand.walked(&way);
    assert_eq!(kept, Kept::Masked, "that is, answered");
    assert!(!canary::found(&heard).is_empty());
}
