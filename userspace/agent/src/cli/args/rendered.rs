//! What help looks like on a terminal of 80 columns.

use clap::{Command, CommandFactory as _};
use weir_policy::{Case, Source};

use super::Cli;

const WIDTH: usize = 80;
/// An example is at most so wide, so that it is never broken.
const EXAMPLE: usize = 78;

fn width(text: &str) -> usize {
    text.chars().count()
}

/// Every command with its help.
fn rendered() -> Vec<(String, Command, String)> {
    fn walk(command: &Command, above: &str, all: &mut Vec<(String, Command, String)>) {
        let path = format!("{above} {}", command.get_name());
        let mut alone = command.clone().term_width(WIDTH);
        let help = alone.render_long_help().to_string();
        for below in command.get_subcommands() {
            walk(below, &path, all);
        }
        all.push((path, alone, help));
    }
    let mut root = Cli::command();
    root.build();
    let mut all = Vec::new();
    walk(&root, "", &mut all);
    all
}

/// A line that has room for the word that the next one of its paragraph begins with.
fn ragged(help: &str) -> Option<&str> {
    let lines: Vec<&str> = help.lines().collect();
    let flush = |line: &str| !line.is_empty() && !line.starts_with(' ');
    let pairs = lines.windows(2).filter_map(|pair| match pair {
        [line, next] if flush(line) && flush(next) => Some((*line, *next)),
        _ => None,
    });
    pairs
        .filter(|(line, next)| {
            let word = next.split(' ').next().unwrap_or_default();
            width(line) + 1 + width(word) <= WIDTH
        })
        .map(|(line, _)| line)
        .next()
}

#[test]
fn examples_stay_whole_and_paragraphs_are_filled() {
    let all = rendered();
    assert!(all.len() > 40, "the commands below commands are among them");
    for (path, command, help) in all {
        if let Some(line) = ragged(&help) {
            panic!("`{path} --help` is ragged at\n{line}\nin\n{help}");
        }
        let Some(after) = command.get_after_help() else {
            continue;
        };
        for line in after
            .to_string()
            .lines()
            .filter(|line| line.starts_with(' '))
        {
            assert!(width(line) <= EXAMPLE, "`{path} --help`: too wide: {line}");
            assert!(
                help.lines().any(|shown| shown == line),
                "`{path} --help` breaks {line}\nin\n{help}"
            );
        }
    }
}

#[test]
fn a_paragraph_that_was_wrapped_by_hand_is_found() {
    let full = "a".repeat(WIDTH - 4);
    for (help, expected) in [
        ("short\nline", Some("short")),
        ("short\n\nline", None),
        ("Examples:\n  weir", None),
        ("  weir a\n  weir b", None),
        (&*format!("{full}\nlong"), None),
        (&*format!("{full}\nabc"), Some(full.as_str())),
    ] {
        assert_eq!(ragged(help), expected, "{help}");
    }
}

#[test]
fn each_key_of_a_case_is_explained() {
    let wrong = Source {
        name: "a.toml".into(),
        text: "[[case]]\nunknown = 1\n".into(),
    };
    let told = Case::read(&wrong).unwrap_err().0.remove(0).message;
    let (_, keys) = told.split_once("expected one of").expect(&told);
    let keys: Vec<&str> = keys.split('`').skip(1).step_by(2).collect();
    assert!(keys.contains(&"expect") && keys.len() > 20, "{told}");
    let all = rendered();
    let of_tests = all.iter().find(|(path, ..)| path == " weir policy test");
    let (.., help) = of_tests.unwrap();
    let table = help.split_once("Keys of a case").unwrap().1;
    let explained: Vec<&str> = table
        .lines()
        .filter_map(|line| line.strip_prefix("  "))
        .filter_map(|line| line.get(..18))
        .flat_map(|names| names.split([',', ' ', '*']))
        .collect();
    for key in keys {
        assert!(explained.contains(&key), "`{key}` is not in\n{help}");
    }
}
