//! By inference: nothing is shown, but the answer tells whether a guess is right.

use weir_wire::postgres::{Frame, backend::tag};

use crate::{
    agent::{Agent, field, rows},
    messages::query,
    stand::{Stand, say},
};

/// Questions with a right guess and with a wrong one; the same where the order of rows tells enough.
const GUESSES: [(&str, &str, &str); 43] = [
    (
        "WHERE",
        "SELECT name FROM vault WHERE email LIKE ?",
        "'kq%' 'zz%'",
    ),
    (
        "WHERE of a function",
        "SELECT name FROM vault WHERE left(ssn, 2) = ?",
        "'kq' 'zz'",
    ),
    (
        "a count",
        "SELECT count(*) FROM vault WHERE account_number > ?",
        "3 7391845620193847",
    ),
    (
        "HAVING",
        "SELECT count(*) FROM vault HAVING max(ssn) LIKE ? OR max(ssn) < 'a'",
        "'tw%' 'zz%'",
    ),
    (
        "a comparison",
        "SELECT name, email LIKE ? FROM vault",
        "'kq%' 'zz%'",
    ),
    (
        "CASE",
        "SELECT CASE WHEN email LIKE ? THEN 1 ELSE 2 END FROM vault",
        "'kq%' 'zz%'",
    ),
    (
        "FILTER",
        "SELECT count(*) FILTER (WHERE email LIKE ?) FROM vault",
        "'kq%' 'zz%'",
    ),
    (
        "a join",
        "SELECT v.id FROM vault v JOIN (VALUES (?)) g (x) ON v.ssn = g.x",
        "'kq7zxv41wm' 'zz'",
    ),
    (
        "USING",
        "SELECT id FROM vault JOIN (VALUES (?)) g (ssn) USING (ssn)",
        "'kq7zxv41wm' 'zz'",
    ),
    (
        "NATURAL JOIN",
        "SELECT id FROM vault NATURAL JOIN (VALUES (?)) g (ssn)",
        "'kq7zxv41wm' 'zz'",
    ),
    (
        "a whole row",
        "SELECT id FROM vault v WHERE v::text LIKE ?",
        "'%kq7%' '%zz9%'",
    ),
    (
        "NULLIF",
        "SELECT id, NULLIF(ssn, ?) IS NULL FROM vault",
        "'kq7zxv41wm' 'zz'",
    ),
    (
        "ORDER BY",
        "SELECT id FROM vault ORDER BY ssn, ?::text",
        "'' ''",
    ),
    (
        "ORDER BY a place",
        "SELECT id, ssn FROM vault ORDER BY (2), ?::text",
        "'' ''",
    ),
    (
        "ORDER BY a place behind a star",
        "SELECT * FROM vault ORDER BY 2, ?::text",
        "'' ''",
    ),
    (
        "ORDER BY a place of a union",
        "SELECT id, ssn FROM vault UNION SELECT 0, ?::text ORDER BY 2",
        "'' ''",
    ),
    (
        "ORDER BY the name of a call",
        "SELECT id, upper(ssn) FROM vault ORDER BY upper, ?::text",
        "'' ''",
    ),
    (
        "DISTINCT ON",
        "SELECT DISTINCT ON (2) id, ssn FROM vault WHERE name <> ?",
        "'' ''",
    ),
    (
        "another name",
        "SELECT id FROM (SELECT id, ssn AS x FROM vault) s WHERE x LIKE ?",
        "'kq%' 'zz%'",
    ),
    (
        "a list of other names",
        "SELECT a FROM vault AS v (a, b, c, d, e) WHERE e LIKE ?",
        "'kq%' 'zz%'",
    ),
    (
        "a name of a table expression",
        "WITH c (a, x) AS (SELECT id, upper(ssn) FROM vault) SELECT a FROM c WHERE x LIKE ?",
        "'KQ%' 'ZZ%'",
    ),
    (
        "another name of a union",
        "SELECT id FROM (SELECT id, name AS x FROM vault UNION ALL SELECT id, ssn FROM vault) s WHERE x LIKE ?",
        "'kq%' 'zz%'",
    ),
    (
        "the order by another name",
        "SELECT id FROM (SELECT id, ssn AS x FROM vault) s ORDER BY x, ?::text",
        "'' ''",
    ),
    (
        "a join by another name",
        "SELECT a.attnum FROM pg_attribute a JOIN (SELECT ascii(substr(ssn, 1, 1)) - ? AS x FROM vault \
         WHERE id = 1) s ON a.attnum = s.x WHERE a.attrelid = 'pg_class'::regclass",
        "96 97",
    ),
    (
        "INTERSECT",
        "SELECT ssn FROM vault WHERE id = 1 INTERSECT SELECT ?",
        "'kq7zxv41wm' 'zz'",
    ),
    (
        "INTERSECT in EXISTS",
        "SELECT a.attnum FROM pg_attribute a WHERE a.attrelid = 'pg_class'::regclass AND EXISTS \
         (SELECT ascii(substr(ssn, 1, 1)) - ? FROM vault WHERE id = 1 INTERSECT SELECT a.attnum)",
        "96 97",
    ),
    (
        "UNION",
        "SELECT count(*) FROM (SELECT ssn FROM vault WHERE id = 1 UNION SELECT ?) s",
        "'kq7zxv41wm' 'zz'",
    ),
    (
        "DISTINCT",
        "SELECT count(*) FROM (SELECT DISTINCT ssn FROM (SELECT ssn FROM vault WHERE id = 1 \
         UNION ALL SELECT ?) u) s",
        "'kq7zxv41wm' 'zz'",
    ),
    (
        "count(DISTINCT)",
        "SELECT id FROM firms LIMIT (SELECT count(DISTINCT ssn) FROM (SELECT ssn FROM vault WHERE id = 1 \
         UNION ALL SELECT ?) u)",
        "'kq7zxv41wm' 'zz'",
    ),
    (
        "GROUP BY",
        "SELECT 1 FROM (SELECT ssn FROM vault WHERE id = 1 UNION ALL SELECT ?) u GROUP BY ssn",
        "'kq7zxv41wm' 'zz'",
    ),
    (
        "the order of groups",
        "SELECT id FROM vault GROUP BY ssn || '', id, ?::text",
        "'' ''",
    ),
    (
        "so many rows",
        "SELECT v.id FROM vault v, LATERAL (SELECT unnest(array_fill(1, ARRAY[ascii(substr(v.ssn, 1, 1)) - ?]))) x",
        "100 101",
    ),
    (
        "a row that is spread",
        "SELECT a FROM (SELECT (p).* FROM vault p) s (a, b, c, d, e) WHERE e LIKE ?",
        "'kq%' 'zz%'",
    ),
    (
        "ORDER BY a place of a row that is spread",
        "SELECT (p).* FROM vault p ORDER BY 5, ?::text",
        "'' ''",
    ),
    (
        "ROWS FROM",
        "SELECT v.id FROM vault v, ROWS FROM (pg_options_to_table('{a=b}'), lower(v.ssn)) AS r (k, o, x) \
         WHERE x LIKE ?",
        "'kq%' 'zz%'",
    ),
    (
        "TABLESAMPLE",
        "SELECT v.id FROM vault v, LATERAL (SELECT 1 FROM pg_class TABLESAMPLE BERNOULLI \
         (100 * position(? in left(v.ssn, 1)))) s",
        "'k' 'z'",
    ),
    (
        "a set of results",
        "SELECT id, jsonb_path_query_tz(to_jsonb(ssn), ?) FROM vault",
        "'$?(@starts_with\"kq\")' '$?(@starts_with\"zz\")'",
    ),
    (
        "a name behind casts",
        "SELECT id, upper(ssn)::text::text FROM vault ORDER BY upper, ?::text",
        "'' ''",
    ),
    (
        "ON CONFLICT",
        "INSERT INTO vault (id, firm_id, name, ssn) VALUES (90, 1, 'x', ?) ON CONFLICT (ssn) DO UPDATE \
         SET name = excluded.name RETURNING id",
        "'kq7zxv41wm' 'zz'",
    ),
    (
        "a view",
        "SELECT id FROM readers WHERE reached_at LIKE ?",
        "'kq%' 'zz%'",
    ),
    (
        "a view of a view",
        "SELECT count(*) FROM shouting WHERE loud LIKE ?",
        "'KQ%' 'ZZ%'",
    ),
    (
        "a composite",
        "SELECT id FROM archive WHERE was::text LIKE ?",
        "'%kq7%' '%zz9%'",
    ),
    (
        "UPDATE",
        "UPDATE vault SET name = 'x' WHERE email LIKE ?",
        "'kq%' 'zz%'",
    ),
];

/// What an agent can tell apart.
fn answer(agent: &mut Agent, text: &str) -> (Vec<Vec<Option<String>>>, Vec<String>) {
    say(agent, &[query("BEGIN")]);
    let heard = say(agent, &[query(text)]);
    say(agent, &[query("ROLLBACK")]);
    let tags = heard.iter().filter(|f| f.tag() == tag::COMMAND_COMPLETE);
    let done = tags.map(|f| String::from_utf8_lossy(&f.body()).into_owned());
    let rule = |error: &Frame| {
        let detail = field(error, b'D').unwrap_or_default();
        let rule = detail.split(',').next().unwrap_or_default().to_owned();
        format!("{:?} {rule}", field(error, b'C'))
    };
    let errors = heard
        .iter()
        .filter(|f| f.tag() == tag::ERROR_RESPONSE)
        .map(rule);
    (rows(&heard), done.chain(errors).collect())
}

#[test]
fn a_right_guess_is_answered_as_a_wrong_one() {
    let stand = Stand::new();
    let [mut free, mut governed] = stand.agents();
    for (way, question, guesses) in GUESSES {
        let (right, wrong) = guesses.split_once(' ').unwrap();
        let guess = |guess: &str| question.replacen('?', &guess.replace('_', " "), 1);
        let [right, wrong] = [right, wrong].map(guess);
        let told = answer(&mut free, &right);
        if right != wrong {
            assert_ne!(
                told,
                answer(&mut free, &wrong),
                "{way}: tells nothing beside weir"
            );
        }
        let kept = answer(&mut governed, &right);
        assert_eq!(kept, answer(&mut governed, &wrong), "{way}");
        println!("{way:<30} {}", kept.1.join(", "));
        assert!(
            kept.1.iter().any(|said| said.contains("rule no-guessing")),
            "{way}: {kept:?}"
        );
    }
}
