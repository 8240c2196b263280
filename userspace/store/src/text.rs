//! Text as it is searched, and names as they are compared.

/// Most bytes of a command's text and parameters that are searched.
pub(crate) const MOST_TEXT: usize = 64 << 10;
/// Most bytes of a name that are kept.
const MOST_NAME: usize = 1 << 10;
/// Between texts that must not be found as one.
const BETWEEN: char = '\u{fffe}';

/// Text as it is searched: in lower case, and without what the index takes for an end.
pub(crate) fn fold(text: &str) -> String {
    let searched = |c| match c {
        '\0' | BETWEEN => '\u{fffd}',
        c => c,
    };
    text.chars()
        .map(searched)
        .flat_map(char::to_lowercase)
        .collect()
}

/// A command's text, as it is searched.
pub(crate) fn searched(text: &str) -> String {
    fold(cut(text, MOST_TEXT))
}

/// What was sent beside a text, as it is searched: to be put behind that.
pub(crate) fn beside<'a>(parameters: impl IntoIterator<Item = &'a str>) -> String {
    let mut all = String::new();
    for parameter in parameters {
        if all.len() >= MOST_TEXT {
            break;
        }
        all.push(BETWEEN);
        all.push_str(&fold(cut(parameter, MOST_TEXT)));
    }
    all.truncate(cut(&all, MOST_TEXT).len());
    all
}

/// The longest beginning of `text` that has no more than `most` bytes.
pub(crate) fn cut(text: &str, most: usize) -> &str {
    let mut end = most.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// A name of an object as the record has it, with what it was used for before it.
pub(crate) fn object(object: &str) -> (&str, &str) {
    let (access, name) = object.split_once(' ').unwrap_or(("", object));
    (access, cut(name, MOST_NAME))
}

/// The parts of a name between its dots, as written; dots in quotes are of their part.
pub(crate) fn parts(name: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut quoted, mut begin) = (false, 0);
    for (place, c) in name.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '.' if !quoted => {
                parts.extend(name.get(begin..place));
                begin = place + 1;
            }
            _ => {}
        }
    }
    parts.extend(name.get(begin..));
    parts
}

/// The last part of a name.
pub(crate) fn last(name: &str) -> &str {
    parts(name).last().copied().unwrap_or_default()
}

/// A name as somebody typed it, in the form that the record has: without quotes in lower case, as
/// SQL reads it.
pub(crate) fn typed(name: &str) -> String {
    let parts = parts(name).into_iter().map(|part| {
        if part.starts_with('"') {
            part.to_owned()
        } else {
            part.to_lowercase()
        }
    });
    parts.collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_apart_at_the_dots_outside_of_quotes() {
        assert_eq!(parts("shop.public.people"), ["shop", "public", "people"]);
        assert_eq!(
            parts(r#"public."a.b""c.d".x"#),
            ["public", r#""a.b""c.d""#, "x"]
        );
        assert_eq!((last(r#""a.people""#), last("")), (r#""a.people""#, ""));
        assert_eq!(typed(r#"Public."People""#), r#"public."People""#);
        assert_eq!(object("read public.people"), ("read", "public.people"));
    }

    #[test]
    fn texts_are_cut_between_characters_and_kept_apart() {
        assert_eq!(cut("aé", 2), "a");
        assert_eq!(fold("ÄB\0c\u{fffe}"), "äb\u{fffd}c\u{fffd}");
        assert_eq!(beside(["B", "C"]), "\u{fffe}b\u{fffe}c");
        let long = "é".repeat(MOST_TEXT);
        assert_eq!(searched(&long).len(), MOST_TEXT);
        assert_eq!(beside([long.as_str(), "x"]).len(), MOST_TEXT - 1);
    }
}
