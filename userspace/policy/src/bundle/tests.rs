use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// One policy that is nothing special, to have a bundle at all.
const GOOD: &str =
    "@id(\"good\")\npermit (principal, action in Weir::Action::\"read\", resource);\n";

fn source(name: &str, text: &str) -> Source {
    Source {
        name: name.into(),
        text: text.into(),
    }
}

/// What a bundle with this policy text says when it is refused.
fn refused(text: &str) -> String {
    match Policies::load(&[source("own.cedar", text)]) {
        Ok(policies) => panic!("loaded, with {:?}", policies.warnings()),
        Err(found) => found.to_string(),
    }
}

#[test]
fn what_ships_loads_without_a_word() {
    match Policies::shipped() {
        Ok(policies) => assert_eq!(policies.warnings(), []),
        Err(found) => panic!("{found}"),
    }
}

#[test]
fn everything_that_lies_with_the_shipped_policies_ships() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../policies/default");
    let files: BTreeSet<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let shipped = Policies::shipped_sources()
        .into_iter()
        .map(|source| source.name);
    assert_eq!(shipped.collect::<BTreeSet<_>>(), files);
}

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
fn a_forbid_on_an_unqualified_name_loads_with_a_warning() {
    let text = "@id(\"a\")\nforbid (principal, action in Weir::Action::\"read\",\n  resource == Weir::Relation::\"crm/sales/people\");";
    let policies = Policies::load(&[source("own.cedar", text)]).unwrap();
    let [warning] = policies.warnings() else {
        panic!("{:?}", policies.warnings())
    };
    assert_eq!((warning.severity, warning.line), (Severity::Warning, 3));
}

#[test]
fn a_policy_that_can_never_apply_loads_with_a_warning() {
    let text = format!(
        "{GOOD}@id(\"never\")\nforbid (principal, action == Weir::Action::\"reveal\", resource is Weir::Relation);\n"
    );
    let policies = Policies::load(&[source("own.cedar", &text)]).unwrap();
    let [warning] = policies.warnings() else {
        panic!("{:?}", policies.warnings())
    };
    assert_eq!(
        (warning.severity, &*warning.file),
        (Severity::Warning, "own.cedar")
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

#[test]
fn a_bundle_is_taken_whole_or_not_at_all() {
    let sources = [
        source("a.cedar", GOOD),
        source("b.cedar", "permit"),
        source("masking.toml", "x = 1"),
    ];
    let found = Policies::load(&sources).unwrap_err().to_string();
    assert!(
        found.contains("b.cedar:1:") && found.contains("masking.toml:1:1\n"),
        "{found}"
    );
}

#[test]
fn sources_that_are_neither_are_refused() {
    let with = |name: &str| {
        Policies::load(&[source("a.cedar", GOOD), source(name, "")])
            .unwrap_err()
            .to_string()
    };
    assert!(with("policies.ceder").contains("policies are called *.cedar"));
    assert!(with("Masking.toml").contains("neither"));
    assert!(with("a.cedar").contains("two sources have this name"));
    let empty = Policies::load(&[]).unwrap_err().to_string();
    assert!(empty.starts_with("error: no policies"), "{empty}");
    let masking = [
        source("a.cedar", GOOD),
        source("x/masking.toml", ""),
        source("y/masking.toml", ""),
    ];
    let found = Policies::load(&masking).unwrap_err().to_string();
    assert!(
        found.contains("y/masking.toml:1:1") && found.contains("already given by x/masking.toml"),
        "{found}"
    );
    let long = [source(
        "a.cedar",
        &format!("{GOOD}// {}", "x".repeat(1 << 20)),
    )];
    assert!(
        Policies::load(&long)
            .unwrap_err()
            .to_string()
            .contains("at most 1048576 bytes")
    );
}

#[test]
fn a_class_without_columns_loads_with_a_warning() {
    let sources = [
        source("a.cedar", GOOD),
        source("masking.toml", "[class.email]\nmethod = \"hash\"\n"),
    ];
    let policies = Policies::load(&sources).unwrap();
    assert_eq!(policies.warnings().len(), 1);
    assert!(policies.masking().is_empty());
    assert_eq!(policies.masking().classes().count(), 1);
}

#[test]
fn without_masking_rules_the_shipped_ones_hold() {
    let policies = Policies::load(&[source("a.cedar", GOOD)]).unwrap();
    assert!(
        policies
            .masking()
            .classify("t", "d", Some("public"), "people", "email")
            .is_some()
    );
}

#[test]
fn a_version_names_names_and_texts_in_whatever_order() {
    let version = |sources: &[(&str, &str)]| {
        let sources: Vec<Source> = sources
            .iter()
            .map(|(name, text)| source(name, text))
            .collect();
        Policies::load(&sources).unwrap().version().to_string()
    };
    let other = "@id(\"b\") forbid (principal, action == Weir::Action::\"drop\", resource);";
    let one = version(&[("a.cedar", GOOD), ("b.cedar", other)]);
    assert_eq!(one.len(), 16);
    assert!(one.bytes().all(|b| b.is_ascii_hexdigit()));
    assert_eq!(one, version(&[("b.cedar", other), ("a.cedar", GOOD)]));
    assert_ne!(one, version(&[("a.cedar", GOOD), ("c.cedar", other)]));
    assert_ne!(
        one,
        version(&[("a.cedar", &format!("{GOOD} ")), ("b.cedar", other)])
    );
    assert_ne!(one, version(&[("a.cedar", &format!("{GOOD}{other}"))]));
    let masking = "[class.x]\nmethod = \"null\"\n[[column]]\nclass = \"x\"\ncolumn = \"x\"\n";
    assert_ne!(
        one,
        version(&[
            ("a.cedar", GOOD),
            ("b.cedar", other),
            ("masking.toml", masking)
        ])
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_text_panics_and_every_refusal_has_a_place(
        text in "(permit|forbid|@id|@message|\\(|\\)|\"|principal|action|resource|,|;|when|\\{|\\}|context|\\.|==| |\n|é|\t|[a-z]){0,40}",
        masking in "(\\[class\\.a\\]|\\[\\[column\\]\\]|method|class|column|=|\"|null|\\*|\n| |é|[a-z]|[0-9]){0,40}",
    ) {
        let sources = [source("a.cedar", GOOD), source("b.cedar", &text), source("masking.toml", &masking)];
        if let Err(found) = Policies::load(&sources) {
            prop_assert!(!found.0.is_empty());
            prop_assert!(found.0.iter().all(|d| d.line >= 1 && d.column >= 1 && !d.message.is_empty()));
            prop_assert!(found.to_string().contains('^'));
        }
    }
}
