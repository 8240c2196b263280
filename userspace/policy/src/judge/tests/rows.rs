//! Policies about how many rows there are: what is not known refuses, and what nobody looks at is not
//! asked for.

use weir_command::{Statement, sql};

use super::support::bundle;
use crate::{Case, Policies, Source};

fn example() -> Policies {
    let mut sources = Policies::shipped_sources();
    sources.push(Source {
        name: "rows.cedar".into(),
        text: include_str!("../../../../../policies/examples/rows.cedar").into(),
    });
    let policies = Policies::load(&sources).unwrap_or_else(|found| panic!("{found}"));
    assert_eq!(policies.warnings(), []);
    policies
}

fn read(text: &str) -> Vec<Statement> {
    sql::statements(text.as_bytes(), &sql::Limits::default())
}

/// What a case of these lines comes to: `allow`, `ask`, or the rule.
fn said(policies: &Policies, case: &str) -> String {
    let text = format!("[[case]]\nexpect = \"allow\"\n{case}");
    let source = Source {
        name: "a.toml".into(),
        text,
    };
    let cases = Case::read(&source).unwrap_or_else(|found| panic!("{found}"));
    let tried = policies.try_case(&cases[0]).got;
    tried.rule.unwrap_or_else(|| tried.answer.to_owned())
}

#[test]
fn customers_are_read_no_more_than_a_thousand_at_a_time() {
    let policies = example();
    for command in [
        "SELECT name FROM customers LIMIT 1000",
        "SELECT name FROM orders JOIN customers USING (id) LIMIT 1000 OFFSET 5000",
        "SELECT name FROM customers FETCH FIRST ROW ONLY",
        "EXPLAIN SELECT name FROM customers LIMIT 5",
        "COPY (SELECT name FROM customers LIMIT 5) TO STDOUT",
        "PREPARE p AS SELECT name FROM customers LIMIT 5",
        "DECLARE c CURSOR FOR SELECT name FROM customers LIMIT 5",
        "SELECT name FROM orders",
        "FETCH ALL FROM c",
    ] {
        let case = format!("command = \"{command}\"");
        assert_eq!(said(&policies, &case), "allow", "{command}");
    }
    for command in [
        "SELECT name FROM customers",
        "SELECT name FROM customers LIMIT 1001",
        "SELECT name FROM customers LIMIT ALL",
        "SELECT name FROM customers LIMIT NULL",
        "SELECT name FROM customers LIMIT $1",
        "SELECT name FROM customers ORDER BY name FETCH FIRST 5 ROWS WITH TIES",
        "SELECT name FROM customers WHERE id IN (SELECT id FROM orders LIMIT 1)",
        "SELECT name FROM orders LIMIT 1; SELECT name FROM customers",
        "(SELECT name FROM customers LIMIT 1) UNION ALL SELECT name FROM customers",
        "SELECT array_agg(name) FROM customers LIMIT 1",
        "SELECT ARRAY(SELECT name FROM customers) LIMIT 1",
        "COPY customers (name) TO STDOUT",
        "COPY (SELECT name FROM customers) TO STDOUT",
        "PREPARE p AS SELECT name FROM customers LIMIT $1",
        "DECLARE c CURSOR FOR SELECT name FROM customers",
        "INSERT INTO orders (name) SELECT name FROM customers LIMIT 1",
    ] {
        let case = format!("command = \"{command}\"");
        assert_eq!(
            said(&policies, &case),
            "customers-few-at-a-time",
            "{command}"
        );
    }
}

#[test]
fn a_parameter_counts_for_the_statement_that_it_is_given_to() {
    let policies = example();
    let by_parameter = "command = \"SELECT name FROM customers LIMIT $1\"\n";
    assert_eq!(
        said(&policies, &format!("{by_parameter}row_limit = 1000")),
        "allow"
    );
    assert_eq!(
        said(&policies, &format!("{by_parameter}row_limit = 1001")),
        "customers-few-at-a-time"
    );
    // 2^64 - 1 is no negative number to Cedar
    assert_eq!(
        said(
            &policies,
            &format!("{by_parameter}row_limit = 9223372036854775807")
        ),
        "customers-few-at-a-time"
    );
    assert_eq!(
        policies.limiting_parameter(&read("SELECT 1 LIMIT $7")),
        Some(7)
    );
    for text in [
        "SELECT 1 LIMIT 7",
        "SELECT 1",
        "SELECT 1 LIMIT $1; SELECT 1 LIMIT $1",
        "EXECUTE p(1)",
    ] {
        assert_eq!(policies.limiting_parameter(&read(text)), None, "{text}");
    }
    // where nobody looks at it, it tells no two requests apart
    let shipped = Policies::shipped().unwrap();
    assert_eq!(shipped.limiting_parameter(&read("SELECT 1 LIMIT $7")), None);
}

#[test]
fn changes_of_unknown_size_are_asked_about_as_large_ones_are() {
    let policies = example();
    let update = "command = \"UPDATE orders SET paid = true WHERE id < 7\"\n";
    assert_eq!(said(&policies, update), "ask");
    assert_eq!(
        said(&policies, &format!("{update}estimated_rows = 10001")),
        "ask"
    );
    assert_eq!(
        said(&policies, &format!("{update}estimated_rows = 10000")),
        "allow"
    );
    assert_eq!(
        said(&policies, &format!("{update}estimated_rows = 0")),
        "allow"
    );
    for command in [
        "PREPARE p AS UPDATE orders SET paid = true WHERE id < 7",
        "UPDATE orders SET paid = true WHERE id = 7; UPDATE orders SET paid = true WHERE id = 8",
        "COPY orders FROM STDIN",
    ] {
        let case = format!("command = \"{command}\"");
        assert_eq!(said(&policies, &case), "ask", "{command}");
    }
}

#[test]
fn an_estimate_is_wanted_only_of_what_a_policy_may_look_at_it_for() {
    let policies = example();
    for text in [
        "UPDATE orders SET paid = true WHERE id = 7",
        "DELETE FROM orders WHERE id = 7",
        "INSERT INTO orders SELECT * FROM old",
        "MERGE INTO a USING b ON a.id = b.id WHEN MATCHED THEN DELETE",
        "WITH d AS (DELETE FROM a WHERE id = 1 RETURNING id) SELECT id FROM d",
    ] {
        assert!(policies.wants_estimate(&read(text)), "{text}");
    }
    for text in [
        "SELECT id FROM orders",
        "EXPLAIN DELETE FROM orders WHERE id = 7",
        "PREPARE p AS DELETE FROM orders WHERE id = 7",
        "EXECUTE p",
        "COPY orders FROM STDIN",
        "DELETE FROM orders WHERE id = 7; DELETE FROM orders WHERE id = 8",
        "DROP TABLE orders",
        "SELEKT",
        "",
    ] {
        assert!(!policies.wants_estimate(&read(text)), "{text}");
    }
    assert!(
        !Policies::shipped()
            .unwrap()
            .wants_estimate(&read("DELETE FROM a WHERE b = 1"))
    );
    // whatever a template will be granted for
    let template = bundle(&[r#"@id("some") @grantable("dba") permit (
          principal == ?principal, action in Weir::Action::"read", resource in ?resource
        ) when { context has estimated_rows && context.estimated_rows < 5 };"#]);
    assert!(template.wants_estimate(&read("SELECT id FROM orders")));
}

#[test]
fn a_bound_that_forgets_what_has_none_is_an_error() {
    let forgets = Source {
        name: "a.cedar".into(),
        text: r#"@id("large") forbid (principal, action in Weir::Action::"write", resource)
                 when { context.estimated_rows > 100 };"#
            .into(),
    };
    let wrong = Policies::load(&[forgets]).unwrap_err();
    assert!(wrong.to_string().contains("estimated_rows"), "{wrong}");
}

#[test]
fn a_view_may_gather_what_is_behind_it() {
    use crate::{Behind, Context, Names, Request};
    use weir_command::{Access, Object};
    let policies = example();
    let relation = |name: &str| Object {
        database: None,
        schema: Some("public".into()),
        name: name.into(),
        access: Access::Read,
    };
    let statements = read("SELECT names FROM everybody LIMIT 1");
    let judged = |behind: Vec<Behind>| {
        let names = Names {
            objects: vec![relation("everybody")],
            behind,
            ..Names::default()
        };
        let verdict = policies.judge(&Request {
            subject: &super::support::alice(),
            target: &super::support::crm(),
            statement: &statements[0],
            names: Some(&names),
            context: &Context::default(),
        });
        super::support::outcome(&verdict).to_owned()
    };
    assert_eq!(judged(Vec::new()), "allow");
    let customers = Behind {
        object: relation("customers"),
        columns: ["name".to_owned()].into(),
    };
    assert_eq!(judged(vec![customers]), "customers-few-at-a-time");
}

#[test]
fn the_rows_of_a_copied_write_need_what_a_copy_needs() {
    let mut sources = Policies::shipped_sources();
    sources.push(Source {
        name: "own.cedar".into(),
        text:
            r#"@id("no-copies") forbid (principal, action == Weir::Action::"copy_out", resource);"#
                .into(),
    });
    let policies = Policies::load(&sources).unwrap();
    let copied = "command = \"COPY (DELETE FROM orders WHERE id = 7 RETURNING id) TO STDOUT\"";
    assert_eq!(said(&policies, copied), "no-copies");
    let plain = "command = \"DELETE FROM orders WHERE id = 7 RETURNING id\"";
    assert_eq!(said(&policies, plain), "allow");
}
