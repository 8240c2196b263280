//! Cases are read with their places, fail where they must, and hold for what ships.

use std::collections::BTreeSet;

use super::Case;
use crate::{Diagnostics, Policies, Source};

fn read(text: &str) -> Result<Vec<Case>, Diagnostics> {
    Case::read(&Source {
        name: "a.toml".into(),
        text: text.into(),
    })
}

fn load(policies: &str) -> Policies {
    let mut sources = Policies::shipped_sources();
    sources.push(Source {
        name: "own.cedar".into(),
        text: policies.into(),
    });
    Policies::load(&sources).unwrap_or_else(|found| panic!("{found}"))
}

fn failures(policies: &Policies, text: &str) -> Vec<String> {
    let cases = read(text).unwrap_or_else(|found| panic!("{found}"));
    let failed = |case| policies.try_case(case).failures;
    cases.iter().flat_map(failed).collect()
}

#[test]
fn the_shipped_cases_hold_and_each_shipped_policy_decides_one() {
    let policies = Policies::shipped().unwrap();
    let mut decided = BTreeSet::new();
    let mut failed = Vec::new();
    for source in Case::shipped_sources() {
        for case in Case::read(&source).unwrap_or_else(|found| panic!("{found}")) {
            let tried = policies.try_case(&case);
            decided.extend(tried.got.policies);
            for failure in tried.failures {
                failed.push(format!(
                    "{}:{}: {}: {failure}",
                    case.file, case.line, case.name
                ));
            }
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    let all: BTreeSet<String> = policies.rules.about.keys().cloned().collect();
    let missing: Vec<_> = all.difference(&decided).collect();
    assert!(missing.is_empty(), "no case is decided by {missing:?}");
}

#[test]
fn a_case_that_does_not_hold_says_what_it_got() {
    let policies = load(
        r#"@id("ask-refunds") @approvers("payments") forbid (
             principal in Weir::Group::"agents", action in Weir::Action::"write", resource
           ) when { resource.name == "refunds" } unless { context.approved };
           @id("support-sees") permit (
             principal in Weir::Group::"support", action == Weir::Action::"reveal",
             resource == Weir::DataClass::"email"
           );"#,
    );
    let refund = "groups = [\"agents\"]\ncommand = \"INSERT INTO refunds (id) VALUES (1)\"\n";
    let holds = |text: &str| assert_eq!(failures(&policies, text), [] as [&str; 0], "{text}");
    holds(&format!(
        "[[case]]\n{refund}expect = \"ask\"\napprovers = [\"payments\"]"
    ));
    holds(
        "[[case]]\ngroups = [\"support\"]\nconnect = true\nexpect = \"allow\"\nclear = [\"email\"]\nmasked = [\"phone\"]",
    );
    for (case, failure) in [
        (
            format!("[[case]]\n{refund}expect = \"allow\""),
            "expected allow, got ask",
        ),
        (
            format!("[[case]]\n{refund}expect = \"ask\"\napprovers = [\"cfo\"]"),
            "expected the approvers cfo, got payments",
        ),
        (
            "[[case]]\ncommand = \"DROP TABLE a\"\nexpect = \"allow\"".into(),
            "expected allow, got deny by no-destroy: DROP and TRUNCATE remove data that nobody can bring back",
        ),
        (
            "[[case]]\ncommand = \"DROP TABLE a\"\nexpect = \"deny\"\nrule = \"no-ddl\"".into(),
            "expected the rule no-ddl, got deny by no-destroy",
        ),
        (
            "[[case]]\ncommand = \"SELECT 1\"\nexpect = \"allow\"\npolicies = [\"allow-write\"]"
                .into(),
            "expected the policies allow-write to decide, got allow-read",
        ),
        (
            "[[case]]\nconnect = true\nexpect = \"allow\"\nclear = [\"email\"]".into(),
            "expected email clear, it is masked",
        ),
        (
            "[[case]]\ngroups = [\"support\"]\nconnect = true\nexpect = \"allow\"\nmasked = [\"email\"]"
                .into(),
            "expected email masked, it is clear",
        ),
        (
            "[[case]]\nconnect = true\nexpect = \"allow\"\nmasked = [\"emial\"]".into(),
            "no data class is called `emial`",
        ),
    ] {
        let failures = failures(&policies, &case);
        assert_eq!(failures.len(), 1, "{case}: {failures:?}");
        assert!(failures[0].starts_with(failure), "{case}: {failures:?}");
    }
}

#[test]
fn a_case_that_makes_no_sense_is_refused_where_it_stands() {
    for (text, line, message) in [
        ("[[case]]\nexpect = \"deny\"", 1, "a case asks one thing"),
        (
            "\n[[case]]\nconnect = true\nlookup = \"a\"\nexpect = \"deny\"",
            2,
            "a case asks one thing",
        ),
        (
            "[[case]]\ncommand = \"SELECT 1\"\nexpect = \"maybe\"",
            3,
            "unknown variant",
        ),
        (
            "[[case]]\ncommand = \"SELECT 1\"\nexpct = \"deny\"",
            3,
            "unknown field",
        ),
        (
            "[[case]]\ncommand = \"SELECT 1\"\nexpect = \"allow\"\nrule = \"a\"",
            4,
            "only what is denied has a rule",
        ),
        (
            "[[case]]\ncommand = \"SELECT 1\"\nexpect = \"deny\"\napprovers = []",
            4,
            "only what is asked has approvers",
        ),
        (
            "[[case]]\ncommand = \"SELECT 1\"\nhour = 24\nexpect = \"deny\"",
            3,
            "an hour is",
        ),
        (
            "[[case]]\ncommand = \"SELECT 1\"\nweekday = \"Monday\"\nexpect = \"deny\"",
            3,
            "a weekday is",
        ),
        (
            "[[case]]\ncommand = \"SELECT 1\"\nuid = 0\nexpect = \"deny\"",
            3,
            "a program has an `exe`",
        ),
        (
            "[[case]]\ncommand = \"SELECT 1\"\ndeclared = true\nexpect = \"deny\"",
            3,
            "this is about a lookup",
        ),
        (
            "[[case]]\ncommand = \"SELECT 1 LIMIT 5\"\nrow_limit = 5\nexpect = \"deny\"",
            3,
            "the text says it",
        ),
        (
            "[[case]]\ncommand = \"DROP TABLE a\"\nestimated_rows = 5\nexpect = \"deny\"",
            3,
            "rows are estimated only of",
        ),
        (
            "[[case]]\nlookup = \"a.b\"\nestimated_rows = 5\nexpect = \"deny\"",
            3,
            "this is about a command",
        ),
        (
            "[[case]]\nlookup = \"Example.org.\"\nexpect = \"deny\"",
            2,
            "lower case",
        ),
    ] {
        let Diagnostics(found) = read(text).unwrap_err();
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        assert_eq!(found[0].line, line, "{text}: {found:?}");
        assert!(found[0].message.contains(message), "{text}: {found:?}");
    }
}
