//! What can't have been meant is an error, shown where it stands.

use super::*;

#[test]
fn a_syntax_error_is_shown_where_it_is() {
    assert_eq!(
        refused("@id(\"a\")\npermit (principal, action resource);\n"),
        "\
error: unexpected token `resource`
  --> own.cedar:2:27
   |
 2 | permit (principal, action resource);
   |                           ^^^^^^^^
   = help: expected `!=`, `)`, `,`, `:`, `<`, `<=`, `==`, `>`, `>=`, `in`, or `is`"
    );
}

#[test]
fn every_syntax_error_is_shown() {
    let found = refused(
        "@id(\"a\") permit (principal, action, resource)\nwhen { context.workload = \"x\" };\n@id(\"b\") forbid (principal, action);\n",
    );
    assert_eq!(found.matches("error: ").count(), 2, "{found}");
}

#[test]
fn an_unknown_action_is_shown_where_it_is() {
    let found = refused(
        "// deletions\n@id(\"a\")\npermit (principal,\n  action == Weir::Action::\"deleet\",\n  resource);\n",
    );
    let expected = "\
error: for policy `a`, unrecognized action `Weir::Action::\"deleet\"`
  --> own.cedar:4:13
   |
 4 |   action == Weir::Action::\"deleet\",
   |             ^^^^^^^^^^^^^^^^^^^^^^
   = help: actions are alter, assume, call, ";
    assert!(
        found.starts_with(expected) && found.contains(" delete, "),
        "{found}"
    );
}

#[test]
fn an_unknown_attribute_is_shown_where_it_is() {
    assert_eq!(
        refused(
            "@id(\"a\")\nforbid (principal, action in Weir::Action::\"read\", resource)\nwhen { context.wherefore == \"absent\" };\n"
        ),
        "\
error: for policy `a`, attribute `wherefore` in context for Weir::Action::\"copy_out\" not found
  --> own.cedar:3:8
   |
 3 | when { context.wherefore == \"absent\" };
   |        ^^^^^^^^^^^^^^^^^
   = help: did you mean `weekday`?"
    );
}

#[test]
fn an_optional_attribute_must_be_asked_for_first() {
    let found = refused(
        "@id(\"a\")\nforbid (principal, action in Weir::Action::\"read\", resource)\nwhen { context.setting == \"role\" };\n",
    );
    assert_eq!(found, "\
error: for policy `a`, unable to guarantee safety of access to optional attribute `setting` in context for Weir::Action::\"copy_out\"
  --> own.cedar:3:8
   |
 3 | when { context.setting == \"role\" };
   |        ^^^^^^^^^^^^^^^
   = help: try testing for the attribute's presence with `context has setting && ..`");
}

#[test]
fn a_policy_needs_a_name_of_its_own() {
    assert_eq!(
        refused(&format!("{GOOD}\npermit (principal, action, resource);\n")),
        "\
error: this policy has no name
  --> own.cedar:4:1
   |
 4 | permit (principal, action, resource);
   | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
   = help: a refusal names its rule: write @id(\"a-name\") before the policy"
    );
    let twice = [
        source("a.cedar", GOOD),
        source("b.cedar", &format!("// again\n{GOOD}")),
    ];
    assert_eq!(
        Policies::load(&twice).unwrap_err().to_string(),
        "\
error: a policy with the id `good` is already there
  --> b.cedar:2:1
   |
 2 | @id(\"good\")
   | ^^^
   = help: it is in a.cedar:1"
    );
    for id in [
        "",
        "two words",
        "line\\nbreak",
        "default-deny",
        "evaluation-error",
    ] {
        let found = refused(&format!(
            "@id(\"{id}\") permit (principal, action, resource);"
        ));
        assert!(found.contains("own.cedar:1:1\n"), "{found}");
    }
}

#[test]
fn an_annotation_that_would_be_ignored_is_an_error() {
    assert_eq!(
        refused("@id(\"a\")\n@approver(\"dba\")\npermit (principal, action, resource);\n"),
        "\
error: no annotation is called `@approver`
  --> own.cedar:2:1
   |
 2 | @approver(\"dba\")
   | ^^^^^^^^^
   = help: there are @id, @message, @approvers, @approvals, @timeout and @always"
    );
    let never = refused(
        "@id(\"a\")\n@approvers(\"dba\")\npermit (principal, action in Weir::Action::\"read\", resource)\nwhen { context.workload == \"approved\" };",
    );
    assert!(
        never.contains("own.cedar:2:1\n") && never.contains("context.approved"),
        "{never}"
    );
    for wrong in [
        "@approvers(\"\")",
        "@approvers(\"a,,b\")",
        "@approvals(\"0\") @approvers(\"a\")",
        "@approvals(\"11\") @approvers(\"a\")",
        "@approvals(\"two\") @approvers(\"a\")",
        "@approvals(\"2\")",
        "@approvals(\"2\") @approvers(\"unix:root\")",
        "@timeout(\"0\")",
        "@timeout(\"5m\")",
        "@timeout(\"-1\")",
        "@message(\"\")",
        "@message(\"two\\nlines\")",
    ] {
        let found = refused(&format!(
            "@id(\"a\")\n{wrong}\npermit (principal, action in Weir::Action::\"read\", resource) when {{ context.approved }};"
        ));
        assert!(found.contains("own.cedar:2:1\n"), "{found}");
    }
}

#[test]
fn a_name_that_can_match_nothing_is_an_error() {
    let with = |literal: &str| {
        refused(&format!(
            "@id(\"a\")\nforbid (principal, action in Weir::Action::\"read\",\n  resource in {literal});"
        ))
    };
    assert_eq!(
        with("Weir::Schema::\"payroll\""),
        "\
error: `payroll` can't be a Schema: it is written target/database/schema
  --> own.cedar:3:29
   |
 3 |   resource in Weir::Schema::\"payroll\");
   |                             ^^^^^^^^^
   = help: inside a name, a slash is %2F and a percent sign %25"
    );
    for literal in [
        "Weir::Database::\"sales\"",
        "Weir::Database::\"crm//sales\"",
        "Weir::Target::\"\"",
        "Weir::Schema::\"crm/sales/50%\"",
    ] {
        assert!(with(literal).contains("own.cedar:3:"), "{literal}");
    }
    let class = refused(
        "@id(\"a\")\npermit (principal, action == Weir::Action::\"reveal\",\n  resource == Weir::DataClass::\"emial\");",
    );
    assert!(
        class.starts_with("error: no data class is called `emial`\n  --> own.cedar:3:"),
        "{class}"
    );
}

#[test]
fn a_template_that_says_too_little_or_too_much_is_refused() {
    let head = r#"@id("t") @grantable("dba") "#;
    let scope =
        r#"(principal == ?principal, action == Weir::Action::"select", resource in ?resource);"#;
    for (text, why) in [
        (
            format!("@grantable(\"dba\") permit {scope}"),
            "this policy has no name",
        ),
        (
            format!("@id(\"t\") permit {scope}"),
            "a template says who may grant it",
        ),
        (
            format!("@id(\"t\") @grantable(\",\") permit {scope}"),
            "`@approvers` names groups",
        ),
        (
            format!("{head} @timeout(\"9\") permit {scope}"),
            "no annotation of a template is called `@timeout`",
        ),
        (
            format!("{head} forbid {scope}"),
            "a template can only permit",
        ),
        (
            format!("{head} permit (principal == ?principal, action, resource in ?resource);"),
            "a template names its actions",
        ),
        (
            format!(
                "{head} permit (principal == ?principal, action == Weir::Action::\"select\", resource);"
            ),
            "a template leaves open whom and where",
        ),
        (
            format!(
                "{head} permit (principal, action == Weir::Action::\"select\", resource in ?resource);"
            ),
            "a template leaves open whom and where",
        ),
        (
            format!(
                "{head} permit {} when {{ context.approved }};",
                scope.trim_end_matches(';')
            ),
            "a template doesn't look at `context.approved`",
        ),
        (
            format!(
                "{head} permit {} when {{ context.nonsense }};",
                scope.trim_end_matches(';')
            ),
            "nonsense",
        ),
        (
            format!("{head} permit {scope} @id(\"t\") permit (principal, action, resource);"),
            "a policy with the id `t` is already there",
        ),
    ] {
        let found = refused(&text);
        assert!(found.contains(why), "{text}\n{found}");
    }
}
