use super::*;
use crate::mask::catalogue::Relation;

fn plpgsql(text: &str) -> Body {
    Body::Plpgsql(text.to_owned())
}

/// Code of these functions, numbered from 1.
fn code(functions: Vec<(&str, Body)>) -> Code {
    let numbered = (1..).map(FunctionOid).zip(functions);
    Code {
        functions: numbered
            .map(|(oid, (name, body))| Function {
                oid,
                name: name.to_owned(),
                body,
            })
            .collect(),
        ..Code::default()
    }
}

fn may(body: Body) -> bool {
    let code = code(vec![("f", body)]);
    Reshaping::of(&code, &Catalogue::default()).may("f")
}

#[test]
fn what_triggers_and_queries_commonly_do_changes_no_shape() {
    for text in [
        "BEGIN NEW.updated_at = now(); RETURN NEW; END",
        "BEGIN\n  INSERT INTO audit.log (op, was) VALUES (TG_OP, to_jsonb(OLD));\n  RETURN NULL;\nEND",
        "BEGIN INSERT INTO \"Odd name\" SELECT * FROM t ON CONFLICT (id) DO UPDATE SET n = 1; END",
        "DECLARE n int; BEGIN SELECT count(*) INTO n FROM t; FOR i IN 1..n LOOP INSERT INTO t DEFAULT \
         VALUES; END LOOP; RETURN n; END",
        "BEGIN MERGE INTO t USING u ON t.id = u.id WHEN MATCHED THEN DO NOTHING; END",
        "BEGIN RAISE NOTICE 'created % at 5min', NEW.id; RETURN dropped.x; END",
        "BEGIN PERFORM pg_notify('jobs', NEW.id::text); PERFORM set_config('app.user', 'x', true); END",
    ] {
        assert!(!may(plpgsql(text)), "{text}");
    }
    for text in [
        "SELECT $1 + 1",
        "INSERT INTO t (a) VALUES ($1) RETURNING id",
        "WITH w AS (INSERT INTO t SELECT 1 RETURNING a) SELECT a FROM w",
    ] {
        assert!(!may(Body::Sql(text.to_owned())), "{text}");
    }
}

#[test]
fn what_may_define_something_or_run_text_may_change_it() {
    for text in [
        "BEGIN CREATE TABLE t (a int); END",
        "begin /* */drop/**/view v; end",
        "BEGIN EXECUTE 'SELECT 1'; END",
        "BEGIN IF x = 1THEN ALTER TABLE t RENAME a TO b; END IF; END",
        "BEGIN x := 1e5;CREATE VIEW v AS SELECT 1; END",
        "BEGIN PERFORM query_to_xml('SELECT 1', true, true, ''); END",
        "BEGIN PERFORM dblink_exec('', ''); END",
        "BEGIN DO $$BEGIN END$$; END",
        "BEGIN DO/*nothing*/'BEGIN END'; END",
        "BEGIN DO --\n nothing$$BEGIN END$$; END",
        "BEGIN PERFORM U&\"\\0066\"(); END",
        "BEGIN IMPORT FOREIGN SCHEMA a FROM SERVER b INTO c; END",
        "BEGIN SELECT 1 AS insert INTO t; END",
        "BEGIN SELECT 1 insert INTO TABLE values; END",
        "BEGIN SELECT 1 AS insert INTO temp overriding FROM u; END",
        "BEGIN SELECT begin insert INTO t FROM u; END",
        "BEGIN REFRESH MATERIALIZED VIEW m; END",
        "BEGIN TRUNCATE t CASCADE; END",
    ] {
        assert!(may(plpgsql(text)), "{text}");
    }
    for text in [
        "SELECT 1 INTO t",
        "SELECT 1INTO t",
        "SELECT 1 AS insert INTO t",
        "EXECUTE p",
    ] {
        assert!(may(Body::Sql(text.to_owned())), "{text}");
    }
    assert!(may(Body::Other));
    assert!(may(plpgsql(&format!(
        "BEGIN PERFORM {}(); END",
        "a".repeat(64)
    ))));
}

#[test]
fn what_calls_such_code_by_whatever_name_is_such_code() {
    for (name, text) in [
        ("bad", "SELECT bad()"),
        ("bad", "SELECT own.\"bad\"()"),
        ("bad", "SELECT 1 FROM t, BAD() x"),
        ("Bad One", "SELECT \"Bad One\"()"),
        ("b$d", "SELECT b$d()"),
        ("Äh", "SELECT \"Äh\"()"),
        ("x\"y", "SELECT \"x\"\"y\"()"),
        ("%", "SELECT 1"),
    ] {
        let functions = vec![
            (name, Body::Other),
            ("f", Body::Sql(text.to_owned())),
            ("g", plpgsql("BEGIN RETURN f(); END")),
            ("clean", plpgsql("BEGIN RETURN 1; END")),
        ];
        let found = Reshaping::of(&code(functions), &Catalogue::default());
        assert!(found.may("f") && found.may("own.g"), "{name}: {text}");
        assert_eq!(found.cannot("clean"), name != "%", "{name}");
    }
}

#[test]
fn statements_are_told_by_what_they_run() {
    let mut catalogue = Catalogue::default();
    let names = ["pgbench_accounts", "pgbench_history", "watched", "calling"];
    for (oid, name) in (1..).map(RelationOid).zip(names) {
        let relation = Relation {
            name: name.to_owned(),
            ..Relation::default()
        };
        catalogue.relations.insert(oid, relation);
    }
    let mut code = code(vec![
        ("bad", Body::Other),
        ("good", plpgsql("BEGIN RETURN 1; END")),
        ("done", plpgsql("BEGIN COMMIT; END")),
    ]);
    code.writes.push((RelationOid(3), FunctionOid(1)));
    code.writes.push((RelationOid(2), FunctionOid(2)));
    code.reads.push((RelationOid(4), FunctionOid(1)));
    code.operators.push(("<%>".into(), FunctionOid(1)));
    catalogue.reshaping = Reshaping::of(&code, &catalogue);
    let policies = crate::mask::lineage::tests::policies();
    let lineage = Lineage::new(&catalogue, policies.masking(), "db", "app");
    let may = |text: &str| {
        let statements = weir_command::sql::statements(text.as_bytes(), &Default::default());
        statements.iter().any(|statement| match statement {
            weir_command::Statement::Command(command) => may_reshape(command, &lineage),
            weir_command::Statement::Opaque(opaque) => panic!("{text}: {opaque:?}"),
        })
    };
    for text in [
        "SELECT abalance FROM pgbench_accounts WHERE aid = $1",
        "UPDATE pgbench_accounts SET abalance = abalance + $1 WHERE aid = $2",
        "INSERT INTO pgbench_history (tid, mtime) VALUES ($1, CURRENT_TIMESTAMP)",
        "SELECT good(1), upper(filler), count(*) FROM watched GROUP BY 2",
        "CALL done()",
        "BEGIN",
        "SET search_path = a",
    ] {
        assert!(!may(text), "{text}");
    }
    for text in [
        "SELECT own.bad()",
        "SELECT 1 <%> 2",
        "SELECT * FROM calling",
        "UPDATE calling SET a = 1",
        "DELETE FROM watched",
        "TRUNCATE pgbench_accounts",
        "ANALYZE",
        "CALL bad()",
        "CALL nobody_knows()",
        "DO 'BEGIN END'",
        "SELECT query_to_xml($1, true, true, '')",
        "EXPLAIN SELECT bad()",
    ] {
        assert!(may(text), "{text}");
    }
}

#[test]
fn relations_that_run_such_code_are_found_and_who_names_them() {
    let mut catalogue = Catalogue::default();
    let names = ["table", "view", "above", "parent", "child", "other", "none"];
    for (oid, name) in (1..).map(RelationOid).zip(names) {
        let relation = Relation {
            name: format!("{name}_of"),
            ..Relation::default()
        };
        catalogue.relations.insert(oid, relation);
    }
    let [table, view, above, parent, child, other, none] = [1, 2, 3, 4, 5, 6, 7].map(RelationOid);
    catalogue.views.insert(above, [(view, None)].into());
    catalogue.inherits.push((child, parent));
    catalogue.cascades.push((other, parent));
    let mut code = code(vec![
        ("bad", Body::Other),
        (
            "writes",
            Body::Sql("INSERT INTO parent_of VALUES (1)".into()),
        ),
        (
            "reads",
            plpgsql("BEGIN RETURN (SELECT 1 FROM above_of); END"),
        ),
        (
            "neither",
            plpgsql("BEGIN RETURN (SELECT 1 FROM none_of); END"),
        ),
        ("signs", plpgsql("BEGIN RETURN 1 <%> 2; END")),
        ("sums", plpgsql("BEGIN RETURN (SELECT total(1)); END")),
    ]);
    let bad = FunctionOid(1);
    code.reads.push((view, bad));
    code.along.push((table, Access::Read, above));
    code.along.push((view, Access::Write, child));
    code.writes.push((child, bad));
    code.operators.push(("<%>".into(), bad));
    code.aggregates
        .push((FunctionOid(100), "total".into(), bad));
    let found = Reshaping::of(&code, &catalogue);
    assert!(found.runs(above, Access::Read) && found.runs(view, Access::Write));
    assert!(found.runs(parent, Access::Write) && !found.runs(parent, Access::Read));
    assert!(found.runs(other, Access::Write) && !found.runs(none, Access::Write));
    assert!(found.runs(table, Access::Read));
    for name in ["writes", "reads", "signs", "sums", "total"] {
        assert!(found.may(name), "{name}");
    }
    assert!(found.cannot("neither"));
    assert!(!found.anywhere);
    code.anywhere.push(bad);
    assert!(Reshaping::of(&code, &catalogue).anywhere);
}
