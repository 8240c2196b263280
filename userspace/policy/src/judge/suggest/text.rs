//! Suggested policies as Cedar text.
//!
//! Every name comes from an agent, so it is written as an escaped literal and nowhere else: not
//! into comments, messages or ids (those keep to letters, digits and `-`).

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use super::{Circumstances, Seen, Thing, Use, Whom};
use crate::path;

/// Longest id of a policy, in bytes, before a number is put behind it.
const LONGEST_ID: usize = 100;

const PREFACE: &str = "\
// Written by `weir policy suggest` from what was seen: it admits that, and nothing else.
// Read it before you use it. What may be seen unmasked (`reveal`) is not in it.
";

/// What one policy is about: whose use, of what kind of thing, under which circumstances.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Group<'a> {
    whom: &'a Whom,
    target: &'a str,
    database: &'a str,
    kind: Kind,
    access: &'static str,
    circumstances: &'a Circumstances,
    /// Escaped literals; empty unless the kind is `Relation`.
    relations: BTreeSet<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Target,
    Database,
    Relation,
}

/// How often and when, over all that a policy covers.
#[derive(Default)]
struct Tally<'a> {
    times: u64,
    observed: u64,
    first: Option<&'a str>,
    last: Option<&'a str>,
}

/// Writes one policy for each group of uses.
pub(super) fn write(uses: &BTreeMap<Use, Seen>) -> String {
    let mut text = PREFACE.to_owned();
    let mut ids = BTreeSet::new();
    for (group, (actions, tally)) in groups(uses) {
        policy(&group, &actions, &tally, &mut ids, &mut text);
    }
    text
}

type Actions = BTreeSet<&'static str>;

/// First the relations that are used alike come together, then the actions on the same relations.
fn groups(uses: &BTreeMap<Use, Seen>) -> BTreeMap<Group<'_>, (Actions, Tally<'_>)> {
    let schemas = schemas(uses);
    let mut alike: BTreeMap<(Group<'_>, &'static str), (BTreeSet<String>, Tally<'_>)> =
        BTreeMap::new();
    for (used, seen) in uses {
        let group = Group {
            whom: &used.whom,
            target: &used.target,
            database: &used.database,
            kind: match used.thing {
                Thing::Target => Kind::Target,
                Thing::Database => Kind::Database,
                Thing::Relation { .. } => Kind::Relation,
            },
            access: used.access,
            circumstances: &seen.circumstances,
            relations: BTreeSet::new(),
        };
        let (relations, tally) = alike.entry((group, used.action)).or_default();
        relations.extend(literals(used, &schemas));
        tally.add(seen);
    }
    let mut groups: BTreeMap<Group<'_>, (Actions, Tally<'_>)> = BTreeMap::new();
    for ((group, action), (relations, tally)) in alike {
        let group = Group { relations, ..group };
        let (actions, whole) = groups.entry(group).or_default();
        actions.insert(action);
        whole.join(&tally);
    }
    groups
}

/// The schemas that the policies will tell apart, by target and database.
fn schemas(uses: &BTreeMap<Use, Seen>) -> BTreeMap<(&str, &str), BTreeSet<&str>> {
    let mut schemas: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for used in uses.keys() {
        if let Thing::Relation {
            schema: Some(schema),
            ..
        } = &used.thing
        {
            let place = (used.target.as_str(), used.database.as_str());
            schemas.entry(place).or_default().insert(schema.as_str());
        }
    }
    schemas
}

/// The entities that a use of a relation is of. One without a schema is judged in each schema that
/// the policies tell apart.
fn literals(used: &Use, schemas: &BTreeMap<(&str, &str), BTreeSet<&str>>) -> Vec<String> {
    let Thing::Relation { schema, name } = &used.thing else {
        return Vec::new();
    };
    let (target, database) = (used.target.as_str(), used.database.as_str());
    let in_schema = |schema: &str| entity("Relation", &[target, database, schema, name]);
    if let Some(schema) = schema {
        return vec![in_schema(schema)];
    }
    let told_apart = schemas.get(&(target, database)).into_iter().flatten();
    let mut literals = vec![entity("Relation", &[target, database, name])];
    literals.extend(told_apart.map(|schema| in_schema(schema)));
    literals
}

fn policy(
    group: &Group<'_>,
    actions: &Actions,
    tally: &Tally<'_>,
    ids: &mut BTreeSet<String>,
    text: &mut String,
) {
    let names: Vec<&str> = actions.iter().copied().collect();
    let actions: Vec<String> = names
        .iter()
        .map(|action| format!("Weir::Action::{}", quoted(action)))
        .collect();
    let action = match actions.as_slice() {
        [one] => format!("action == {one}"),
        several => format!("action in [{}]", several.join(", ")),
    };
    let (principal, mut conditions) = match group.whom {
        Whom::Subject(id) => (
            format!("principal == Weir::Subject::{}", quoted(id)),
            Vec::new(),
        ),
        Whom::Workload(name) => (
            "principal".to_owned(),
            vec![format!("context.workload == {}", quoted(name))],
        ),
    };
    let resource = match group.kind {
        Kind::Target => format!("resource in {}", entity("Target", &[group.target])),
        Kind::Database => {
            let database = entity("Database", &[group.target, group.database]);
            format!("resource == {database}")
        }
        Kind::Relation => "resource is Weir::Relation".to_owned(),
    };
    if group.kind == Kind::Relation {
        let list: Vec<&str> = group.relations.iter().map(String::as_str).collect();
        conditions.push(format!(
            "[\n    {}\n  ].contains(resource)",
            list.join(",\n    ")
        ));
    }
    conditions.push(format!("context.access == {}", quoted(group.access)));
    conditions.extend(circumstances(group.circumstances));
    let id = unused(&slug(group, &names), ids);
    let verbs = names.join(", ");
    // Writing to a string does not fail.
    write!(
        text,
        "\n{}@id({})\n@message({})\npermit (\n  {principal},\n  {action},\n  {resource}\n)\n\
         when {{\n  {}\n}};\n",
        tally.comment(),
        quoted(&id),
        quoted(&format!("{verbs}, as it was seen")),
        conditions.join(" &&\n  ")
    )
    .ok();
}

fn circumstances(seen: &Circumstances) -> Vec<String> {
    let predicates = list(seen.predicates.iter().copied());
    let mut conditions = vec![
        format!("{predicates}.contains(context.predicate)"),
        within("context.effects", seen.effects.iter().copied()),
        within(
            "context.functions",
            seen.functions.iter().map(String::as_str),
        ),
    ];
    let names: Vec<&str> = seen.settings.iter().flatten().map(String::as_str).collect();
    let names = (!names.is_empty()).then(|| list(names));
    let nothing = seen.settings.contains(&None);
    conditions.push(match names {
        None => "!(context has setting)".to_owned(),
        Some(names) if nothing => {
            format!("(!(context has setting) || {names}.contains(context.setting))")
        }
        Some(names) => format!("context has setting && {names}.contains(context.setting)"),
    });
    conditions
}

/// That a set of the context holds nothing but these. Cedar knows no empty set literal.
fn within<'a>(attribute: &str, values: impl Iterator<Item = &'a str>) -> String {
    let mut values = values.peekable();
    if values.peek().is_none() {
        return format!("{attribute}.isEmpty()");
    }
    format!("{}.containsAll({attribute})", list(values))
}

fn list<'a>(values: impl IntoIterator<Item = &'a str>) -> String {
    let values: Vec<String> = values.into_iter().map(quoted).collect();
    format!("[{}]", values.join(", "))
}

fn entity(kind: &str, names: &[&str]) -> String {
    // A target's id is its plain name, all else a path.
    let id = match names {
        [name] => (*name).to_owned(),
        names => path::join(names.iter().copied()),
    };
    format!("Weir::{kind}::{}", quoted(&id))
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
fn slug(group: &Group<'_>, actions: &[&str]) -> String {
    let whom = match group.whom {
        Whom::Subject(id) => id,
        Whom::Workload(name) => name,
    };
    let mut slug = String::from("seen");
    for part in [whom, group.target, group.database]
        .into_iter()
        .chain(actions.iter().copied())
    {
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

fn unused(slug: &str, ids: &mut BTreeSet<String>) -> String {
    let numbered = (2_u64..).map(|number| format!("{slug}-{number}"));
    let mut names = std::iter::once(slug.to_owned()).chain(numbered);
    // The numbers don't run out before the policies do.
    let id = names.find(|id| !ids.contains(id)).unwrap_or_default();
    ids.insert(id.clone());
    id
}

impl<'a> Tally<'a> {
    fn add(&mut self, seen: &'a Seen) {
        self.join(&Self {
            times: seen.times,
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
