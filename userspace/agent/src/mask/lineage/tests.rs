use weir_policy::{Policies, Source as Text};

use super::*;
use crate::mask::catalogue::{CODE, Relation};

pub(crate) const PEOPLE: RelationOid = RelationOid(16400);
const CHILD: RelationOid = RelationOid(16401);
const VIEW: RelationOid = RelationOid(16402);
const OUTER: RelationOid = RelationOid(16403);
const PLAIN: RelationOid = RelationOid(16404);
const CALLS: RelationOid = RelationOid(16405);

fn relation(name: &str, columns: &[&str]) -> Relation {
    let numbered = (1..).map(ColumnNumber).zip(columns);
    Relation {
        schema: "public".to_owned(),
        name: name.to_owned(),
        is_view: false,
        columns: numbered
            .map(|(n, column)| (n, (*column).to_owned()))
            .collect(),
    }
}

/// `people(id, name, email)`, a partition of it with another column order, a view over `email`
/// (renamed), a view over that view, a view over `name` alone, and a view that calls a function.
pub(crate) fn lineage() -> Lineage {
    let mut c = Catalogue::default();
    let mut table = |oid, name, columns| {
        c.relations.insert(oid, relation(name, columns));
    };
    table(PEOPLE, "people", &["id", "name", "email"]);
    table(CHILD, "people_2026", &["email", "id", "name"]);
    table(VIEW, "contacts", &["who", "contact"]);
    table(OUTER, "outer_contacts", &["c"]);
    table(PLAIN, "names", &["name"]);
    table(CALLS, "owners", &["who"]);
    c.inherits.push((CHILD, PEOPLE));
    c.views
        .insert(VIEW, [(PEOPLE, Some(ColumnNumber(3)))].into());
    c.views.insert(OUTER, [(VIEW, None)].into());
    c.views
        .insert(PLAIN, [(PEOPLE, Some(ColumnNumber(2)))].into());
    c.views.insert(CALLS, [(CODE, None)].into());
    c.functions.insert("leak".to_owned());
    c.row_functions.insert("label".to_owned());
    Lineage::new(&c, policies().masking(), "db", "app")
}

pub(crate) fn policies() -> Policies {
    let masking = "[class.email]\nmethod = \"redact\"\n\
                   [[column]]\nclass = \"email\"\ntable = \"public.people\"\ncolumn = \"email\"\n";
    Policies::load(&[
        Text {
            name: "all.cedar".into(),
            text: "@id(\"all\") permit(principal, action in Weir::Action::\"command\", resource);"
                .into(),
        },
        Text {
            name: "masking.toml".into(),
            text: masking.into(),
        },
    ])
    .unwrap()
}

fn sensitive(l: &Lineage, oid: RelationOid, column: i16) -> bool {
    matches!(l.source(oid, ColumnNumber(column)), Source::Sensitive(_))
}

#[test]
fn the_rule_names_one_column() {
    let l = lineage();
    assert!(sensitive(&l, PEOPLE, 3));
    assert_eq!(l.source(PEOPLE, ColumnNumber(2)), Source::Harmless);
    assert_eq!(l.source(PEOPLE, ColumnNumber(-1)), Source::Harmless);
}

#[test]
fn partitions_follow_by_column_name_not_by_number() {
    let l = lineage();
    assert!(sensitive(&l, CHILD, 1));
    assert_eq!(l.source(CHILD, ColumnNumber(3)), Source::Harmless);
}

#[test]
fn views_follow_through_views_in_every_column() {
    let l = lineage();
    assert!(sensitive(&l, VIEW, 1) && sensitive(&l, VIEW, 2) && sensitive(&l, OUTER, 1));
    assert_eq!(l.source(PLAIN, ColumnNumber(1)), Source::Harmless);
}

#[test]
fn what_the_snapshot_does_not_hold_is_unknown_not_harmless() {
    let l = lineage();
    assert_eq!(
        l.source(RelationOid(99999), ColumnNumber(1)),
        Source::Unknown
    );
    assert_eq!(l.source(PEOPLE, ColumnNumber(9)), Source::Unknown);
}

#[test]
fn names_without_a_schema_mean_every_schema() {
    let l = lineage();
    assert_eq!(l.named(None, "people").count(), 1);
    assert_eq!(l.named(Some("other"), "people").count(), 0);
    assert!(l.may_read_tables("public.leak") && !l.may_read_tables("lower"));
}

/// `people` again with what is around it: a table that references it by cascade, one that holds its
/// rows, one that is referenced by it, and a view over two classes.
fn around() -> Lineage {
    const FIRMS: RelationOid = RelationOid(16410);
    let mut c = Catalogue::default();
    let mut table = |oid, name, columns| {
        c.relations
            .insert(RelationOid(oid), relation(name, columns));
    };
    table(PEOPLE.0, "people", &["id", "email", "phone"]);
    table(FIRMS.0, "firms", &["id"]);
    table(16411, "archive", &["id", "was"]);
    table(16412, "reach", &["by"]);
    table(16413, "names", &["name"]);
    c.cascades.push((FIRMS, PEOPLE));
    c.holds.push((RelationOid(16411), ColumnNumber(2), PEOPLE));
    let both = [2, 3].map(|column| (PEOPLE, Some(ColumnNumber(column))));
    c.views.insert(RelationOid(16412), both.into());
    c.views
        .insert(RelationOid(16413), [(PEOPLE, Some(ColumnNumber(1)))].into());
    c.reactive.insert(PEOPLE);
    c.operators.insert("@@@".to_owned());
    Lineage::new(&c, Policies::shipped().unwrap().masking(), "db", "app")
}

fn classes(l: &Lineage, oid: u32, column: i16) -> Vec<&str> {
    match l.source(RelationOid(oid), ColumnNumber(column)) {
        Source::Sensitive(found) => found.iter().map(|found| found.class.as_str()).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn a_column_has_every_class_that_it_may_show() {
    let l = around();
    assert_eq!(classes(&l, 16412, 1), ["email", "phone"]);
    assert_eq!(classes(&l, 16411, 2), ["email", "phone"], "a whole row");
    assert_eq!(classes(&l, 16411, 1), [""; 0]);
    assert_eq!(classes(&l, 16413, 1), [""; 0]);
}

#[test]
fn a_write_reaches_what_is_behind_it() {
    let l = around();
    for (relation, reaches) in [("firms", true), ("names", true), ("archive", false)] {
        let traced = l.named(None, relation).next().unwrap();
        assert_eq!(traced.is_reactive(), reaches, "{relation}");
        let behind: Vec<&str> = traced.behind().map(DataClass::as_str).collect();
        assert_eq!(behind, ["email", "phone"], "{relation}");
    }
}

#[test]
fn an_operator_of_the_users_own_is_known_by_its_symbol() {
    let l = around();
    assert!(l.may_operate(&["@@@".to_owned()].into()));
    assert!(!l.may_operate(&["=".to_owned(), "@@".to_owned()].into()));
    let anywhere = Catalogue {
        operators: ["~~".to_owned()].into(),
        ..Catalogue::default()
    };
    let l = Lineage::new(&anywhere, policies().masking(), "db", "app");
    assert!(
        l.may_operate(&BTreeSet::new()),
        "LIKE spells it with a word"
    );
}
