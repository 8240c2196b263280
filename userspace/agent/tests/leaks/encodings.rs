//! Names that mean one thing in the encoding that was reported last, and another in the one that the
//! target reads by: a session that did not begin in UTF-8 goes back to where it began in the same packet
//! as what is read wrongly.

use weir_wire::postgres::Frame;

use crate::{
    agent::Agent,
    canary,
    messages::{bind, execute, flush, query, raw, sync},
    stand::{Stand, say},
};

const CLEAR: &str = "AS SELECT lower(name) FROM vault";
const SENSITIVE: &str = "AS SELECT lower(ssn) FROM vault";
const TO_UTF8: &str = "SET client_encoding = 'UTF8'";

/// Text whose letters are bytes of LATIN1.
fn latin1(text: &str) -> Vec<u8> {
    text.chars().map(|c| u8::try_from(c).unwrap()).collect()
}

fn ask(text: &[u8]) -> Frame {
    raw(b'Q', &[text, &[0]].concat())
}

fn prepare(text: &[u8]) -> Frame {
    raw(b'P', &[&[0], text, &[0, 0, 0]].concat())
}

/// The messages that carry out a text by the extended protocol, without a Sync.
fn carry_out(text: &[u8]) -> [Frame; 4] {
    [prepare(text), bind("", ""), execute(""), flush()]
}

/// What is said to take one name for another: this in UTF-8 is `alias` in LATIN1, as the target cuts it.
struct Names {
    name: String,
    alias: String,
}

impl Names {
    fn swaps(&self) -> [Vec<u8>; 2] {
        let name = &self.name;
        [
            format!("DEALLOCATE \"{name}\"").into(),
            format!("PREPARE \"{name}\" {SENSITIVE}").into(),
        ]
    }

    fn prepares(&self) -> Frame {
        ask(&latin1(&format!("PREPARE \"{}\" {CLEAR}", self.alias)))
    }

    fn executes(&self) -> Frame {
        ask(&latin1(&format!("EXECUTE \"{}\"", self.alias)))
    }
}

/// What leads back: what it is called, what is said before, and what swaps the names then.
type Lead<'a> = (&'a str, &'a [&'a str], &'a dyn Fn(&mut Agent));

#[test]
fn what_is_read_by_the_encoding_of_the_start_is_not_mistaken() {
    let all = [
        Names {
            name: "é".to_owned(),
            alias: "Ã©".to_owned(),
        },
        // Cut after 63 bytes, of which the target counts more.
        Names {
            name: format!("{}{}1", "a".repeat(40), "é".repeat(11)),
            alias: format!("{}{}Ã", "a".repeat(40), "Ã©".repeat(5)),
        },
    ];
    let stand = Stand::of_portals();
    let mut leaks = Vec::new();
    for names in &all {
        let together = |back: &'static str| {
            move |agent: &mut Agent| {
                let mut all = vec![query(back)];
                all.extend(names.swaps().iter().map(|text| ask(text)));
                agent.try_send(&all);
                for _ in 0..3 {
                    say(agent, &[]);
                }
            }
        };
        let ways: [Lead<'_>; 4] = [
            ("RESET ALL", &[TO_UTF8], &together("RESET ALL")),
            ("RESET", &[TO_UTF8], &together("RESET client_encoding")),
            (
                "a ROLLBACK",
                &["BEGIN", "SET LOCAL client_encoding = 'UTF8'"],
                &together("ROLLBACK"),
            ),
            (
                "RESET ALL, answered before the target says so",
                &[TO_UTF8],
                &|agent| {
                    let [first, second] = names.swaps();
                    for text in [b"RESET ALL".to_vec(), first, second] {
                        agent.try_send(&carry_out(&text));
                        if !is_carried_out(agent) {
                            break;
                        }
                    }
                    say(agent, &[sync()]);
                },
            ),
        ];
        for (way, before, swap) in ways {
            let found = stand
                .agents_with(&[("client_encoding", "LATIN1")])
                .map(|mut agent| {
                    say(&mut agent, &[names.prepares()]);
                    for text in before {
                        say(&mut agent, &[query(text)]);
                    }
                    swap(&mut agent);
                    say(&mut agent, &[names.executes()]);
                    canary::found(&agent.heard)
                });
            let [beside, through] = found;
            assert_ne!(beside, Vec::<&str>::new(), "{way} proves nothing");
            if !through.is_empty() {
                leaks.push(format!("{way}: {}", names.name));
            }
        }
    }
    assert_eq!(leaks, Vec::<String>::new());
}

/// Hears whether something was carried out, without a Sync.
fn is_carried_out(agent: &mut Agent) -> bool {
    let mut answers = std::iter::from_fn(|| agent.receive());
    answers
        .find(|frame| matches!(frame.tag(), b'C' | b'E'))
        .is_some_and(|frame| frame.tag() == b'C')
}

/// Databases that keep names in another encoding: shorter ones, or whatever bytes come.
fn databases(long: &str) -> String {
    let each = ["latin1", "sql_ascii"].map(|encoding| {
        format!(
            "CREATE DATABASE {encoding} OWNER app ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C' \
             TEMPLATE template0;\n\\connect {encoding}\nSET client_encoding = 'UTF8'; SET ROLE app;\n\
             CREATE TABLE vault (id int PRIMARY KEY, name text, ssn text);\n\
             INSERT INTO vault VALUES (1, 'one', '{}');\n",
            canary::CANARY
        )
    });
    let [latin1, sql_ascii] = each;
    format!("{latin1}CREATE TABLE \"{long}a\" AS SELECT ssn FROM vault;\nRESET ROLE;\n{sql_ascii}")
}

#[test]
fn names_of_a_database_in_another_encoding_are_not_mistaken() {
    // In UTF-8 it is cut before the last letter, in LATIN1 it is not.
    let long = "é".repeat(40);
    let stand = Stand::of_portals();
    stand.prepare(&databases(&long));
    let statements = |texts: &[String]| texts.iter().map(|text| text.clone().into()).collect();
    let cut: Vec<Vec<u8>> = statements(&[
        format!("PREPARE \"{long}a\" {SENSITIVE}"),
        format!("PREPARE \"{long}b\" {CLEAR}"),
        format!("EXECUTE \"{long}a\""),
    ]);
    let read = statements(&[format!("SELECT lower(ssn) FROM \"{long}a\"")]);
    let unconverted = statements(&[
        format!("PREPARE \"é\" {SENSITIVE}"),
        TO_UTF8.to_owned(),
        format!("PREPARE \"é\" {CLEAR}"),
        "RESET ALL".to_owned(),
        "EXECUTE \"é\"".to_owned(),
    ]);
    let never_converted = statements(&[
        format!("PREPARE \"é\" {CLEAR}"),
        TO_UTF8.to_owned(),
        "DEALLOCATE \"é\"".to_owned(),
        format!("PREPARE \"é\" {SENSITIVE}"),
        "RESET ALL".to_owned(),
        "EXECUTE \"é\"".to_owned(),
    ]);
    let ways = [
        ("a statement's name", "latin1", "UTF8", &cut),
        ("a table's name", "latin1", "UTF8", &read),
        ("a name by its bytes", "latin1", "SQL_ASCII", &unconverted),
        ("the same name", "sql_ascii", "LATIN1", &never_converted),
    ];
    let mut leaks = Vec::new();
    for (way, database, encoding, texts) in ways {
        let [beside, through] = stand
            .agents_in(database, &[("client_encoding", encoding)])
            .map(|mut agent| {
                for text in texts {
                    say(&mut agent, &[ask(text)]);
                }
                canary::found(&agent.heard)
            });
        assert_ne!(beside, Vec::<&str>::new(), "{way} proves nothing");
        if !through.is_empty() {
            leaks.push(way);
        }
    }
    assert_eq!(leaks, Vec::<&str>::new());
    // Others are read, and shown as they are.
    let [beside, through] = stand.agents_in("latin1", &[]).map(|mut agent| {
        let text = "SELECT name, 'É' FROM vault AS \"é\" WHERE \"é\".id = 1";
        say(&mut agent, &[ask(text.as_bytes())]);
        agent.heard.ends_with(b"SELECT 1\0Z\0\0\0\x05I")
    });
    assert!(beside && through);
}
