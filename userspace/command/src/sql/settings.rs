//! Settings: what it means to change one.
//!
//! Its job: to tell the settings that change who the session is, or how the next text is to be
//! read, from the many that don't. Names are compared as the server does, without regard to case.

use std::collections::BTreeSet;

use super::unread::Unread;
use crate::model::{
    ColumnUse, Command, Control, Effect, Effects, Predicate, RowLimit, Statement, Verb,
};

/// A change that weir can follow.
pub(super) struct Change {
    /// The setting's name, lower case.
    pub(super) name: String,
    /// `Assume` where it says who the session is.
    pub(super) verb: Verb,
    /// What it does.
    pub(super) effects: Effects,
}

/// What it means to give a setting a value, or to reset it.
pub(super) fn change(name: &str, value: Option<&str>) -> Result<Change, Unread> {
    let name = name.to_ascii_lowercase();
    let mut effects = Effects::from([Effect::Setting]);
    let mut verb = Verb::Set;
    match name.as_str() {
        "standard_conforming_strings" if !value.is_some_and(is_true) => {
            return Err(Unread::ChangesLexing(
                "a change of standard_conforming_strings",
            ));
        }
        "client_encoding" if !value.is_some_and(is_utf8) => {
            return Err(Unread::ChangesLexing("a change of client_encoding"));
        }
        "role" | "session_authorization" => {
            verb = Verb::Assume;
            effects = Effects::from([Effect::Privilege]);
        }
        "session_preload_libraries"
        | "local_preload_libraries"
        | "dynamic_library_path"
        | "jit_provider" => {
            effects.insert(Effect::DynamicCode);
        }
        _ => {}
    }
    Ok(Change {
        name,
        verb,
        effects,
    })
}

/// The statement that a change makes.
pub(super) fn statement(name: &str, value: Option<String>) -> Result<Statement, Unread> {
    let Change {
        name,
        verb,
        effects,
    } = change(name, value.as_deref())?;
    Ok(Statement::Command(Box::new(Command {
        verb,
        objects: Vec::new(),
        columns: ColumnUse::default(),
        predicate: Predicate::NotApplicable,
        effects,
        functions: BTreeSet::new(),
        operators: BTreeSet::new(),
        row_limit: RowLimit::Unknown,
        gathers: false,
        control: Control::Set { name, value },
    })))
}

/// The same of what a session begins with.
pub(super) fn of_session(name: &str, value: Option<&str>) -> Result<Statement, Unread> {
    if name.eq_ignore_ascii_case("client_encoding") && value.is_some_and(is_apart) {
        let mut set = statement(name, Some("UTF8".to_owned()))?;
        if let Statement::Command(command) = &mut set {
            command.control = Control::Set {
                name: name.to_ascii_lowercase(),
                value: value.map(str::to_owned),
            };
        }
        return Ok(set);
    }
    statement(name, value.map(str::to_owned))
}

/// How the server reads a boolean that is true: a word or the beginning of one.
fn is_true(value: &str) -> bool {
    let value = value
        .trim_matches([' ', '\t', '\n', '\r', '\x0b', '\x0c'])
        .to_ascii_lowercase();
    matches!(
        value.as_str(),
        "on" | "1" | "t" | "tr" | "tru" | "true" | "y" | "ye" | "yes"
    )
}

/// Encodings in which a text that is valid UTF-8 means to the server what it means here. Names of
/// encodings are compared by their letters and digits.
fn is_utf8(value: &str) -> bool {
    matches!(letters(value).as_str(), "utf8" | "unicode" | "sqlascii")
}

/// How the names of encodings begin in which no byte of a longer character is an ASCII one. Not all of
/// Windows are: 932, 936, 949 and 950 are other names of SJIS, GBK, UHC and BIG5.
const APART: [&str; 8] = [
    "latin",
    "iso8859",
    "koi8",
    "euc",
    "win8",
    "win125",
    "windows8",
    "windows125",
];

fn is_apart(value: &str) -> bool {
    let name = letters(value);
    APART.iter().any(|family| name.starts_with(family))
}

fn letters(value: &str) -> String {
    let letters = value.chars().filter(char::is_ascii_alphanumeric);
    letters.map(|c| c.to_ascii_lowercase()).collect()
}

/// The settings in a startup packet's `options`, read as the server splits and reads them, or
/// `None` where they are anything but settings.
pub(super) fn of_startup(options: &str) -> Option<Vec<(String, String)>> {
    if !options.is_ascii() || options.contains('\0') {
        return None;
    }
    let mut settings = Vec::new();
    let mut words = split(options)?.into_iter();
    while let Some(word) = words.next() {
        let setting = if word == "-c" {
            words.next()?
        } else {
            word.strip_prefix("--")
                .or_else(|| word.strip_prefix("-c"))?
                .to_owned()
        };
        let (name, value) = setting.split_once('=')?;
        if name.is_empty() {
            return None;
        }
        settings.push((
            name.replace('-', "_").to_ascii_lowercase(),
            value.to_owned(),
        ));
    }
    Some(settings)
}

/// Splits at spaces; a backslash takes the next character as it is.
fn split(options: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = options.chars();
    while let Some(c) = chars.next() {
        match c {
            ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c' => words.extend(word.take()),
            '\\' => word.get_or_insert_default().push(chars.next()?),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::of_startup;

    fn pairs(options: &str) -> Option<Vec<(String, String)>> {
        of_startup(options)
    }

    #[test]
    fn options_are_split_as_the_server_splits_them() {
        let one = |name: &str, value: &str| Some(vec![(name.to_owned(), value.to_owned())]);
        assert_eq!(pairs(""), Some(Vec::new()));
        assert_eq!(pairs("  "), Some(Vec::new()));
        assert_eq!(pairs("-c search_path=app"), one("search_path", "app"));
        assert_eq!(pairs("-csearch_path=app"), one("search_path", "app"));
        assert_eq!(pairs("--Search-Path=app"), one("search_path", "app"));
        assert_eq!(pairs(r"-c search_path=a,\ b"), one("search_path", "a, b"));
        assert_eq!(pairs(r"-c x=a\\b"), one("x", r"a\b"));
        assert_eq!(pairs("-c x=a=b"), one("x", "a=b"));
        assert_eq!(pairs("-c x="), one("x", ""));
        assert_eq!(pairs("-c a=1 --b=2").map(|s| s.len()), Some(2));
    }

    #[test]
    fn options_that_are_no_settings_are_not_read() {
        for options in [
            "-c", "-c x", "-e", "-d 5", "--", "--=1", "-c =1", "x=1", "-c x=1 y", r"-c x=\",
            "-c x=ü", "-S 9",
        ] {
            assert_eq!(pairs(options), None, "{options}");
        }
    }
}
