use proptest::prelude::*;

use super::*;

fn variable(relation: usize, column: i16) -> String {
    format!("{{VAR :varno {relation} :varattno {column} :vartype 25 :varlevelsup 0 :location 7}}")
}

fn entry(number: usize, name: &str, expr: &str) -> String {
    format!(
        "{{TARGETENTRY :expr {expr} :resno {number} :resname {name} :ressortgroupref 0 \
         :resorigtbl 0 :resorigcol 0 :resjunk false}}"
    )
}

fn query(relations: &str, columns: &[String], quals: &str) -> String {
    format!(
        "({{QUERY :commandType 1 :hasDistinctOn false :cteList <> :rtable ({relations}) :jointree \
         {{FROMEXPR :fromlist ({{RANGETBLREF :rtindex 1}}) :quals {quals}}} :targetList ({}) \
         :groupClause <> :havingQual <> :windowClause <> :distinctClause <> :sortClause <> \
         :limitOffset <> :limitCount <> :setOperations <>}})",
        columns.join(" ")
    )
}

const TABLE: &str = "{RTE :alias <> :rtekind 0 :relid 16400 :relkind r}";

fn origin(column: i16) -> Origin {
    (RelationOid(16400), Some(ColumnNumber(column)))
}

#[test]
fn a_column_is_what_it_is_made_of() {
    let constant = "{CONST :consttype 23 :constisnull false :location -1 \
                    :constvalue 4 [ 1 0 0 0 ]}";
    let computed = format!("{{OPEXPR :opno 654 :args ({} {constant})}}", variable(1, 3));
    let columns = [
        entry(1, "id", &variable(1, 1)),
        entry(2, "mail", &computed),
        entry(3, "row", &variable(1, 0)),
        entry(4, "ctid", &variable(1, -1)),
    ];
    let traced = trace(&query(TABLE, &columns, &variable(1, 2))).unwrap();
    let whole = (RelationOid(16400), None);
    let made_of = [vec![origin(1)], vec![origin(3)], vec![whole], vec![]];
    assert_eq!(
        traced.columns,
        made_of.map(|origins| origins.into_iter().collect())
    );
    assert_eq!(traced.deciding, [origin(2)].into());
}

/// Whoever makes a view gives its columns names, and they stand in the same text.
#[test]
fn a_name_is_never_taken_for_what_surrounds_it() {
    for name in [
        ":resjunk",
        ":expr",
        ":resno\\ 7",
        "\\}\\ \\{VAR",
        "[",
        "]",
        "\\\"x\\\"",
        "\\<>",
        "\\(",
    ] {
        let columns = [entry(1, name, &variable(1, 3))];
        let traced = trace(&query(TABLE, &columns, "<>")).unwrap();
        assert_eq!(traced.columns, [[origin(3)].into()], "{name}");
    }
}

#[test]
fn what_is_not_known_is_not_traced() {
    let good = query(TABLE, &[entry(1, "a", &variable(1, 1))], "<>");
    assert!(trace(&good).is_some());
    for (from, to) in [
        (":commandType 1", ":commandType 2"),
        (":rtekind 0", ":rtekind 77"),
        (":rtekind 0", ":rtekind 7"),
        (":varno 1", ":varno 2"),
        (":varno 1", ":varno 0"),
        (":varno 1", ":varno -1"),
        (":varlevelsup 0", ":varlevelsup 1"),
        (":varattno 1", ":varattno 99999"),
        (
            ":setOperations <>",
            ":setOperations {SETOPERATIONSTMT :larg {RANGETBLREF :rtindex 1}}",
        ),
        (" :havingQual <>", ""),
        ("({QUERY", "({OTHER"),
    ] {
        let wrong = good.replacen(from, to, 1);
        assert_ne!(wrong, good);
        assert_eq!(trace(&wrong), None, "{to}");
    }
    let deep = format!("{}{}", "(".repeat(5000), ")".repeat(5000));
    assert_eq!(trace(&deep), None);
    assert_eq!(trace(""), None);
}

proptest! {
    #[test]
    fn no_text_is_too_much(text in "[(){}<>:\\\\ a-zA-Z0-9\\[\\]]{0,200}") {
        drop(trace(&text));
    }

    /// What is left of a rule, or has something in its middle, is followed in whole or not at all.
    #[test]
    fn a_broken_rule_is_not_half_a_rule(cut in 0_usize..700) {
        let good = query(TABLE, &[entry(1, "a", &variable(1, 3))], "<>");
        if let Some(part) = good.get(..cut.min(good.len() - 1)) {
            prop_assert_eq!(trace(part), None);
        }
    }
}
