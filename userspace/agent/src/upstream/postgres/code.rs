//! The questions for the code of a database's users, and what runs it.

use weir_command::Access;
use weir_wire::postgres::backend::DataRow;

use super::reader::{oid, text};
use crate::mask::code::{Body, Code, Function, FunctionOid};

/// Longest body that is judged by its words, in bytes, with the defaults of its parameters.
const LONGEST: usize = 128 << 10;

type Answer = fn(&mut Code, &DataRow) -> Option<()>;

/// Functions, in words where those can tell; aggregates; what calls functions beside relations, by
/// themselves or as operators; what is gone through beside relations; operators; casts, the order of
/// values, and what types check and begin with.
///
/// A policy for rows is called by whoever reads. So may be what indexes, checks, statistics and partitions
/// compute: a planner carries out what it takes for constant.
///
/// The server keeps no account of what is its own, so that an id decides what is a user's.
pub(super) const QUESTIONS: [(&str, Answer); 6] = [
    (
        "SELECT p.oid, p.proname, l.lanname, p.prosrc = '', \
          CASE WHEN pg_catalog.octet_length(t.body) < 131072 THEN t.body END \
         FROM pg_catalog.pg_proc p \
         JOIN pg_catalog.pg_language l ON l.oid = p.prolang \
         CROSS JOIN LATERAL (SELECT CASE \
          WHEN p.prokind = 'a' OR l.lanname NOT IN ('sql', 'plpgsql') THEN NULL \
          WHEN p.prosrc = '' THEN pg_catalog.pg_get_functiondef(p.oid) \
          ELSE p.prosrc || pg_catalog.chr(10) || pg_catalog.pg_get_function_arguments(p.oid) END) t(body) \
         WHERE p.oid >= 16384 AND p.prokind <> 'a' AND l.lanname NOT IN ('internal', 'c')",
        |code, row| {
            code.functions.push(Function {
                oid: function(row, 0)?,
                name: text(row, 1)?,
                body: body(row)?,
            });
            Some(())
        },
    ),
    (
        "SELECT p.oid, p.proname, f.oid \
         FROM pg_catalog.pg_aggregate a \
         JOIN pg_catalog.pg_proc p ON p.oid = a.aggfnoid \
         CROSS JOIN LATERAL pg_catalog.unnest(ARRAY[a.aggtransfn, a.aggfinalfn, a.aggcombinefn, \
          a.aggserialfn, a.aggdeserialfn, a.aggmtransfn, a.aggminvtransfn, a.aggmfinalfn]\
          ::pg_catalog.oid[]) f(oid) \
         WHERE p.oid >= 16384 AND f.oid >= 16384",
        |code, row| {
            let aggregate = (function(row, 0)?, text(row, 1)?, function(row, 2)?);
            code.aggregates.push(aggregate);
            Some(())
        },
    ),
    (
        "SELECT k.relation, k.reads, COALESCE(o.oprcode::pg_catalog.oid, d.refobjid) \
         FROM (SELECT 'pg_catalog.pg_rewrite'::pg_catalog.regclass, oid, ev_class, ev_type = '1' \
          FROM pg_catalog.pg_rewrite WHERE ev_class >= 16384 \
          UNION ALL \
          SELECT 'pg_catalog.pg_policy'::pg_catalog.regclass, oid, polrelid, true \
          FROM pg_catalog.pg_policy \
          UNION ALL \
          SELECT 'pg_catalog.pg_constraint'::pg_catalog.regclass, oid, conrelid, true \
          FROM pg_catalog.pg_constraint WHERE conrelid <> 0 \
          UNION ALL \
          SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, indexrelid, indrelid, true \
          FROM pg_catalog.pg_index \
          UNION ALL \
          SELECT 'pg_catalog.pg_statistic_ext'::pg_catalog.regclass, oid, stxrelid, true \
          FROM pg_catalog.pg_statistic_ext \
          UNION ALL \
          SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, partrelid, partrelid, true \
          FROM pg_catalog.pg_partitioned_table \
          UNION ALL \
          SELECT 'pg_catalog.pg_attrdef'::pg_catalog.regclass, oid, adrelid, false \
          FROM pg_catalog.pg_attrdef) k(class, oid, relation, reads) \
         JOIN pg_catalog.pg_depend d ON d.classid = k.class AND d.objid = k.oid \
          AND d.refclassid IN ('pg_catalog.pg_proc'::pg_catalog.regclass, \
          'pg_catalog.pg_operator'::pg_catalog.regclass) AND d.refobjid >= 16384 \
         LEFT JOIN pg_catalog.pg_operator o ON o.oid = d.refobjid \
          AND d.refclassid = 'pg_catalog.pg_operator'::pg_catalog.regclass \
         UNION \
         SELECT tgrelid, false, tgfoid FROM pg_catalog.pg_trigger \
         WHERE NOT tgisinternal AND tgfoid >= 16384",
        |code, row| {
            let calls = (oid(row, 0)?, function(row, 2)?);
            match text(row, 1)?.as_str() {
                "t" => code.reads.push(calls),
                _ => code.writes.push(calls),
            }
            Some(())
        },
    ),
    (
        // Foreign keys are looked up in both directions.
        "SELECT p.polrelid, true, d.refobjid \
         FROM pg_catalog.pg_policy p \
         JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_policy'::pg_catalog.regclass \
          AND d.objid = p.oid AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass \
          AND d.refobjid <> p.polrelid \
         UNION \
         SELECT inhparent, true, inhrelid FROM pg_catalog.pg_inherits \
         UNION \
         SELECT conrelid, false, confrelid FROM pg_catalog.pg_constraint WHERE contype = 'f' \
         UNION \
         SELECT confrelid, false, conrelid FROM pg_catalog.pg_constraint WHERE contype = 'f'",
        |code, row| {
            let access = match text(row, 1)?.as_str() {
                "t" => Access::Read,
                _ => Access::Write,
            };
            code.along.push((oid(row, 0)?, access, oid(row, 2)?));
            Some(())
        },
    ),
    (
        "SELECT oprname, oprcode::pg_catalog.oid FROM pg_catalog.pg_operator \
         WHERE oid >= 16384 AND oprcode::pg_catalog.oid >= 16384",
        |code, row| {
            code.operators.push((text(row, 0)?, function(row, 1)?));
            Some(())
        },
    ),
    (
        "SELECT castfunc FROM pg_catalog.pg_cast WHERE castfunc >= 16384 \
         UNION \
         SELECT amproc::pg_catalog.oid FROM pg_catalog.pg_amproc \
         WHERE amproc::pg_catalog.oid >= 16384 \
         UNION \
         SELECT f.oid FROM pg_catalog.pg_range CROSS JOIN LATERAL \
          (VALUES (rngcanonical::pg_catalog.oid), (rngsubdiff::pg_catalog.oid)) f(oid) \
         WHERE f.oid >= 16384 \
         UNION \
         SELECT COALESCE(o.oprcode::pg_catalog.oid, d.refobjid) \
         FROM (SELECT 'pg_catalog.pg_constraint'::pg_catalog.regclass, oid \
          FROM pg_catalog.pg_constraint WHERE contypid <> 0 \
          UNION ALL \
          SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, oid \
          FROM pg_catalog.pg_type WHERE typtype = 'd' AND typdefaultbin IS NOT NULL) k(class, oid) \
         JOIN pg_catalog.pg_depend d ON d.classid = k.class AND d.objid = k.oid \
          AND d.refclassid IN ('pg_catalog.pg_proc'::pg_catalog.regclass, \
          'pg_catalog.pg_operator'::pg_catalog.regclass) AND d.refobjid >= 16384 \
         LEFT JOIN pg_catalog.pg_operator o ON o.oid = d.refobjid \
          AND d.refclassid = 'pg_catalog.pg_operator'::pg_catalog.regclass",
        |code, row| {
            code.anywhere.push(function(row, 0)?);
            Some(())
        },
    ),
];

fn function(row: &DataRow, column: usize) -> Option<FunctionOid> {
    Some(FunctionOid(oid(row, column)?.0))
}

fn body(row: &DataRow) -> Option<Body> {
    let Some(body) = text(row, 4).filter(|body| body.len() < LONGEST) else {
        return Some(Body::Other);
    };
    let is_tree = text(row, 3)? == "t";
    Some(match text(row, 2)?.as_str() {
        "plpgsql" if !is_tree => Body::Plpgsql(body),
        "sql" if !is_tree => Body::Sql(body),
        "sql" => tree(&body).map_or(Body::Other, |tree| Body::Tree(tree.to_owned())),
        _ => Body::Other,
    })
}

/// A definition as the server writes it down, without the words that make it one.
fn tree(definition: &str) -> Option<&str> {
    let mut kinds = ["FUNCTION ", "PROCEDURE "].into_iter();
    let named = definition.strip_prefix("CREATE OR REPLACE ")?;
    kinds.find_map(|kind| named.strip_prefix(kind))
}
