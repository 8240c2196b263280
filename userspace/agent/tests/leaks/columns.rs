//! By lineage: the value of a column, whatever it is called and whatever it has come through.

use crate::stand::{
    Stand,
    Walk::{Extended, Simple},
    Way,
};

#[test]
fn a_column_stays_masked_whatever_it_is_called() {
    Stand::new().holds(&[
        way("a column", Extended("SELECT email, ssn, phone FROM vault")),
        way("SELECT *", Extended("SELECT * FROM vault")),
        way("TABLE", Extended("TABLE vault")),
        way("a number", Extended("SELECT account_number FROM vault")),
        way("a numeric", Extended("SELECT card_number FROM vault")),
        way("a date", Extended("SELECT dob FROM vault")),
        way("a UUID", Extended("SELECT secret FROM vault")),
        way("bytes", Extended("SELECT api_key FROM vault")),
        way("an array", Extended("SELECT phone FROM vault")),
        way("JSON", Extended("SELECT password FROM vault")),
        way(
            "an alias",
            Extended("SELECT v.email AS name FROM vault AS v"),
        ),
        way(
            "aliases of columns",
            Extended(
                "SELECT d FROM (SELECT * FROM vault) AS v (a, b, c, d, e, f, g, h, i, j, k, l)",
            ),
        ),
        way(
            "a join",
            Extended("SELECT f.id, v.email FROM firms f JOIN vault v ON v.firm_id = f.id"),
        ),
        way(
            "a natural join",
            Simple(&["SELECT * FROM vault NATURAL JOIN logins"]),
        ),
        way(
            "a merged column",
            Simple(&["SELECT email FROM vault FULL JOIN logins USING (email)"]),
        ),
        way(
            "WITH",
            Extended("WITH w AS (SELECT email AS a FROM vault) SELECT a FROM w"),
        ),
        way(
            "WITH RECURSIVE",
            Extended(
                "WITH RECURSIVE w (a, n) AS (SELECT email::text, 1 FROM vault UNION ALL \
                 SELECT a, n + 1 FROM w WHERE n < 2) SELECT a FROM w",
            ),
        ),
        way(
            "a subquery",
            Extended("SELECT s.e FROM (SELECT email AS e FROM vault) s"),
        ),
        way(
            "a scalar subquery",
            Extended("SELECT (SELECT email FROM vault WHERE id = 1)"),
        ),
        way(
            "ARRAY of a subquery",
            Extended("SELECT ARRAY(SELECT email FROM vault)"),
        ),
        way(
            "LATERAL",
            Extended("SELECT l.x FROM vault v, LATERAL (SELECT v.email AS x) l"),
        ),
        way(
            "LATERAL VALUES",
            Extended("SELECT x FROM vault v, LATERAL (VALUES (v.email)) AS l (x)"),
        ),
        way(
            "UNION",
            Extended("SELECT name FROM firms UNION SELECT email FROM vault"),
        ),
        way(
            "UNION ALL",
            Extended("SELECT name FROM vault UNION ALL SELECT email FROM vault"),
        ),
        way(
            "INTERSECT",
            Extended("SELECT email FROM vault INTERSECT SELECT email FROM logins"),
        ),
        way(
            "EXCEPT",
            Extended("SELECT email FROM vault EXCEPT SELECT name FROM firms"),
        ),
        way(
            "VALUES",
            Simple(&["VALUES ((SELECT email FROM vault WHERE id = 1))"]),
        ),
        way(
            "DISTINCT ON",
            Extended("SELECT DISTINCT ON (email) email FROM vault"),
        ),
        way("FOR UPDATE", Extended("SELECT email FROM vault FOR UPDATE")),
        way(
            "ROWS FROM",
            Extended("SELECT * FROM ROWS FROM (whole(1), generate_series(1, 1))"),
        ),
    ]);
}

#[test]
fn a_relation_over_it_hides_as_much() {
    Stand::new().holds(&[
        way("a view", Extended("SELECT reached_at FROM readers")),
        way("a view of a view", Extended("SELECT loud FROM shouting")),
        way("a view with UNION", Extended("SELECT * FROM both_ways")),
        way("a materialised view", Extended("SELECT copy FROM kept")),
        way(
            "a view over a system view",
            Extended("SELECT * FROM samples"),
        ),
        way(
            "a view that chooses by it",
            Extended("SELECT x FROM chosen"),
        ),
        way(
            "a view whose names look like its rule",
            Extended("SELECT \":resjunk\" FROM spelt"),
        ),
        way(
            "what is computed from a view",
            Extended("SELECT lower(loud) || '' FROM shouting"),
        ),
        way(
            "a row of a view",
            Extended("SELECT to_json(r) FROM readers r"),
        ),
        way("a partitioned table", Extended("SELECT email FROM split")),
        way("a partition", Extended("SELECT email FROM split_low")),
        way("a child", Extended("SELECT email FROM mailed")),
        way("a generated column", Extended("SELECT login FROM derived")),
        way(
            "the planner's statistics",
            Extended("SELECT * FROM pg_stats WHERE tablename = 'vault'"),
        ),
        way(
            "a quoted name",
            Simple(&["SELECT \"E-Mail\", \"eMail\" FROM \"Other Place\".\"Odd Table\""]),
        ),
        way(
            "an escaped name",
            Simple(&["SELECT U&\"e\\004dail\" FROM U&\"\\004fther Place\".\"Odd Table\""]),
        ),
        way("mixed case", Simple(&["sElEcT EMAIL fRoM Public.VAULT"])),
        way(
            "another search_path",
            Simple(&[
                "SET LOCAL search_path TO \"Other Place\"",
                "SELECT * FROM \"Odd Table\"",
            ]),
        ),
    ]);
}

#[test]
fn a_value_inside_of_a_row_is_one_too() {
    Stand::new().holds(&[
        way(
            "a field of a composite",
            Extended("SELECT (owner).email FROM cards"),
        ),
        way("a composite", Extended("SELECT owner FROM cards")),
        way(
            "a composite of composites",
            Extended("SELECT wallet FROM cards"),
        ),
        way(
            "a field of a field",
            Extended("SELECT ((wallet).reached).email FROM cards"),
        ),
        way("all fields", Extended("SELECT (owner).* FROM cards")),
        way(
            "an array of composites",
            Extended("SELECT owners FROM cards"),
        ),
        way(
            "an element's field",
            Extended("SELECT owners[1].email FROM cards"),
        ),
        way(
            "unnested composites",
            Extended("SELECT u.email FROM cards, unnest(owners) u"),
        ),
        way("a table's row type", Extended("SELECT was FROM archive")),
        way(
            "a field of a row",
            Extended("SELECT (was).ssn FROM archive"),
        ),
        way(
            "a row by another name",
            Extended("SELECT (was).* FROM archive"),
        ),
    ]);
}

fn way(path: &'static str, walk: crate::stand::Walk) -> Way {
    Way { path, walk }
}
