//! What must hold for any text. Fuzzers look for a text for which it doesn't, and what they have
//! found is kept in `kept`, by target: a test of the crate goes through it with these same
//! functions.

use weir_command::{
    Statement,
    sql::{self, Limits},
};

/// A text of SQL: it is read to something, the same each time, and no detail quotes it. A text that
/// was read and another one behind it are read as the two of them. As a command of replication it is
/// read to one thing or is SQL. With other values in its skeleton it is read alike.
pub fn statements(data: &[u8]) {
    let limits = Limits::default();
    let read = sql::statements(data, &limits);
    assert!(!read.is_empty());
    assert_eq!(read, sql::statements(data, &limits));
    let whole = read
        .iter()
        .all(|statement| matches!(statement, Statement::Command(_)));
    if whole && read.len() < limits.statements {
        // On a line of its own: the text may end in a comment.
        let behind = [data, b"\n;DROP TABLE canary"].concat();
        let both = sql::statements(&behind, &limits);
        let last = both.last().expect("something is read");
        assert_eq!(
            *last,
            sql::statements(b"DROP TABLE canary", &limits)[0],
            "what stands behind a text that is read is seen"
        );
    }
    let mut skeleton = Vec::new();
    if whole && sql::skeleton(data, &mut skeleton) {
        let other: Vec<u8> = skeleton
            .iter()
            .flat_map(|byte| match byte {
                1 => b"4711",
                2 => &b"'other'"[..],
                byte => std::slice::from_ref(byte),
            })
            .copied()
            .collect();
        assert_eq!(read, sql::statements(&other, &limits));
    }
    if let Some(shape) = sql::shape(data, &limits) {
        assert!(!shape.is_empty());
    }
    if sql::replication_command(data).is_some() {
        assert!(data.iter().any(u8::is_ascii_uppercase));
    }
}

/// A startup packet's options: each setting that is read can be judged as one.
pub fn settings(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    for (name, value) in sql::startup_settings(text).into_iter().flatten() {
        assert!(!name.is_empty());
        assert!(!name.bytes().any(|byte| byte.is_ascii_uppercase()));
        drop(sql::setting(&name, Some(&value)));
    }
}
