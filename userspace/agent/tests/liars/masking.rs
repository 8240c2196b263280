//! Masked values in every form in which a row can come.

use weir_wire::postgres::{Format, Formats, Frame, backend::FieldDescription};

use crate::{
    agent::{Agent, rows, tags},
    messages::{
        INT4, binary_row, bind_as, bound, close_portal, closed, column, complete, described,
        execute, execute_some, parse, parsed, query, ready, row, suspended, sync,
    },
    record::Record,
    target::{ORDERS, PEOPLE, SECRET, Target},
};

const EMAILS: &str = "SELECT email FROM people";
/// `pg_type.oid` of `jsonb`, whose binary format begins with a version.
const JSONB: u32 = 3802;

fn email() -> FieldDescription {
    column("email", PEOPLE, 3)
}

/// What the agent is shown for a Query.
fn simple(columns: &[FieldDescription], values: &[Frame]) -> (Vec<Vec<Option<String>>>, Record) {
    let mut answer = vec![described(columns)];
    answer.extend_from_slice(values);
    answer.extend([complete(&format!("SELECT {}", values.len())), ready()]);
    let target = Target::answering(vec![(1, answer)]);
    let gate = target.gate();
    let mut agent = Agent::connect(&gate);
    let heard = agent.ask(&[query(EMAILS)]);
    agent.never_heard(SECRET);
    (rows(&heard), Record::read(&gate, 0))
}

#[test]
fn nulls_stay_and_values_go() {
    let (shown, record) = simple(
        &[email(), column("name", PEOPLE, 2)],
        &[
            row(&[Some(SECRET), Some("Alice")]),
            row(&[None, None]),
            row(&[Some(""), Some("")]),
        ],
    );
    let masked = shown[0][0].as_deref().unwrap();
    assert!(masked.ends_with(".com") && masked.contains('*'), "{masked}");
    assert_eq!(shown[0][1].as_deref(), Some("Alice"));
    assert_eq!(shown[1], [None, None]);
    assert_eq!(shown[2][1].as_deref(), Some(""));
    let outcome = record.outcomes()[0];
    assert_eq!(
        (outcome.rows, outcome.masked),
        (3, 2),
        "a NULL hides nothing"
    );
    record.never_shows(SECRET);
}

#[test]
fn no_rows_are_no_rows() {
    let (shown, record) = simple(&[email()], &[]);
    assert!(shown.is_empty());
    assert_eq!(record.outcomes()[0].masked, 0);
}

#[test]
fn another_name_hides_nothing() {
    let (shown, _) = simple(&[column("note", PEOPLE, 3)], &[row(&[Some(SECRET)])]);
    assert_ne!(shown[0][0].as_deref(), Some(SECRET));
}

#[test]
fn a_masked_value_fits_its_type() {
    let short = FieldDescription {
        type_oid: 1043,
        type_modifier: 4 + 4,
        ..email()
    };
    let number = FieldDescription {
        type_oid: INT4,
        ..column("ssn", PEOPLE, 4)
    };
    let strange = FieldDescription {
        type_oid: 600,
        ..email()
    };
    let (shown, _) = simple(
        &[short, number, strange],
        &[row(&[Some("a@b.c"), Some("123456789"), Some(SECRET)])],
    );
    assert!(shown[0][0].as_deref().unwrap().chars().count() <= 4);
    assert_eq!(shown[0][1..], [None, None]);
}

#[test]
fn a_long_value_is_masked_whole() {
    let long = format!("{}{SECRET}", "x".repeat(1 << 20));
    let (shown, _) = simple(&[email()], &[row(&[Some(&long)])]);
    assert_eq!(shown[0][0].as_deref().unwrap().len(), long.len());
}

/// Two columns of `jsonb` in these formats, described by the target as `said`.
fn as_bound(formats: &Formats, said: [Format; 2]) -> Vec<Option<String>> {
    let columns = said.map(|format| FieldDescription {
        type_oid: JSONB,
        format,
        ..email()
    });
    let value = format!("\"{SECRET}\"");
    let target = Target::answering(vec![(
        5,
        vec![
            parsed(),
            bound(),
            described(&columns),
            row(&[Some(&value), Some(&value)]),
            complete("SELECT 1"),
            ready(),
        ],
    )]);
    let gate = target.gate();
    let mut agent = Agent::connect(&gate);
    let answer = agent.ask(&[
        parse("", EMAILS),
        bind_as("", "", formats),
        execute(""),
        sync(),
    ]);
    assert_eq!(tags(&answer), "12DCZ");
    agent.never_heard(SECRET);
    rows(&answer).remove(0)
}

#[test]
fn values_come_in_the_formats_that_bind_asked_for() {
    use Format::{Binary, Text};
    let text = Some("\"[redacted]\"".to_owned());
    let binary = Some("\u{1}\"[redacted]\"".to_owned());
    for (formats, said, expected) in [
        (Formats::None, [Text, Text], [&text, &text]),
        (Formats::All(Text), [Text, Text], [&text, &text]),
        (Formats::All(Binary), [Binary, Binary], [&binary, &binary]),
        (
            Formats::Each(vec![Binary, Text]),
            [Binary, Text],
            [&binary, &text],
        ),
        // The agent reads by what it asked for, whatever the target says.
        (
            Formats::Each(vec![Text, Binary]),
            [Text, Text],
            [&text, &binary],
        ),
    ] {
        assert_eq!(
            as_bound(&formats, said),
            expected.map(Clone::clone),
            "{formats:?}"
        );
    }
}

#[test]
fn binary_values_are_masked_too() {
    let number = FieldDescription {
        type_oid: INT4,
        format: Format::Binary,
        ..column("ssn", PEOPLE, 4)
    };
    let text = FieldDescription {
        format: Format::Binary,
        ..email()
    };
    let (shown, _) = simple(
        &[number, text],
        &[
            binary_row(&[Some(&[7, 91, 205, 21]), Some(SECRET.as_bytes())]),
            binary_row(&[Some(b"too long for it"), None]),
        ],
    );
    assert_eq!((&shown[0][0], &shown[1][0]), (&None, &None));
    assert_ne!(shown[0][1].as_deref(), Some(SECRET));
}

#[test]
fn a_portal_is_masked_each_time_it_is_executed() {
    let target = Target::answering(vec![(
        7,
        vec![
            parsed(),
            bound(),
            described(&[email()]),
            row(&[Some(SECRET)]),
            suspended(),
            row(&[Some(SECRET)]),
            suspended(),
            complete("SELECT 0"),
            ready(),
        ],
    )]);
    let gate = target.gate();
    let mut agent = Agent::connect(&gate);
    let answer = agent.ask(&[
        parse("", EMAILS),
        bind_as("p", "", &Formats::None),
        execute_some("p", 1),
        execute_some("p", 1),
        execute_some("p", 1),
        sync(),
    ]);
    assert_eq!(tags(&answer), "12DsDsCZ");
    agent.never_heard(SECRET);
}

#[test]
fn a_portal_of_the_same_name_is_described_anew() {
    // The first is of a harmless column, the second of a sensitive one.
    let target = Target::answering(vec![(
        10,
        vec![
            parsed(),
            bound(),
            described(&[column("note", ORDERS, 3)]),
            row(&[Some("gift")]),
            complete("SELECT 1"),
            closed(),
            parsed(),
            bound(),
            described(&[email()]),
            row(&[Some(SECRET)]),
            complete("SELECT 1"),
            ready(),
        ],
    )]);
    let gate = target.gate();
    let mut agent = Agent::connect(&gate);
    let answer = agent.ask(&[
        parse("", "SELECT note FROM orders"),
        bind_as("p", "", &Formats::None),
        execute("p"),
        close_portal("p"),
        parse("", EMAILS),
        bind_as("p", "", &Formats::None),
        execute("p"),
        sync(),
    ]);
    assert_eq!(tags(&answer), "12DC312DCZ");
    assert_eq!(rows(&answer)[0][0].as_deref(), Some("gift"));
    agent.never_heard(SECRET);
}

#[test]
fn the_results_of_one_message_are_masked_each_by_its_own_description() {
    let target = Target::answering(vec![(
        1,
        vec![
            described(&[column("note", ORDERS, 3)]),
            row(&[Some("gift")]),
            complete("SELECT 1"),
            described(&[column("id", PEOPLE, 1), email()]),
            row(&[Some("1"), Some(SECRET)]),
            complete("SELECT 1"),
            described(&[column("note", ORDERS, 3)]),
            row(&[Some("card")]),
            complete("SELECT 1"),
            ready(),
        ],
    )]);
    let gate = target.gate();
    let mut agent = Agent::connect(&gate);
    let text = "SELECT note FROM orders; SELECT id, email FROM people; SELECT note FROM orders";
    let answer = agent.ask(&[query(text)]);
    let shown = rows(&answer);
    assert_eq!(shown[0], [Some("gift".to_owned())]);
    assert_eq!(shown[2], [Some("card".to_owned())]);
    agent.never_heard(SECRET);
}
