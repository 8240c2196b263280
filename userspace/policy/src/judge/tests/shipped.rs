//! What ships, policy by policy: a statement on which it decides, and a near miss on which it
//! does not.

use std::collections::BTreeSet;

use weir_command::{Control, Effect, OpaqueReason, Predicate, Statement, Verb};

use super::support::{alice, judge, judge_under, make, opaque, outcome, permit, refusal, set};
use crate::{Policies, Verdict};

fn shipped() -> Policies {
    Policies::shipped().unwrap_or_else(|found| panic!("{found}"))
}

/// What happens, the statement in SQL's words, and as weir reads it.
#[rustfmt::skip] // one row a statement
fn cases() -> Vec<(&'static str, &'static str, Statement)> {
    let select = || make(Verb::Select).reads("public.people");
    let delete = || make(Verb::Delete).writes("people");
    vec![
        // allow-connect, allow-session
        ("allow", "(startup)", make(Verb::Connect).done()),
        ("allow", "", make(Verb::Empty).done()),
        ("allow", "BEGIN", make(Verb::Transaction).done()),
        ("allow", "SHOW server_version", make(Verb::Show).done()),
        ("allow", "PREPARE p AS SELECT … FROM people", make(Verb::Prepare).reads("people").done()),
        ("allow", "EXECUTE p", make(Verb::Execute).done()),
        ("allow", "DEALLOCATE ALL", make(Verb::Deallocate).done()),
        ("allow", "DECLARE c CURSOR FOR SELECT …", make(Verb::Declare).reads("people").done()),
        ("allow", "FETCH 10 FROM c", make(Verb::Fetch).done()),
        ("allow", "CLOSE c", make(Verb::Close).done()),
        ("allow", "LISTEN jobs", make(Verb::Notify).done()),
        // allow-read
        ("allow", "SELECT 1", make(Verb::Select).done()),
        ("allow", "SELECT * FROM public.people", select().all_columns().done()),
        ("allow", "SELECT email FROM people", select().columns(&["email"]).done()),
        ("allow", "SELECT … FROM pg_catalog.pg_class",
            make(Verb::Select).reads("pg_catalog.pg_class").done()),
        ("allow", "SELECT … FROM information_schema.tables",
            make(Verb::Select).reads("information_schema.tables").done()),
        ("allow", "EXPLAIN SELECT … FROM people", make(Verb::Explain).reads("people").done()),
        ("allow", "COPY people TO STDOUT",
            make(Verb::CopyOut).reads("people").all_columns().done()),
        // allow-write
        ("allow", "INSERT INTO orders VALUES (…)", make(Verb::Insert).writes("orders").done()),
        ("allow", "COPY orders FROM STDIN",
            make(Verb::CopyIn).writes("orders").all_columns().done()),
        ("allow", "MERGE INTO orders USING new …",
            make(Verb::Merge).writes("orders").reads("new").done()),
        ("allow", "LOCK TABLE orders", make(Verb::Lock).reads("orders").done()),
        // no-opaque
        ("no-opaque", "(a text that is no SQL)", opaque(OpaqueReason::Syntax)),
        ("no-opaque", "(a text that is too long)", opaque(OpaqueReason::TooLarge)),
        // no-dynamic-code
        ("no-dynamic-code", "SELECT query_to_xml(…)", select().effect(Effect::DynamicCode).done()),
        ("allow", "SELECT lower(name) FROM people", select().calls("lower").done()),
        // no-routine-calls
        ("no-routine-calls", "CALL settle()", make(Verb::Call).done()),
        ("no-routine-calls", "DO $$…$$", make(Verb::Do).done()),
        ("no-destroy", "DROP_REPLICATION_SLOT s",
            make(Verb::Replicate).effect(Effect::Destroy).done()),
        ("no-routine-calls", "(fast-path call)", make(Verb::FunctionCall).done()),
        // no-destroy
        ("no-destroy", "DROP DATABASE sales",
            make(Verb::Drop).defines("sales").effect(Effect::Destroy).effect(Effect::Ddl).done()),
        ("no-destroy", "DROP TABLE people", make(Verb::Drop).defines("public.people").done()),
        ("no-destroy", "TRUNCATE people", make(Verb::Truncate).writes("people").done()),
        ("no-destroy", "SELECT … (with the effect)", select().effect(Effect::Destroy).done()),
        // no-bulk-write
        ("no-bulk-write", "DELETE FROM people", delete().predicate(Predicate::Absent).done()),
        ("no-bulk-write", "DELETE FROM people WHERE true",
            delete().predicate(Predicate::Trivial).done()),
        ("no-bulk-write", "UPDATE people SET …",
            make(Verb::Update).writes("people").predicate(Predicate::Absent).done()),
        ("no-bulk-write", "PREPARE p AS DELETE FROM people",
            make(Verb::Prepare).writes("people").predicate(Predicate::Absent).done()),
        ("allow", "DELETE FROM people WHERE id = 1", delete().predicate(Predicate::Present).done()),
        ("allow", "PREPARE p AS DELETE … WHERE id = $1",
            make(Verb::Prepare).writes("people").predicate(Predicate::Present).done()),
        // no-privilege-change
        ("no-privilege-change", "GRANT SELECT ON people TO bob",
            make(Verb::Grant).defines("people").done()),
        ("no-privilege-change", "REVOKE …", make(Verb::Revoke).defines("people").done()),
        ("no-privilege-change", "CREATE ROLE bob", make(Verb::Role).defines("bob").done()),
        ("no-privilege-change", "SET ROLE postgres", make(Verb::Assume).done()),
        ("no-privilege-change", "ALTER SYSTEM SET …", make(Verb::System).done()),
        ("no-privilege-change", "ALTER TABLE people OWNER TO bob",
            make(Verb::Alter).defines("people").effect(Effect::Privilege).effect(Effect::Ddl)
                .done()),
        // no-server-files, no-programs, no-network, no-other-sessions; `allow` is COPY … TO STDOUT
        ("no-server-files", "COPY people TO '/tmp/x'",
            make(Verb::CopyOut).reads("people").effect(Effect::File).done()),
        ("no-programs", "COPY people TO PROGRAM 'curl …'",
            make(Verb::CopyOut).reads("people").effect(Effect::Program).done()),
        ("no-network", "SELECT dblink(…)", make(Verb::Select).effect(Effect::Network).done()),
        ("no-other-sessions", "SELECT pg_terminate_backend(1)",
            make(Verb::Select).effect(Effect::Session).done()),
        // no-laundering
        ("no-laundering", "INSERT INTO copy SELECT email FROM people",
            make(Verb::Insert).writes("copy").reads("people").columns(&["email"])
                .effect(Effect::Derives).done()),
        ("no-laundering", "UPDATE people SET note = card_number WHERE id = 1",
            make(Verb::Update).writes("people").columns(&["note", "card_number", "id"])
                .predicate(Predicate::Present).effect(Effect::Derives).done()),
        ("no-laundering", "INSERT INTO copy SELECT * FROM people",
            make(Verb::Insert).writes("copy").reads("people").all_columns()
                .effect(Effect::Derives).done()),
        ("no-laundering", "PREPARE p AS INSERT INTO copy SELECT email …",
            make(Verb::Prepare).writes("copy").reads("people").columns(&["email"])
                .effect(Effect::Derives).done()),
        ("allow", "INSERT INTO copy SELECT id, total FROM orders",
            make(Verb::Insert).writes("copy").reads("orders").columns(&["id", "total"])
                .effect(Effect::Derives).done()),
        ("allow", "INSERT INTO people (email) VALUES (…)",
            make(Verb::Insert).writes("people").columns(&["email"]).done()),
        // no-guessing
        ("no-guessing", "SELECT name FROM people WHERE email LIKE 'a%'",
            select().columns(&["name"]).decides("email").done()),
        ("no-guessing", "UPDATE people SET note = '' WHERE card_number < '5'",
            make(Verb::Update).writes("people").columns(&["note"]).decides("card_number")
                .predicate(Predicate::Present).done()),
        ("allow", "SELECT email FROM people WHERE id = 1",
            select().columns(&["email"]).decides("id").done()),
        // no-guessing-of-rows
        ("no-guessing-of-rows", "SELECT name FROM people p WHERE p::text LIKE '%a%'",
            select().columns(&["name"]).decides_by_rows().done()),
        // no-catalogue-leaks
        ("no-catalogue-leaks", "SELECT query FROM pg_stat_get_activity(null)",
            make(Verb::Select).calls("pg_catalog.pg_stat_get_activity").done()),
        ("allow", "SELECT … FROM pg_stat_get_numscans(…)",
            make(Verb::Select).calls("pg_stat_get_numscans").done()),
        // no-unsafe-setting
        ("no-unsafe-setting", "SET row_security = off", set("row_security", Some("off"))),
        ("no-unsafe-setting", "SET app.user = 'root'", set("app.user", Some("root"))),
        ("no-unsafe-setting", "RESET session_authorization", set("session_authorization", None)),
        ("no-unsafe-setting", "SELECT set_config('role', …)",
            make(Verb::Select).calls("set_config").effect(Effect::Setting)
                .control(Control::Set { name: "role".into(), value: Some("postgres".into()), }).done()),
        ("allow", "SET timezone = 'UTC'", set("timezone", Some("UTC"))),
        // by which the order of an index could be had
        ("no-unsafe-setting", "SET enable_seqscan = off", set("enable_seqscan", Some("off"))),
        ("allow", "RESET ALL", make(Verb::Set).effect(Effect::Setting).done()),
        // no-lexing-change: which change that is, the parser says
        ("no-lexing-change", "SET standard_conforming_strings = off",
            opaque(OpaqueReason::ChangesLexing)),
        ("allow", "SET standard_conforming_strings = on",
            set("standard_conforming_strings", Some("on"))),
        ("allow", "SET NAMES 'UTF8'", set("client_encoding", Some("UTF8"))),
        // no-hidden-setting
        ("no-hidden-setting", "SELECT set_config($1, $2, false)",
            make(Verb::Select).calls("set_config").effect(Effect::Setting).done()),
        ("allow", "DISCARD ALL",
            make(Verb::Set).effect(Effect::Setting).control(Control::Discard).done()),
        // no-ddl
        ("no-ddl", "CREATE TABLE t (…)",
            make(Verb::Create).defines("t").effect(Effect::Ddl).done()),
        ("no-ddl", "ALTER TABLE people ADD …", make(Verb::Alter).defines("people").done()),
        ("no-ddl", "COMMENT ON TABLE people IS …", make(Verb::Comment).defines("people").done()),
        ("no-ddl", "SELECT … INTO t FROM orders",
            make(Verb::Select).reads("orders").defines("t").done()),
        ("no-ddl", "SELECT … (with the effect)", select().effect(Effect::Ddl).done()),
        // no-maintenance
        ("no-maintenance", "VACUUM FULL people", make(Verb::Maintain).defines("people").done()),
    ]
}

#[test]
fn each_statement_ends_as_the_table_says() {
    let policies = shipped();
    for (expected, sql, statement) in cases() {
        let verdict = judge(&policies, &statement);
        assert_eq!(outcome(&verdict), expected, "{sql}: {verdict:?}");
        if let Verdict::Deny(refusal) = verdict {
            assert!(refusal.message.len() > 10, "{sql}: {}", refusal.message);
        }
    }
}

#[test]
fn each_policy_decides_some_statement_of_the_table_and_says_why() {
    let policies = shipped();
    let mut decided = BTreeSet::new();
    for (_, _, statement) in cases() {
        match judge(&policies, &statement) {
            Verdict::Allow(permit) => decided.extend(permit.deciding().to_vec()),
            Verdict::Deny(refusal) => decided.extend([refusal.rule]),
            Verdict::Ask(ask) => panic!("{ask:?}"),
        }
    }
    let read = make(Verb::Select).reads("people").done();
    for signal in ["repeated-refusals", "bulk-rows"] {
        match judge_under(&policies, &alice(), &read, &[signal]) {
            Verdict::Allow(permit) => panic!("{permit:?}"),
            Verdict::Deny(refusal) => decided.extend([refusal.rule]),
            Verdict::Ask(ask) => decided.extend(ask.deciding().to_vec()),
        }
    }
    let statements = policies.rules.commands.policies();
    let all: BTreeSet<String> = statements.map(|policy| policy.id().to_string()).collect();
    assert_eq!(decided, all);
    assert!(
        policies
            .rules
            .about
            .values()
            .all(|rule| rule.message.is_some())
    );
}

#[test]
fn nobody_sees_a_class_clear_by_default() {
    let policies = shipped();
    let permit = permit(judge(&policies, &make(Verb::Select).reads("people").done()));
    assert_eq!(permit.deciding(), ["allow-read"]);
    assert_eq!(permit.version(), policies.version());
    assert!(policies.masking().classes().count() > 5);
    assert!(
        policies
            .masking()
            .classes()
            .all(|class| !permit.clear().shows(class))
    );
}

#[test]
fn every_deciding_forbid_is_named_the_first_in_order_as_the_rule() {
    let drop = make(Verb::Drop)
        .defines("people")
        .effect(Effect::Privilege)
        .done();
    let refusal = refusal(judge(&shipped(), &drop));
    assert_eq!(refusal.rule, "no-destroy");
    assert_eq!(
        refusal.deciding,
        ["no-destroy", "no-privilege-change", "no-ddl"]
    );
}
