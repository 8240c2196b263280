//! Objects as records tell them (`read public.people`), read back.

use weir_command::{Access, Object};

/// The object that a text tells of, if it is one.
pub(crate) fn object(told: &str) -> Option<Object> {
    let (access, mut rest) = told.split_once(' ')?;
    let access = match access {
        "read" => Access::Read,
        "write" => Access::Write,
        "define" => Access::Define,
        _ => return None,
    };
    let mut parts = Vec::new();
    loop {
        let (part, after) = identifier(rest)?;
        parts.push(part);
        match after.strip_prefix('.') {
            Some(next) => rest = next,
            None if after.is_empty() => break,
            None => return None,
        }
    }
    let mut parts = parts.into_iter().rev();
    let (name, schema, database) = (parts.next()?, parts.next(), parts.next());
    parts.next().is_none().then_some(Object {
        database,
        schema,
        name,
        access,
    })
}

/// The identifier that a text begins with, and what is behind it.
fn identifier(text: &str) -> Option<(String, &str)> {
    let Some(mut rest) = text.strip_prefix('"') else {
        let end = text.find('.').unwrap_or(text.len());
        let (plain, rest) = text.split_at_checked(end)?;
        let is_plain = plain
            .bytes()
            .all(|c| matches!(c, b'a'..=b'z' | b'0'..=b'9' | b'_'));
        return (is_plain && !plain.is_empty()).then(|| (plain.to_owned(), rest));
    };
    let mut name = String::new();
    loop {
        let (piece, after) = rest.split_once('"')?;
        name.push_str(piece);
        match after.strip_prefix('"') {
            Some(next) => {
                name.push('"');
                rest = next;
            }
            None => return Some((name, after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::borrowed;

    proptest! {
        #[test]
        fn what_is_told_is_read_back(
            database in proptest::option::of("\\PC{0,4}|[a-z.\" ]{0,4}"),
            schema in "\\PC{0,4}|[a-z.\" ]{0,4}",
            name in "\\PC{0,6}|[a-z.\" ]{0,4}",
            access in prop::sample::select(vec![Access::Read, Access::Write, Access::Define]),
        ) {
            let told = Object { database, schema: Some(schema), name, access };
            prop_assert_eq!(object(&borrowed::shown(&told)), Some(told));
        }

        #[test]
        fn no_text_is_too_much(text in "(read |write |)[a-z.\" \\PC]{0,12}") {
            drop(object(&text));
        }
    }
}
