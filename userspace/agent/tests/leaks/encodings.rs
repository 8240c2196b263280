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
