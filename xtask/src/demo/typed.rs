//! A command as a person would type it.

use std::ffi::{OsStr, OsString};
use std::path::Path;

/// The program by its name, each argument quoted where a shell wants it, and each `-c` of several
/// on a line of its own.
pub(super) fn typed(words: &[OsString]) -> String {
    let Some((program, args)) = words.split_first() else {
        return String::new();
    };
    let name = Path::new(program).file_name().unwrap_or(program);
    let commands = args.iter().filter(|arg| *arg == OsStr::new("-c")).count();
    let mut line = quoted(name);
    for arg in args {
        line.push_str(if commands > 1 && arg == OsStr::new("-c") {
            " \\\n    "
        } else {
            " "
        });
        line.push_str(&quoted(arg));
    }
    line
}

/// In quotes if need be: the double ones if nothing in it means anything within them.
fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.into_owned()
    } else if word.contains(['"', '$', '`', '\\', '!']) {
        format!("'{}'", word.replace('\'', r"'\''"))
    } else {
        format!("\"{word}\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(words: &[&str]) -> String {
        typed(&words.iter().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn a_shell_would_read_the_same_words() {
        assert_eq!(
            line(&["/usr/bin/psql", "-h", "::1", "-c", "SELECT 1"]),
            "psql -h ::1 -c \"SELECT 1\""
        );
        assert_eq!(
            line(&["x", "it's", "a$b", "a$'b", ""]),
            r#"x "it's" 'a$b' 'a$'\''b' """#
        );
    }

    #[test]
    fn several_statements_stand_below_each_other() {
        assert_eq!(
            line(&["psql", "-c", "A", "-c", "B"]),
            "psql \\\n    -c A \\\n    -c B"
        );
        assert_eq!(line(&[]), "");
    }
}
