//! Policies about statements: what was used alike, under the same circumstances, shares one.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    super::{Circumstances, Seen, Thing, Use, Whom},
    Policy, Tally, Text, list, one_of, quoted,
};
use crate::path;

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

/// Writes one policy for each group of uses.
pub(super) fn write(uses: &BTreeMap<Use, Seen>, text: &mut Text) {
    for (group, (actions, tally)) in groups(uses) {
        text.policy(policy(&group, &actions, tally));
    }
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
        tally.add(&seen.times);
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

fn policy<'a>(group: &Group<'a>, actions: &Actions, tally: Tally<'a>) -> Policy<'a> {
    let resource = match group.kind {
        Kind::Target => format!("resource in {}", entity("Target", &[group.target])),
        Kind::Database => {
            let database = entity("Database", &[group.target, group.database]);
            format!("resource == {database}")
        }
        Kind::Relation => "resource is Weir::Relation".to_owned(),
    };
    let mut conditions = Vec::new();
    if group.kind == Kind::Relation {
        conditions.push(one_of(&group.relations));
    }
    conditions.push(format!("context.access == {}", quoted(group.access)));
    conditions.extend(circumstances(group.circumstances));
    Policy {
        whom: group.whom,
        place: vec![group.target, group.database],
        actions: actions.iter().copied().collect(),
        resource,
        conditions,
        tally,
    }
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

fn entity(kind: &str, names: &[&str]) -> String {
    // A target's id is its plain name, all else a path.
    let id = match names {
        [name] => (*name).to_owned(),
        names => path::join(names.iter().copied()),
    };
    format!("Weir::{kind}::{}", quoted(&id))
}
