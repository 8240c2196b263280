//! Ids of what lies inside a target: `target/database/schema/relation`.
//!
//! Names may hold anything, slashes too. `%` and `/` inside a part are written `%25` and `%2F`, so
//! that two different lists of names never make the same id.

/// Joins names to an id.
pub(crate) fn join<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut id = String::new();
    for (i, part) in parts.into_iter().enumerate() {
        if i > 0 {
            id.push('/');
        }
        for c in part.chars() {
            match c {
                '%' => id.push_str("%25"),
                '/' => id.push_str("%2F"),
                c => id.push(c),
            }
        }
    }
    id
}

/// The names of an id, or `None` where it is not one that [`join`] makes of names that exist.
pub(crate) fn split(id: &str) -> Option<Vec<String>> {
    id.split('/')
        .map(|part| unescape(part).filter(|name| !name.is_empty()))
        .collect()
}

fn unescape(part: &str) -> Option<String> {
    let mut pieces = part.split('%');
    let mut name = pieces.next()?.to_owned();
    for piece in pieces {
        if let Some(rest) = piece.strip_prefix("25") {
            name.push('%');
            name.push_str(rest);
        } else {
            name.push('/');
            name.push_str(piece.strip_prefix("2F")?);
        }
    }
    Some(name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_slash_in_a_name_does_not_make_a_part() {
        assert_eq!(join(["a", "b/c"]), "a/b%2Fc");
        assert_ne!(join(["a", "b/c"]), join(["a", "b", "c"]));
        assert_ne!(join(["a%2Fb"]), join(["a/b"]));
    }

    #[test]
    fn what_no_names_make_is_no_id() {
        for id in ["", "a//b", "/a", "a/", "a%", "a%2", "a%2f", "a%zz/b"] {
            assert_eq!(split(id), None, "{id}");
        }
    }

    proptest! {
        #[test]
        fn ids_and_lists_of_names_are_one_to_one(
            names in proptest::collection::vec("[a%/25F\\PC]{1,6}", 1..5),
        ) {
            let id = join(names.iter().map(String::as_str));
            prop_assert_eq!(split(&id), Some(names));
        }
    }
}
