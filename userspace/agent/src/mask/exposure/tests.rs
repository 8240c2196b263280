use weir_command::sql;

use super::*;
use crate::mask::lineage::tests::{lineage, policies};

fn statement(text: &str) -> Statement {
    let mut all = sql::statements(text.as_bytes(), &sql::Limits::default());
    assert_eq!(all.len(), 1, "{text}");
    all.remove(0)
}

fn exposure(text: &str) -> Exposure {
    Exposure::of(&statement(text), &lineage(), &Clear::default())
}

fn escapes(text: &str) -> Option<String> {
    let Statement::Command(command) = statement(text) else {
        panic!("opaque: {text}")
    };
    exposure(text)
        .escapes(&command, policies().version())
        .map(|refusal| refusal.rule)
}

#[test]
fn naming_a_sensitive_column_computes_with_it() {
    for text in [
        "SELECT upper(email) FROM people",
        "SELECT p.* FROM people p",
        "SELECT to_jsonb(p) FROM people p",
        "SELECT people FROM people",
        "SELECT (SELECT email FROM people LIMIT 1)",
        "WITH x AS (SELECT email AS e FROM people) SELECT e || '' FROM x",
        "SELECT string_agg(email, ',') FROM public.people",
        "TABLE people",
        "SELECT max(c) FROM outer_contacts",
        "SELECT leak()",
        "SELECT p.label FROM people p",
        "SELECT max(who) FROM owners",
        // of which nobody knows what it holds
        "SELECT email FROM other.people",
        "SELECT encode(chunk_data, 'escape') FROM pg_toast.pg_toast_16384",
        "UPDATE people SET name = 'x' WHERE id = 1 RETURNING lower(email)",
    ] {
        assert!(exposure(text).computes.is_some(), "{text}");
    }
}

#[test]
fn a_statement_that_names_none_is_harmless() {
    for text in [
        "SELECT count(*) FROM people",
        "SELECT upper(name) FROM people",
        "SELECT 1",
        "SELECT max(name) FROM names",
    ] {
        assert_eq!(exposure(text).computes, None, "{text}");
    }
    assert!(exposure("SELECT count(*) FROM people").touches);
    assert!(!exposure("SELECT 1").touches);
}

#[test]
fn what_may_be_seen_clear_is_no_exposure() {
    let shown = weir_policy::Policies::load(&[
        weir_policy::Source {
            name: "all.cedar".into(),
            text: "@id(\"all\") permit(principal, action, resource);".into(),
        },
        weir_policy::Source {
            name: "masking.toml".into(),
            text: "[class.email]\nmethod = \"redact\"\n[[column]]\nclass = \"email\"\ntable = \"*.people\"\ncolumn = \"email\"\n".into(),
        },
    ])
    .unwrap();
    let subject = weir_policy::Subject {
        id: "unix:a".into(),
        groups: Vec::new(),
        on_behalf_of: None,
    };
    let target = weir_policy::Target {
        name: "db".into(),
        protocol: "postgres".into(),
        database: "app".into(),
    };
    let clear = shown.clear(&subject, &target, &weir_policy::Context::default());
    let of = |text| Exposure::of(&statement(text), &lineage(), &clear);
    assert_eq!(of("SELECT email FROM people"), Exposure::default());
}

#[test]
fn what_no_mask_reaches_is_refused() {
    assert_eq!(
        escapes("COPY people TO STDOUT").as_deref(),
        Some("mask-copy")
    );
    assert_eq!(
        escapes("COPY (SELECT email FROM people) TO STDOUT").as_deref(),
        Some("mask-copy")
    );
    assert_eq!(escapes("COPY people (id, name) TO STDOUT"), None);
    for text in [
        "INSERT INTO notes SELECT email FROM people",
        "CREATE TABLE x AS SELECT * FROM people",
        "SELECT email INTO x FROM people",
        "UPDATE people SET name = email WHERE id = 1",
    ] {
        assert_eq!(escapes(text).as_deref(), Some("mask-derive"), "{text}");
    }
    assert_eq!(escapes("INSERT INTO people (email) VALUES ('a')"), None);
    assert_eq!(escapes("UPDATE people SET email = 'a' WHERE id = 1"), None);
}

#[test]
fn values_are_not_carried_to_where_they_can_be_had_again() {
    for text in [
        "SELECT pg_notify('c', email) FROM people",
        "SELECT pg_catalog.PG_NOTIFY('c', (SELECT max(email) FROM people))",
        "SELECT set_config('application_name', email, false) FROM people",
        "SELECT lo_from_bytea(0, convert_to(email, 'UTF8')) FROM people",
        "SELECT lo_put(1, 0, email::bytea) FROM people",
        "SELECT setval('s', ascii(email)) FROM people",
        "SELECT pg_try_advisory_xact_lock(ascii(email)) FROM people",
        "SELECT lo_create(ascii(email)::oid) FROM people",
        "SELECT lo_lseek64(0, ascii(email), 0) FROM people",
        "SELECT loread(0, ascii(email)) FROM people",
        "SELECT pg_restore_relation_stats('relname', 'mine', 'relpages', ascii(email)) FROM people",
        "SELECT setseed(1.0 / ascii(email)) FROM people",
    ] {
        assert_eq!(escapes(text).as_deref(), Some("mask-derive"), "{text}");
    }
    for text in [
        "SELECT pg_notify('c', name) FROM people",
        "SELECT set_config('application_name', 'me', false)",
        "NOTIFY c, 'email'",
        "SELECT setval('s', 7)",
        "SELECT pg_advisory_lock(7)",
    ] {
        assert_eq!(escapes(text), None, "{text}");
    }
}
