//! What the words of a function's body say of it.
//!
//! Words are what the server's lexer could take for one, and more: runs of letters, digits and
//! underscores in small letters, wherever they stand.

use std::collections::{BTreeSet, HashSet};

use weir_command::sql;

/// Longest name that the server does not cut, in bytes.
const LONGEST_NAME: usize = 63;

/// Words that begin what changes the shape, run text or a file, or go through relations that they need
/// not name.
const NEVER: [&str; 16] = [
    "alter", "analyse", "analyze", "cluster", "copy", "create", "discard", "drop", "execute",
    "import", "load", "prepare", "refresh", "reindex", "truncate", "vacuum",
];

/// What may stand behind the table of an `INSERT INTO` or `MERGE INTO`, and behind that of a `SELECT
/// INTO`, which makes the table, may not.
const BEHIND_TABLE: [&str; 6] = ["default", "overriding", "select", "using", "values", "with"];

/// What may stand before the table that a `SELECT INTO` makes.
const MADE: [&str; 6] = ["global", "local", "table", "temp", "temporary", "unlogged"];

/// A function's body, and the defaults of its parameters.
#[derive(Debug)]
pub enum Body {
    /// In PL/pgSQL.
    Plpgsql(String),
    /// In SQL.
    Sql(String),
    /// In SQL that the server has read already, and written down anew: it has no definitions.
    Tree(String),
    /// Not to be judged by its words.
    Other,
}

impl Body {
    /// Its text in small letters; `None` where it has none that tells.
    pub(super) fn read(&self) -> Option<Text> {
        let (text, makes_tables) = match self {
            Self::Sql(text) => (text, true),
            Self::Plpgsql(text) | Self::Tree(text) => (text, false),
            Self::Other => return None,
        };
        Some(Text {
            text: text.to_lowercase(),
            makes_tables,
        })
    }
}

/// A body in small letters.
pub(super) struct Text {
    text: String,
    /// An `INTO` that is no `INSERT INTO` makes a table, and doesn't fill variables.
    makes_tables: bool,
}

impl Text {
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// Its words, where none of them by itself can change the shape.
    pub(super) fn harmless(&self) -> Option<BTreeSet<&str>> {
        // An identifier that spells its letters otherwise.
        if self.text.contains("u&\"") {
            return None;
        }
        let mut words = BTreeSet::new();
        let mut before = (0, "");
        for (at, word) in words_of(&self.text) {
            let rest = self.text.get(at + word.len()..)?;
            let between = self.text.get(before.0..at)?;
            let joined = between.chars().all(char::is_whitespace).then_some(before.1);
            let harmless = match word {
                // ON CONFLICT DO NOTHING; else it is a block of code.
                "do" => matches!(first_word(rest.trim_start()), "nothing" | "update"),
                "into" => match joined {
                    Some("insert" | "merge") => fills(rest),
                    _ => !self.makes_tables,
                },
                _ => true,
            };
            if !harmless || word.len() > LONGEST_NAME {
                return None;
            }
            before = (at + word.len(), word);
            words.insert(word);
            // A number may run into the word behind it.
            if word.starts_with(|c: char| c.is_ascii_digit()) {
                let letters = word.char_indices().filter(|(_, c)| !c.is_ascii_digit());
                let behind: Vec<&str> = letters.filter_map(|(i, _)| word.get(i..)).collect();
                if behind.contains(&"do") || behind.contains(&"into") {
                    return None;
                }
                words.extend(behind);
            }
        }
        let never = |word: &&str| NEVER.contains(word) || sql::runs_text(word);
        (!words.iter().any(never)).then_some(words)
    }
}

/// Whether what is behind `INSERT INTO` fills a table, and can't be what is behind a `SELECT … INTO`
/// whose last column is called `insert`.
fn fills(behind: &str) -> bool {
    let mut rest = behind.trim_start();
    if MADE.contains(&first_word(rest)) {
        return false;
    }
    loop {
        rest = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').map_or("", |(_, rest)| rest),
            None => rest.trim_start_matches(|c| is_of_word(c) || c == '$'),
        };
        rest = rest.trim_start();
        match rest.strip_prefix('.') {
            Some(more) => rest = more.trim_start(),
            None => break,
        }
    }
    rest.starts_with('(') || BEHIND_TABLE.contains(&first_word(rest))
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || !c.is_ascii()
}

fn first_word(text: &str) -> &str {
    let end = text.find(|c| !is_of_word(c)).unwrap_or(text.len());
    text.get(..end).unwrap_or_default()
}

/// The words of a text in small letters, and where they are.
fn words_of(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = text.get(at..)?;
        let begin = at + rest.find(is_of_word)?;
        let word = first_word(text.get(begin..)?);
        at = begin + word.len();
        Some((begin, word))
    })
}

/// Names that a body may have among its words.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Those that are one word.
    words: HashSet<String>,
    /// Those that are several, or have other signs in them.
    several: Vec<BTreeSet<String>>,
}

impl Names {
    pub(super) fn add(&mut self, name: &str) {
        let name = name.to_lowercase();
        let words: BTreeSet<String> = words_of(&name).map(|(_, word)| word.to_owned()).collect();
        if words.contains(&name) {
            self.words.insert(name);
        } else if !self.several.contains(&words) {
            self.several.push(words);
        }
    }

    /// Whether one of them may be in a body of these words.
    pub(super) fn are_in(&self, words: &BTreeSet<&str>) -> bool {
        let has = |word: &String| words.contains(word.as_str());
        words.iter().any(|word| self.words.contains(*word))
            || self.several.iter().any(|name| name.iter().all(has))
    }
}
