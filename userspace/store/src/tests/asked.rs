//! What is asked of the index is what a look at every record would find.

use std::collections::BTreeSet;

use proptest::{collection, option, prelude::*, sample::select};
use weir_record::{
    End, Entry, Event, Intent, SessionReader, SessionStart, VerdictSummary, store::path_of,
};

use super::*;
use crate::Answer;

const SUBJECTS: &[&str] = &["unix:alice", "unix:bob"];
const TARGETS: &[&str] = &["orders", "shop"];
const TABLES: &[&str] = &[
    "people",
    "public.people",
    "audit.people",
    "orders",
    "Public.a.b",
    "x\"y",
];
const TEXTS: &[&str] = &[
    "SELECT 1",
    "select * from People",
    "ÄÖ",
    "a\"b' OR 1=1 --",
    "",
    "NUL\0 in it",
    "* AND NOT texts:\"x\"",
];

/// What somebody may look for.
const SOUGHT: &[&str] = &[
    "people", "SELECT", "e", "", "äö", "Ä", "\"b'", "1=1", "\0", "and not", "texts:", "alice@x",
    "tx",
];
const NAMED: &[&str] = &[
    "people",
    "PEOPLE",
    "public.people",
    "shop.public.people",
    "audit.people",
    "eople",
    "\"Public\".\"a.b\"",
    "\"x\"\"y\"",
    "",
    "%",
];

#[derive(Clone, Debug)]
struct Asked {
    text: &'static str,
    parameter: Option<&'static str>,
    objects: Vec<&'static str>,
    answer: Answer,
    rows: Option<u64>,
}

#[derive(Clone, Debug)]
struct Had {
    subject: &'static str,
    target: Option<&'static str>,
    commands: Vec<Asked>,
    /// How it ended: not at all, well, or refused as a whole.
    end: Option<bool>,
}

fn asked() -> impl Strategy<Value = Asked> {
    (
        select(TEXTS),
        option::of(select(&["alice@x", "SELECT", "t"][..])),
        collection::vec(select(TABLES), 0..3),
        select(&[Answer::Allow, Answer::Deny, Answer::Ask][..]),
        option::of(0..5u64),
    )
        .prop_map(|(text, parameter, objects, answer, rows)| Asked {
            text,
            parameter,
            objects,
            answer,
            rows,
        })
}

fn had() -> impl Strategy<Value = Had> {
    (
        select(SUBJECTS),
        option::of(select(TARGETS)),
        collection::vec(asked(), 0..4),
        option::of(any::<bool>()),
    )
        .prop_map(|(subject, target, commands, end)| Had {
            subject,
            target,
            commands,
            end,
        })
}

fn wanted() -> impl Strategy<Value = Wanted> {
    let text = |from: &'static [&'static str]| option::of(select(from).prop_map(ToOwned::to_owned));
    let answers = &[Answer::Allow, Answer::Deny, Answer::Ask, Answer::Observed][..];
    (
        text(SUBJECTS),
        text(TARGETS),
        text(&["0-workload", "1-workload"]),
        option::of(select(answers)),
        text(NAMED),
        text(SOUGHT),
        option::of(-1..8i64),
        option::of(-1..8i64),
    )
        .prop_map(
            |(subject, target, workload, verdict, table, text, since, until)| Wanted {
                subject,
                target,
                workload,
                verdict,
                table,
                text,
                since: since.map(moment),
                until: until.map(moment),
                before: None,
                limit: Some(1000),
            },
        )
}

fn record(bed: &Bed, second: i64, had: &Had) {
    let mut recording = bed.begin(second, had.subject, had.target);
    for asked in &had.commands {
        let seq = match asked.answer {
            Answer::Deny => recording.refused(asked.text, &asked.objects),
            Answer::Ask => recording.asked(asked.text, &asked.objects),
            Answer::Allow | Answer::Observed => {
                let parameters: Vec<&str> = asked.parameter.into_iter().collect();
                recording.allowed(asked.text, &parameters, &asked.objects)
            }
        };
        if let Some(rows) = asked.rows {
            recording.done(seq, rows);
        }
    }
    match had.end {
        None => {}
        Some(true) => drop(recording.end()),
        Some(false) => {
            let refused = End::Refused {
                rule: "no-connect".to_owned(),
                message: "no".to_owned(),
            };
            recording.writer.end(&refused).unwrap();
        }
    }
}

/// What the record of a session says, looked at from end to end.
struct Told {
    start: SessionStart,
    intents: Vec<Intent>,
    refused: bool,
    last: Timestamp,
}

fn told(bed: &Bed, id: SessionId) -> Told {
    let mut reader = SessionReader::open(&path_of(&bed.records(), id)).unwrap();
    let (mut start, mut intents, mut refused) = (None, Vec::new(), false);
    for entry in reader.by_ref() {
        match entry.unwrap() {
            Entry::Event(Event::Start(one)) => start = Some(one),
            Entry::Event(Event::Intent(one)) => intents.push(one),
            Entry::Event(Event::End(End::Refused { .. })) => refused = true,
            _ => {}
        }
    }
    let start = start.unwrap();
    let last = start.started + SignedDuration::from_micros(reader.at());
    Told {
        start,
        intents,
        refused,
        last,
    }
}

/// The filter, in the simplest words there are for it.
fn is_wanted(told: &Told, wanted: &Wanted) -> bool {
    let is = |wanted: &Option<String>, is: Option<&str>| {
        wanted.as_deref().is_none_or(|wanted| Some(wanted) == is)
    };
    let whole = is(&wanted.subject, Some(&told.start.subject))
        && is(&wanted.target, told.start.target.as_deref())
        && is(&wanted.workload, Some(&told.start.workload))
        && wanted.since.is_none_or(|since| told.last >= since)
        && wanted.until.is_none_or(|until| told.start.started < until);
    let more = wanted.table.is_some() || wanted.text.is_some();
    if !more && wanted.verdict.is_none() {
        return whole;
    }
    let one = told.intents.iter().any(|intent| {
        let at = told.start.started + SignedDuration::from_micros(intent.at);
        wanted
            .verdict
            .is_none_or(|answer| answer == answered(intent))
            && wanted
                .table
                .as_ref()
                .is_none_or(|table| names(intent, table))
            && wanted.text.as_ref().is_none_or(|text| says(intent, text))
            && wanted.since.is_none_or(|since| at >= since)
            && wanted.until.is_none_or(|until| at < until)
    });
    whole && (one || told.refused && !more && wanted.verdict == Some(Answer::Deny))
}

fn answered(intent: &Intent) -> Answer {
    match intent.verdict {
        VerdictSummary::Allow { would_be: None, .. } => Answer::Allow,
        VerdictSummary::Allow { .. } => Answer::Observed,
        VerdictSummary::Deny { .. } => Answer::Deny,
        VerdictSummary::Ask { .. } => Answer::Ask,
    }
}

fn says(intent: &Intent, text: &str) -> bool {
    let plain = |text: &str| text.replace('\0', "\u{fffd}").to_lowercase();
    let sent = intent.parameters.iter().flatten();
    std::iter::once(&intent.text)
        .chain(sent)
        .any(|one| plain(one).contains(&plain(text)))
}

/// Whether the one name ends as the other, part by part.
fn names(intent: &Intent, table: &str) -> bool {
    let typed: Vec<String> = crate::text::parts(table)
        .into_iter()
        .map(|part| match part.starts_with('"') {
            true => part.to_owned(),
            false => part.to_lowercase(),
        })
        .collect();
    let mut objects = intent.statements.iter().flat_map(|s| &s.objects);
    objects.any(|object| {
        let name = object.split_once(' ').unwrap().1;
        let parts = crate::text::parts(name);
        parts
            .iter()
            .rev()
            .zip(typed.iter().rev())
            .all(|(one, other)| one == other)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_index_finds_what_a_look_at_every_record_finds(
        sessions in collection::vec(had(), 0..6),
        wanted in collection::vec(wanted(), 12),
    ) {
        let bed = Bed::new();
        for (second, had) in (0..).zip(&sessions) {
            record(&bed, second, had);
        }
        let mut index = Index::in_memory().unwrap();
        index.update(&bed.records()).unwrap();
        let all: Vec<Told> = ids(&index, &Wanted::default())
            .into_iter()
            .map(|id| told(&bed, id))
            .collect();
        prop_assert_eq!(all.len(), sessions.len());
        for wanted in wanted {
            let expected: Vec<SessionId> = all
                .iter()
                .filter(|told| is_wanted(told, &wanted))
                .map(|told| told.start.id)
                .collect();
            prop_assert_eq!(&ids(&index, &wanted), &expected, "{:?}", wanted);
            // The same, page by page.
            let mut paged = Vec::new();
            let mut page = Wanted { limit: Some(2), ..wanted.clone() };
            loop {
                let listed = index.list(&page).unwrap();
                prop_assert_eq!(listed.matched, expected.len());
                paged.extend(listed.sessions.iter().map(|one| one.start.id));
                match listed.next {
                    Some(next) => page.before = Some(next),
                    None => break,
                }
            }
            prop_assert_eq!(paged, expected);
        }
    }
}

#[test]
fn summaries_are_those_of_the_records_themselves() {
    let bed = Bed::new();
    let mut one = bed.begin(0, "unix:alice", Some("shop"));
    let seq = one.allowed("SELECT 1", &[], &["people"]);
    one.done(seq, 3);
    one.done(seq, 4);
    one.refused("DROP TABLE people", &["people"]);
    one.asked("DELETE FROM people", &["people"]);
    one.end();
    drop(bed.begin(1, "unix:bob", None));
    let mut index = Index::in_memory().unwrap();
    index.update(&bed.records()).unwrap();
    let listed = index.list(&Wanted::default()).unwrap().sessions;
    let read: Vec<_> = weir_record::list(&bed.records())
        .unwrap()
        .into_iter()
        .map(Result::unwrap)
        .collect();
    assert_eq!(listed, read);
    assert_eq!((read[1].rows, read[1].refused, read[1].asked), (7, 1, 1));
}

/// A row for each would cost more than judging did.
#[test]
fn texts_that_are_read_alike_share_rows_and_are_found_each() {
    const COUNT: i64 = 2000;
    let bed = Bed::new();
    let mut one = bed.gather(&start(0, "unix:alice", Some("shop")));
    for number in 0..COUNT {
        let seq = one.allowed(
            &format!("SELECT a FROM people WHERE id = {number};"),
            &[],
            &["people"],
        );
        one.done(seq, 1);
    }
    let id = one.end();
    let mut index = Index::open(&bed.index()).unwrap();
    index.update(&bed.records()).unwrap();
    let found = |text: String| {
        let wanted = Wanted {
            text: Some(text),
            ..Wanted::default()
        };
        let sessions = index.list(&wanted).unwrap().sessions;
        sessions.iter().map(|one| one.start.id).collect::<Vec<_>>()
    };
    for number in 0..COUNT {
        assert_eq!(
            found(format!("select a from people where id = {number};")),
            [id]
        );
    }
    assert_eq!(found(format!("id = {COUNT};")), []);
    assert_eq!(found(";select".to_owned()), [], "texts are kept apart");
    let rows = rusqlite::Connection::open(bed.index()).unwrap();
    let count = |sql: &str| rows.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(count("SELECT sum(count) FROM commands"), COUNT);
    assert!(count("SELECT count(*) FROM commands") < COUNT / 4);
}

#[test]
fn a_page_is_the_same_whatever_began_since() {
    let bed = Bed::new();
    let old: Vec<_> = (0..5)
        .map(|n| bed.begin(n, "unix:alice", None).end())
        .collect();
    let mut index = Index::in_memory().unwrap();
    index.update(&bed.records()).unwrap();
    let mut page = Wanted {
        limit: Some(2),
        ..Wanted::default()
    };
    let first = index.list(&page).unwrap();
    assert_eq!(first.next, Some(old[3]));
    page.before = first.next;
    bed.begin(10, "unix:alice", None).end();
    index.update(&bed.records()).unwrap();
    let second = index.list(&page).unwrap();
    let ids: Vec<_> = second.sessions.iter().map(|one| one.start.id).collect();
    assert_eq!(ids, [old[2], old[1]]);
    assert_eq!(second.matched, 6);
}

#[test]
fn thousands_of_sessions_are_listed_without_opening_a_record() {
    let bed = Bed::new();
    for n in 0..2_000 {
        let mut one = bed.begin(n, SUBJECTS[usize::try_from(n % 2).unwrap()], Some("shop"));
        one.refused(&format!("DROP TABLE t{n}"), &["people"]);
    }
    let mut index = Index::open(&bed.index()).unwrap();
    assert_eq!(index.update(&bed.records()).unwrap().read, 2_000);
    assert_eq!(index.update(&bed.records()).unwrap().read, 0);
    // The records are out of reach, and nobody asks for them.
    fs::rename(bed.records(), bed.dir.path().join("away")).unwrap();
    let mut page = Wanted {
        subject: Some("unix:bob".to_owned()),
        limit: Some(300),
        ..Wanted::default()
    };
    let mut seen = BTreeSet::new();
    loop {
        let listed = index.list(&page).unwrap();
        seen.extend(listed.sessions.iter().map(|one| one.start.id));
        match listed.next {
            Some(next) => page.before = Some(next),
            None => break,
        }
    }
    assert_eq!(seen.len(), 1_000);
    let one = Wanted {
        text: Some("table T1234".to_owned()),
        ..Wanted::default()
    };
    assert_eq!(index.list(&one).unwrap().matched, 1);
}
