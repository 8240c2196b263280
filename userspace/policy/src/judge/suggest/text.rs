//! Suggested policies as Cedar text.
//!
//! Every name comes from an agent, so it is written as an escaped literal and nowhere else: not
//! into comments, messages or ids (those keep to letters, digits and `-`).

mod names;
mod statements;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use super::{Seen, Times, Use, Whom, names::Asked};

/// Longest id of a policy, in bytes, before a number is put behind it.
const LONGEST_ID: usize = 100;

const PREFACE: &str = "\
// Written by `weir policy suggest` from what was seen: it admits that, and nothing else.
// Read it before you use it. What may be seen unmasked (`reveal`) is not in it.
";

/// A text that policies are put behind, each under an id of its own.
struct Text {
    written: String,
    ids: BTreeSet<String>,
}

/// One policy: what permits whom to do what with what, and when.
struct Policy<'a> {
    whom: &'a Whom,
    /// Where the resources lie, for the id.
    place: Vec<&'a str>,
    actions: Vec<&'static str>,
    /// The resource's part of the scope.
    resource: String,
    conditions: Vec<String>,
    tally: Tally<'a>,
}

/// How often and when, over all that a policy covers.
#[derive(Default)]
struct Tally<'a> {
    times: u64,
    observed: u64,
    first: Option<&'a str>,
    last: Option<&'a str>,
}

/// Writes what was seen as policies.
pub(super) fn write(uses: &BTreeMap<Use, Seen>, asked: &BTreeMap<Asked, Times>) -> String {
    let mut text = Text {
        written: PREFACE.to_owned(),
        ids: BTreeSet::new(),
    };
    statements::write(uses, &mut text);
    names::write(asked, &mut text);
    text.written
}

impl Text {
    fn policy(&mut self, policy: Policy<'_>) {
        let id = self.unused(&slug(&policy));
        let actions: Vec<String> = policy
            .actions
            .iter()
            .map(|action| format!("Weir::Action::{}", quoted(action)))
            .collect();
        let action = match actions.as_slice() {
            [one] => format!("action == {one}"),
            several => format!("action in [{}]", several.join(", ")),
        };
        let mut conditions = policy.conditions;
        let principal = match policy.whom {
            Whom::Subject(id) => format!("principal == Weir::Subject::{}", quoted(id)),
            Whom::Workload(name) => {
                conditions.insert(0, format!("context.workload == {}", quoted(name)));
                "principal".to_owned()
            }
        };
        let message = format!("{}, as it was seen", policy.actions.join(", "));
        // Writing to a string does not fail.
        write!(
            self.written,
            "\n{}@id({})\n@message({})\npermit (\n  {principal},\n  {action},\n  {}\n)\n\
             when {{\n  {}\n}};\n",
            policy.tally.comment(),
            quoted(&id),
            quoted(&message),
            policy.resource,
            conditions.join(" &&\n  ")
        )
        .ok();
    }

    fn unused(&mut self, slug: &str) -> String {
        let numbered = (2_u64..).map(|number| format!("{slug}-{number}"));
        let mut names = std::iter::once(slug.to_owned()).chain(numbered);
        // The numbers don't run out before the policies do.
        let id = names.find(|id| !self.ids.contains(id)).unwrap_or_default();
        self.ids.insert(id.clone());
        id
    }
}

/// That the resource is one of these, which are written as Cedar has them.
fn one_of(resources: &BTreeSet<String>) -> String {
    let list: Vec<&str> = resources.iter().map(String::as_str).collect();
    format!("[\n    {}\n  ].contains(resource)", list.join(",\n    "))
}

fn list<'a>(values: impl IntoIterator<Item = &'a str>) -> String {
    let values: Vec<String> = values.into_iter().map(quoted).collect();
    format!("[{}]", values.join(", "))
}

/// A Cedar string literal. All but plain ASCII is spelt out, so that nothing can end the literal or
/// look like something else to a reader.
fn quoted(value: &str) -> String {
    let mut literal = String::from("\"");
    for c in value.chars() {
        match c {
            '"' | '\\' => literal.extend(['\\', c]),
            ' '..='~' => literal.push(c),
            c => literal.extend(c.escape_unicode()),
        }
    }
    literal.push('"');
    literal
}

/// What a policy is about, in letters, digits and dashes.
fn slug(policy: &Policy<'_>) -> String {
    let (Whom::Subject(whom) | Whom::Workload(whom)) = policy.whom;
    let mut slug = String::from("seen");
    let place = policy.place.iter().copied();
    let actions = policy.actions.iter().copied();
    for part in std::iter::once(whom.as_str()).chain(place).chain(actions) {
        slug.push('-');
        for c in part.chars() {
            match c {
                'a'..='z' | '0'..='9' => slug.push(c),
                'A'..='Z' => slug.push(c.to_ascii_lowercase()),
                _ if slug.ends_with('-') => {}
                _ => slug.push('-'),
            }
        }
    }
    slug.truncate(LONGEST_ID);
    slug.trim_end_matches('-').to_owned()
}

impl<'a> Tally<'a> {
    fn add(&mut self, seen: &'a Times) {
        self.join(&Self {
            times: seen.number,
            observed: seen.observed,
            first: Some(&seen.first),
            last: Some(&seen.last),
        });
    }

    fn join(&mut self, other: &Self) {
        self.times += other.times;
        self.observed += other.observed;
        self.first = self.first.into_iter().chain(other.first).min();
        self.last = self.last.max(other.last);
    }

    fn comment(&self) -> String {
        let uses = if self.times == 1 { "use" } else { "uses" };
        let mut comment = format!(
            "// {} {uses}, {} to {}",
            self.times,
            plain(self.first),
            plain(self.last)
        );
        if self.observed > 0 {
            write!(
                comment,
                "; {} went through only because the workload was observed",
                self.observed
            )
            .ok();
        }
        comment.push_str(".\n");
        comment
    }
}

/// A time as it may stand in a comment.
fn plain(moment: Option<&str>) -> String {
    let plain = |c: &char| matches!(c, '0'..='9' | 'T' | 'Z' | ' ' | '-' | ':' | '.' | '+');
    moment.unwrap_or_default().chars().filter(plain).collect()
}
