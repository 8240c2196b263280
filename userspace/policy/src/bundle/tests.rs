//! What loads, what only warns, and what a bundle is called.

mod refused;

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
        // What detectors find may be of the one, though no column is.
        source(
            "masking.toml",
            "[class.email]\nmethod = \"hash\"\n[class.salary]\nmethod = \"hash\"\n",
        ),
    ];
    let policies = Policies::load(&sources).unwrap();
    assert_eq!(policies.warnings().len(), 1);
    assert!(policies.warnings()[0].to_string().contains("`salary`"));
    assert!(policies.masking().is_empty());
    assert_eq!(policies.masking().classes().count(), 2);
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
    for folder in ["./", "policies/", "/etc/weir/policies/"] {
        let [a, b] = ["a.cedar", "b.cedar"].map(|name| format!("{folder}{name}"));
        assert_eq!(one, version(&[(&a, GOOD), (&b, other)]), "{folder}");
    }
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
