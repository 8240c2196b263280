//! An explanation names the policies as they are written, and the changes that would have helped.

use weir_command::sql;

use crate::{Asking, Context, Explanation, Mode, Policies, Source, Subject, Target};

fn explain(policies: &Policies, groups: &[&str], text: &str) -> Explanation {
    let subject = Subject {
        id: "unix:alice".into(),
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        on_behalf_of: None,
    };
    let target = Target {
        name: "crm".into(),
        protocol: "postgres".into(),
        database: "sales".into(),
    };
    let asking = Asking {
        subject: &subject,
        target: &target,
        context: &Context::default(),
    };
    let statements = sql::statements(text.as_bytes(), &sql::Limits::default());
    policies.explain(Mode::Enforce, asking, &statements)
}

fn flips(explained: &Explanation) -> Vec<(&str, &str)> {
    let flips = explained.changes.iter().filter(|change| change.flips);
    flips
        .map(|change| (change.change.as_str(), change.answer))
        .collect()
}

fn with(text: &str) -> Policies {
    let mut sources = Policies::shipped_sources();
    sources.push(Source {
        name: "own.cedar".into(),
        text: text.into(),
    });
    Policies::load(&sources).unwrap_or_else(|found| panic!("{found}"))
}

#[test]
fn a_bulk_write_wants_a_where() {
    let explained = explain(&Policies::shipped().unwrap(), &[], "DELETE FROM orders");
    assert_eq!(explained.answer.rule.as_deref(), Some("no-bulk-write"));
    let [deciding] = explained.deciding.as_slice() else {
        panic!("{:?}", explained.deciding)
    };
    assert_eq!(deciding.file, "20-destroy.cedar");
    assert_eq!(deciding.line, 8);
    assert!(deciding.text.starts_with("@id(\"no-bulk-write\")"));
    assert!(deciding.text.ends_with("};"), "{}", deciding.text);
    assert_eq!(
        flips(&explained),
        [
            ("with a WHERE that names a column", "allow"),
            ("without the policy `no-bulk-write`", "allow"),
        ]
    );
    let facts = &explained.facts.statements[0];
    assert_eq!(facts.predicate, "absent");
    assert_eq!(facts.questions[0].resource, "crm/sales/orders");
}

#[test]
fn where_two_forbid_neither_alone_helps_and_the_other_is_named() {
    let explained = explain(
        &Policies::shipped().unwrap(),
        &[],
        "INSERT INTO notes (body) SELECT email FROM customers; DROP TABLE a",
    );
    assert_eq!(explained.answer.rule.as_deref(), Some("no-laundering"));
    assert_eq!(flips(&explained), []);
    let without = explained
        .changes
        .iter()
        .find(|change| change.change == "without the policy `no-laundering`")
        .unwrap();
    assert_eq!(without.rule.as_deref(), Some("no-destroy"));
}

#[test]
fn groups_that_policies_name_are_tried_both_ways() {
    let policies = with(
        r#"@id("no-refunds") forbid (
             principal in Weir::Group::"agents", action in Weir::Action::"write", resource
           ) when { resource.name == "refunds" };
           @id("admins-only") forbid (principal, action == Weir::Action::"show", resource)
           unless { principal in Weir::Group::"admins" };"#,
    );
    let insert = "INSERT INTO refunds (id) VALUES (1)";
    assert_eq!(
        flips(&explain(&policies, &["agents"], insert)),
        [
            ("outside of the group `agents`", "allow"),
            ("without the policy `no-refunds`", "allow")
        ]
    );
    assert_eq!(
        flips(&explain(&policies, &[], insert)),
        [
            ("in the group `agents`", "deny"),
            ("without the policy `allow-write`", "deny")
        ]
    );
    assert_eq!(
        flips(&explain(&policies, &[], "SHOW timezone")),
        [
            ("in the group `admins`", "allow"),
            ("without the policy `admins-only`", "allow")
        ]
    );
}

#[test]
fn a_long_answer_wants_a_limit_and_an_aggregate_its_absence() {
    let policies = with(
        r#"@id("few") forbid (principal, action in Weir::Action::"read", resource)
           when { resource.name == "customers" }
           unless { context has row_limit && context.row_limit <= 10 && !context.gathers_rows };"#,
    );
    let long = explain(&policies, &[], "SELECT name FROM customers LIMIT 11");
    assert_eq!(
        flips(&long),
        [
            ("with LIMIT 1", "allow"),
            ("without the policy `few`", "allow")
        ]
    );
    assert_eq!(long.facts.statements[0].row_limit, Some(11));
    let gathers = explain(&policies, &[], "SELECT max(name) FROM customers LIMIT 1");
    assert!(flips(&gathers).contains(&("gathering no rows in one", "allow")));
    assert!(gathers.facts.statements[0].gathers_rows);
    // Where no policy looks at it, it is not told of.
    let shipped = explain(
        &Policies::shipped().unwrap(),
        &[],
        "SELECT name FROM customers",
    );
    let limited = |change: &crate::Change| change.change == "with LIMIT 1";
    assert!(!shipped.changes.iter().any(limited));
}

#[test]
fn a_large_change_wants_fewer_rows() {
    let policies = with(
        r#"@id("small") forbid (principal, action in Weir::Action::"write", resource)
           unless { context has estimated_rows && context.estimated_rows <= 10 };"#,
    );
    let subject = Subject {
        id: "unix:alice".into(),
        groups: Vec::new(),
        on_behalf_of: None,
    };
    let target = Target {
        name: "crm".into(),
        protocol: "postgres".into(),
        database: "sales".into(),
    };
    let context = Context {
        rows: crate::RowCounts {
            limit: None,
            estimated: Some(11),
        },
        ..Context::default()
    };
    let asking = Asking {
        subject: &subject,
        target: &target,
        context: &context,
    };
    let text = b"DELETE FROM orders WHERE id > 5";
    let statements = sql::statements(text, &sql::Limits::default());
    let explained = policies.explain(Mode::Enforce, asking, &statements);
    assert_eq!(explained.answer.rule.as_deref(), Some("small"));
    assert!(flips(&explained).contains(&("with no rows estimated", "allow")));
    assert_eq!(explained.facts.statements[0].estimated_rows, Some(11));
}

#[test]
fn an_ask_wants_a_humans_yes_and_a_masked_column_its_absence() {
    let policies = with(
        r#"@id("ask") @approvers("dba") forbid (
             principal, action in Weir::Action::"write", resource
           ) unless { context.approved };
           @id("no-masked") forbid (principal, action in Weir::Action::"read", resource)
           unless { context.masked.isEmpty() };"#,
    );
    let asked = explain(&policies, &[], "INSERT INTO t (a) VALUES (1)");
    assert_eq!(asked.answer.approvers, ["dba"]);
    assert_eq!(
        flips(&asked),
        [
            ("with a human's yes", "allow"),
            ("without the policy `ask`", "allow")
        ]
    );
    let masked = explain(&policies, &[], "SELECT email FROM customers");
    assert_eq!(masked.facts.statements[0].masked, ["email"]);
    assert_eq!(
        flips(&masked),
        [
            ("naming no column, and not `*`", "allow"),
            ("without the policy `no-masked`", "allow")
        ]
    );
}
