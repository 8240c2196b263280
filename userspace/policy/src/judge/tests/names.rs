//! Statements whose names a catalogue has looked up.

use std::collections::BTreeSet;

use weir_command::{Access, Object, Statement, Verb};

use super::support::*;
use crate::{Behind, Context, DataClass, Names, Policies, Request, Verdict};

const ALLOW: &str =
    r#"@id("all") permit (principal, action in Weir::Action::"command", resource);"#;
const NOT_HR: &str = r#"@id("no-hr") forbid (principal, action in Weir::Action::"command", resource in Weir::Schema::"crm/sales/hr");"#;

fn object(schema: &str, name: &str, access: Access) -> Object {
    Object {
        database: None,
        schema: Some(schema.to_owned()),
        name: name.to_owned(),
        access,
    }
}

/// `people` is in these schemas.
fn people(schemas: &[&str]) -> Names {
    Names {
        objects: schemas
            .iter()
            .map(|schema| object(schema, "people", Access::Read))
            .collect(),
        unqualified: ["people".to_owned()].into(),
        ..Names::default()
    }
}

fn said(policies: &Policies, statement: &Statement, names: Option<&Names>) -> Verdict {
    policies.judge(&Request {
        subject: &alice(),
        target: &crm(),
        statement,
        names,
        context: &Context::default(),
    })
}

#[test]
fn a_name_is_judged_where_it_is_and_by_the_strictest_where_it_may_be() {
    let policies = bundle(&[ALLOW, NOT_HR]);
    let statement = make(Verb::Select).reads("people").done();
    for (names, expected) in [
        (None, "no-hr"),
        (Some(people(&["public"])), "allow"),
        (Some(people(&["hr"])), "no-hr"),
        (Some(people(&["public", "hr"])), "no-hr"),
    ] {
        let verdict = said(&policies, &statement, names.as_ref());
        assert_eq!(outcome(&verdict), expected, "{names:?}");
    }
    // So a permit for one schema is of use.
    let policies = bundle(&[
        r#"@id("public") permit (principal, action == Weir::Action::"select", resource in Weir::Schema::"crm/sales/public");"#,
    ]);
    for (names, expected) in [
        (None, "default-deny"),
        (Some(people(&["public"])), "allow"),
        (Some(people(&["public", "other"])), "default-deny"),
    ] {
        let verdict = said(&policies, &statement, names.as_ref());
        assert_eq!(outcome(&verdict), expected, "{names:?}");
    }
}

#[test]
fn a_forbid_without_a_schema_holds_wherever_the_name_is() {
    let statement = make(Verb::Select).reads("people").done();
    let forbid = r#"@id("no-people") forbid (principal, action, resource == Weir::Relation::"crm/sales/people");"#;
    let policies = bundle(&[ALLOW, forbid]);
    let names = people(&["public"]);
    assert_eq!(
        outcome(&said(&policies, &statement, Some(&names))),
        "no-people"
    );
    let other = make(Verb::Select).reads("public.people").done();
    assert_eq!(outcome(&said(&policies, &other, None)), "allow");
    // A permit of the name alone is none of the relation.
    let permit = r#"@id("people") permit (principal, action, resource == Weir::Relation::"crm/sales/people");"#;
    let policies = bundle(&[permit]);
    assert_eq!(outcome(&said(&policies, &statement, None)), "allow");
    assert_eq!(
        outcome(&said(&policies, &statement, Some(&names))),
        "default-deny"
    );
}

#[test]
fn what_is_behind_a_view_is_judged_with_its_columns() {
    let column = r#"@id("no-pay") forbid (principal, action == Weir::Action::"select", resource == Weir::Column::"crm/sales/hr/people/pay");"#;
    let statement = make(Verb::Select).reads("public.staff").done();
    let behind = |columns: &[&str], access| Names {
        objects: vec![object("public", "staff", Access::Read)],
        behind: vec![Behind {
            object: object("hr", "people", access),
            columns: columns.iter().map(|name| (*name).to_owned()).collect(),
        }],
        ..Names::default()
    };
    for (forbid, names, expected) in [
        (NOT_HR, behind(&["name"], Access::Read), "no-hr"),
        (NOT_HR, behind(&[], Access::Read), "no-hr"),
        (column, behind(&["name"], Access::Read), "allow"),
        (column, behind(&["name", "pay"], Access::Read), "no-pay"),
    ] {
        let policies = bundle(&[ALLOW, forbid]);
        let verdict = said(&policies, &statement, Some(&names));
        assert_eq!(outcome(&verdict), expected, "{forbid} {names:?}");
    }
    // What a view's rule writes is a write, whatever the statement is.
    let policies =
        bundle(&[r#"@id("read") permit (principal, action in Weir::Action::"read", resource);"#]);
    let names = behind(&[], Access::Write);
    assert_eq!(
        outcome(&said(&policies, &statement, Some(&names))),
        "default-deny"
    );
    assert_eq!(outcome(&said(&policies, &statement, None)), "allow");
}

#[test]
fn what_a_view_calls_a_masked_column_is_told() {
    let policies = Policies::shipped().unwrap();
    let statement = make(Verb::Select).reads("public.staff").done();
    let email: BTreeSet<DataClass> = [DataClass::new("email").unwrap()].into();
    let names = Names {
        objects: vec![object("public", "staff", Access::Read)],
        named: email.clone(),
        deciding: email,
        ..Names::default()
    };
    assert_eq!(outcome(&said(&policies, &statement, None)), "allow");
    assert_eq!(
        outcome(&said(&policies, &statement, Some(&names))),
        "no-guessing"
    );
}

#[test]
fn more_than_can_be_judged_is_not() {
    let policies = bundle(&[ALLOW]);
    let statement = make(Verb::Select).reads("public.staff").done();
    let many = (0..2000).map(|i| Behind {
        object: object("public", &format!("t{i}"), Access::Read),
        columns: BTreeSet::new(),
    });
    let names = Names {
        behind: many.collect(),
        ..Names::default()
    };
    assert_eq!(
        outcome(&said(&policies, &statement, Some(&names))),
        "too-large"
    );
}
