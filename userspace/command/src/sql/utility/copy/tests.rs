use crate::model::{Control, CopyForm, Statement};
use crate::sql::{Limits, statements};

fn form(text: &str) -> Option<CopyForm> {
    match &statements(text.as_bytes(), &Limits::default())[..] {
        [Statement::Command(command)] => match command.control {
            Control::Copy(form) => Some(form),
            _ => None,
        },
        other => panic!("{text}: {other:?}"),
    }
}

fn csv(delimiter: u8, quote: u8, escape: u8) -> Option<CopyForm> {
    Some(CopyForm::Csv {
        delimiter,
        quote,
        escape,
    })
}

#[test]
fn what_a_write_returns_is_copied_in_a_form_that_is_told() {
    for text in [
        "copy (delete from t returning a) to stdout csv",
        "copy (select a from t) to stdout csv",
    ] {
        assert_eq!(form(text), csv(b',', b'"', b'"'), "{text}");
    }
}

#[test]
fn the_form_of_rows_is_what_the_options_say() {
    let text = |delimiter| Some(CopyForm::Text { delimiter });
    for (options, expected) in [
        ("", text(b'\t')),
        ("(FORMAT text)", text(b'\t')),
        ("(DELIMITER '|', NULL 'x')", text(b'|')),
        ("WITH (DELIMITER E'\\x1f')", text(0x1f)),
        ("DELIMITER AS ';'", text(b';')),
        ("USING DELIMITERS ':'", text(b':')),
        ("(FORMAT csv)", csv(b',', b'"', b'"')),
        ("(FORMAT CSV, HEADER)", csv(b',', b'"', b'"')),
        (
            "(FORMAT 'csv', QUOTE '1', FORCE_QUOTE (a))",
            csv(b',', b'1', b'1'),
        ),
        (
            "(ESCAPE '\\', FORMAT csv, DELIMITER ';')",
            csv(b';', b'"', b'\\'),
        ),
        (
            "CSV HEADER QUOTE AS '!' FORCE QUOTE a",
            csv(b',', b'!', b'!'),
        ),
        ("WITH CSV DELIMITER ';' ESCAPE '\\'", csv(b';', b'"', b'\\')),
        ("(FORMAT binary)", Some(CopyForm::Binary)),
        ("BINARY", Some(CopyForm::Binary)),
        ("(FORMAT parquet)", None),
        ("(DELIMITER '||')", None),
    ] {
        assert_eq!(
            form(&format!("COPY t TO STDOUT {options}")),
            expected,
            "{options}"
        );
        assert_eq!(
            form(&format!("COPY (SELECT a FROM t) TO STDOUT {options}")),
            expected,
            "{options}"
        );
    }
    assert_eq!(form("COPY BINARY t TO STDOUT"), Some(CopyForm::Binary));
    assert_eq!(form("COPY t FROM STDIN (FORMAT csv)"), None);
}
