//! The questions for a database's catalogue, and what their answers say.

use std::collections::HashMap;

use weir_wire::postgres::backend::DataRow;

use super::reader::{oid, text};
use crate::mask::{
    catalogue::{Catalogue, ColumnNumber, Relation, RelationOid},
    rule,
};

/// Longest rule that is read, in bytes.
const LONGEST_RULE: usize = 4 << 20;

/// Columns of every relation; what rules depend on, where 0 stands for code that may read tables, and
/// whether they make a view; the server keeps no account of what they need of its own relations;
/// who inherits; functions that can read tables, or are aggregates of such, and whether they take
/// a row; relations on which a write runs rules, triggers, or functions of checks, indexes and
/// defaults; generated columns; foreign keys that change what references; columns that hold rows;
/// operators, and casts as operators without a symbol.
pub(super) const QUESTIONS: [&str; 9] = [
    // A row a relation: a row a column takes many times as long to send and to take apart.
    // Until release 15 a table may be made a view in its place, as long as it has never had an index or
    // a trigger that nobody has cleared away.
    "SELECT c.oid, n.nspname, c.relname, c.relkind IN ('v', 'm') \
      OR c.relkind = 'r' AND NOT c.relhasindex AND NOT c.relhastriggers AND NOT c.relispartition \
      AND pg_catalog.current_setting('server_version_num')::pg_catalog.int4 < 160000, \
      (SELECT pg_catalog.json_object_agg(a.attnum, a.attname) \
      FROM pg_catalog.pg_attribute a \
      WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) \
     FROM pg_catalog.pg_class c \
     JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
     WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S', 'c')",
    "SELECT r.ev_class, d.refobjid, d.refobjsubid, r.ev_type = '1' \
     FROM pg_catalog.pg_rewrite r \
     JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass \
      AND d.objid = r.oid AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass \
      AND d.refobjid <> r.ev_class \
     WHERE r.ev_class >= 16384 \
     UNION \
     SELECT r.ev_class, m.relation[1]::pg_catalog.oid, 0, r.ev_type = '1' \
     FROM pg_catalog.pg_rewrite r \
     CROSS JOIN LATERAL pg_catalog.regexp_matches(r.ev_action::pg_catalog.text, \
      ':relid ([1-9][0-9]{0,4}) ', 'g') m(relation) \
     WHERE r.ev_class >= 16384 AND m.relation[1]::pg_catalog.int4 < 16384 \
     UNION \
     SELECT r.ev_class, 0, 0, r.ev_type = '1' \
     FROM pg_catalog.pg_rewrite r \
     JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass \
      AND d.objid = r.oid AND d.refclassid IN ('pg_catalog.pg_proc'::pg_catalog.regclass, \
      'pg_catalog.pg_operator'::pg_catalog.regclass) \
     LEFT JOIN pg_catalog.pg_operator o ON o.oid = d.refobjid \
      AND d.refclassid = 'pg_catalog.pg_operator'::pg_catalog.regclass \
     JOIN pg_catalog.pg_proc p ON p.oid = COALESCE(o.oprcode::pg_catalog.oid, d.refobjid) \
     JOIN pg_catalog.pg_language l ON l.oid = p.prolang \
     WHERE p.oid >= 16384 AND (p.prokind = 'a' OR l.lanname NOT IN ('internal', 'c'))",
    "SELECT inhrelid, inhparent FROM pg_catalog.pg_inherits",
    "SELECT p.proname, pg_catalog.bool_or(t.typtype IN ('c', 'p')) \
     FROM pg_catalog.pg_proc p \
     JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace \
     LEFT JOIN pg_catalog.pg_aggregate a ON a.aggfnoid = p.oid \
     CROSS JOIN LATERAL pg_catalog.unnest(ARRAY[p.oid, a.aggtransfn, a.aggfinalfn, \
      a.aggcombinefn, a.aggserialfn, a.aggdeserialfn, a.aggmtransfn, a.aggminvtransfn, \
      a.aggmfinalfn]::pg_catalog.oid[]) f(oid) \
     JOIN pg_catalog.pg_proc q ON q.oid = f.oid \
     JOIN pg_catalog.pg_language l ON l.oid = q.prolang \
     LEFT JOIN pg_catalog.pg_type t ON t.oid = p.proargtypes[0] \
     WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') \
      AND l.lanname NOT IN ('internal', 'c') \
     GROUP BY p.proname",
    "SELECT ev_class FROM pg_catalog.pg_rewrite WHERE ev_type <> '1' AND ev_class >= 16384 \
     UNION \
     SELECT t.tgrelid \
     FROM pg_catalog.pg_trigger t \
     JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid \
     JOIN pg_catalog.pg_language l ON l.oid = p.prolang \
     WHERE NOT t.tgisinternal AND l.lanname NOT IN ('internal', 'c') \
     UNION \
     SELECT k.relation \
     FROM (SELECT 'pg_catalog.pg_constraint'::pg_catalog.regclass, oid, conrelid \
      FROM pg_catalog.pg_constraint WHERE conrelid <> 0 \
      UNION ALL \
      SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, indexrelid, indrelid \
      FROM pg_catalog.pg_index \
      UNION ALL \
      SELECT 'pg_catalog.pg_attrdef'::pg_catalog.regclass, oid, adrelid \
      FROM pg_catalog.pg_attrdef) k(class, oid, relation) \
     JOIN pg_catalog.pg_depend d ON d.classid = k.class AND d.objid = k.oid \
      AND d.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass \
     JOIN pg_catalog.pg_proc p ON p.oid = d.refobjid \
     JOIN pg_catalog.pg_language l ON l.oid = p.prolang \
     WHERE p.oid >= 16384 AND l.lanname NOT IN ('internal', 'c')",
    // Until release 14 the column itself depends on the others, later its default does.
    "SELECT a.attrelid, a.attnum, d.refobjsubid \
     FROM pg_catalog.pg_attribute a \
     JOIN pg_catalog.pg_attrdef f ON f.adrelid = a.attrelid AND f.adnum = a.attnum \
     JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass \
      AND d.refobjid = a.attrelid AND d.refobjsubid NOT IN (0, a.attnum) \
      AND (d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND d.objid = f.oid \
      OR d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = a.attrelid \
      AND d.objsubid = a.attnum) \
     WHERE a.attgenerated <> ''",
    "SELECT confrelid, conrelid FROM pg_catalog.pg_constraint \
     WHERE contype = 'f' AND NOT (confupdtype IN ('a', 'r') AND confdeltype IN ('a', 'r'))",
    "WITH RECURSIVE of(type, part) AS ( \
      SELECT oid, oid FROM pg_catalog.pg_type \
      UNION \
      SELECT of.type, COALESCE(r.rngsubtype, NULLIF(t.typbasetype, 0), t.typelem) \
      FROM of JOIN pg_catalog.pg_type t ON t.oid = of.part \
      LEFT JOIN pg_catalog.pg_range r ON r.rngtypid = t.oid \
      WHERE COALESCE(r.rngsubtype, NULLIF(t.typbasetype, 0), t.typelem) <> 0) \
     SELECT a.attrelid, a.attnum, t.typrelid \
     FROM of \
     JOIN pg_catalog.pg_type t ON t.oid = of.part AND t.typrelid <> 0 \
     JOIN pg_catalog.pg_attribute a ON a.atttypid = of.type \
     WHERE a.attrelid >= 16384 AND a.attnum > 0 AND NOT a.attisdropped",
    "SELECT o.oprname \
     FROM pg_catalog.pg_operator o \
     JOIN pg_catalog.pg_proc p ON p.oid = o.oprcode \
     JOIN pg_catalog.pg_language l ON l.oid = p.prolang \
     WHERE o.oid >= 16384 AND l.lanname NOT IN ('internal', 'c') \
     UNION \
     SELECT '' \
     FROM pg_catalog.pg_cast c \
     JOIN pg_catalog.pg_proc p ON p.oid = c.castfunc \
     JOIN pg_catalog.pg_language l ON l.oid = p.prolang \
     WHERE c.oid >= 16384 AND l.lanname NOT IN ('internal', 'c')",
];

/// The question for the rules of views. What is longer than any is left out.
pub(super) fn rules_of(views: &[RelationOid]) -> String {
    let views: Vec<String> = views.iter().map(|view| view.0.to_string()).collect();
    format!(
        "SELECT ev_class, ev_action FROM pg_catalog.pg_rewrite \
         WHERE ev_type = '1' AND ev_class IN ({}) \
         AND pg_catalog.octet_length(ev_action::pg_catalog.text) <= {LONGEST_RULE}",
        views.join(", ")
    )
}

/// Takes what a rule says.
pub(super) fn trace(catalogue: &mut Catalogue, row: &DataRow) -> Option<()> {
    if let Some(traced) = text(row, 1).and_then(|rule| rule::trace(&rule)) {
        catalogue.traces.insert(oid(row, 0)?, traced);
    }
    Some(())
}

type Answer = fn(&mut Catalogue, &DataRow) -> Option<()>;

pub(super) const ANSWERS: [Answer; 9] = [
    |catalogue, row| {
        let columns = match row.column(4)? {
            Some(columns) => columns_of(&columns)?,
            None => HashMap::new(),
        };
        let relation = Relation {
            schema: text(row, 1)?,
            name: text(row, 2)?,
            is_view: text(row, 3)? == "t",
            columns,
        };
        catalogue.relations.insert(oid(row, 0)?, relation);
        Some(())
    },
    |catalogue, row| {
        let column = Some(number(row, 2)?).filter(|number| number.0 != 0);
        let rules = match text(row, 3)?.as_str() {
            "t" => &mut catalogue.views,
            _ => &mut catalogue.rules,
        };
        rules
            .entry(oid(row, 0)?)
            .or_default()
            .insert((oid(row, 1)?, column));
        Some(())
    },
    |catalogue, row| {
        catalogue.inherits.push((oid(row, 0)?, oid(row, 1)?));
        Some(())
    },
    |catalogue, row| {
        let name = text(row, 0)?;
        if text(row, 1).as_deref() == Some("t") {
            catalogue.row_functions.insert(name.clone());
        }
        catalogue.functions.insert(name);
        Some(())
    },
    |catalogue, row| {
        catalogue.reactive.insert(oid(row, 0)?);
        Some(())
    },
    |catalogue, row| {
        catalogue
            .generated
            .push((oid(row, 0)?, number(row, 1)?, number(row, 2)?));
        Some(())
    },
    |catalogue, row| {
        catalogue.cascades.push((oid(row, 0)?, oid(row, 1)?));
        Some(())
    },
    |catalogue, row| {
        catalogue
            .holds
            .push((oid(row, 0)?, number(row, 1)?, oid(row, 2)?));
        Some(())
    },
    |catalogue, row| {
        let symbol = text(row, 0)?;
        if symbol.is_empty() {
            catalogue.casts = true;
        } else {
            catalogue.operators.insert(symbol);
        }
        Some(())
    },
];

/// Columns as an object of JSON, by their numbers.
fn columns_of(json: &[u8]) -> Option<HashMap<ColumnNumber, String>> {
    let columns: HashMap<i16, String> = serde_json::from_slice(json).ok()?;
    let numbered = columns.into_iter();
    Some(numbered.map(|(n, name)| (ColumnNumber(n), name)).collect())
}

fn number(row: &DataRow, column: usize) -> Option<ColumnNumber> {
    Some(ColumnNumber(text(row, column)?.parse().ok()?))
}
