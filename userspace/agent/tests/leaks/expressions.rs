//! By computing: whatever is made of a sensitive column.

use weir_wire::postgres::backend::tag;

use crate::{
    agent::{field, rows},
    messages::query,
    stand::{Stand, Walk::Extended, Way, say},
};

#[test]
fn what_is_computed_from_it_is_masked() {
    let of = |path, text| Way {
        path,
        walk: Extended(text),
    };
    Stand::new().holds(&[
        of("a cast", "SELECT email::text FROM vault"),
        of("another cast", "SELECT CAST(ssn AS bytea) FROM vault"),
        of("concatenation", "SELECT 'x' || email FROM vault"),
        of("CASE", "SELECT CASE WHEN id = 1 THEN email END FROM vault"),
        of("COALESCE", "SELECT COALESCE(NULL, email) FROM vault"),
        of("NULLIF", "SELECT NULLIF(email::text, '') FROM vault"),
        of("GREATEST", "SELECT GREATEST(email, 'a') FROM vault"),
        of("upper", "SELECT upper(email) FROM vault"),
        of("reverse", "SELECT reverse(ssn) FROM vault"),
        of("left", "SELECT left(email, 9) FROM vault"),
        of(
            "encode",
            "SELECT encode(convert_to(email, 'UTF8'), 'base64') FROM vault",
        ),
        of("hexadecimal", "SELECT encode(api_key, 'hex') FROM vault"),
        of("md5", "SELECT md5(email) FROM vault"),
        of("format", "SELECT format('%s', email) FROM vault"),
        of("concat_ws", "SELECT concat_ws(',', id, email) FROM vault"),
        of(
            "regexp_replace",
            "SELECT regexp_replace(email, '@.*', '') FROM vault",
        ),
        of(
            "regexp_matches",
            "SELECT regexp_matches(email, '^(.*)@') FROM vault",
        ),
        of(
            "string_to_table",
            "SELECT string_to_table(email, '@') FROM vault",
        ),
        of("an array's element", "SELECT phone[1] FROM vault"),
        of("unnest", "SELECT unnest(phone) FROM vault"),
        of("a JSON path", "SELECT password ->> 'is' FROM vault"),
        of("arithmetic", "SELECT account_number + 0 FROM vault"),
        of("row::text", "SELECT v::text FROM vault v"),
        of("a whole row", "SELECT v FROM vault v"),
        of("a whole row by its table", "SELECT vault FROM vault"),
        of("ROW", "SELECT ROW(id, email) FROM vault"),
        of("to_json", "SELECT to_json(v) FROM vault v"),
        of("row_to_json", "SELECT row_to_json(vault) FROM vault"),
        of(
            "jsonb_build_object",
            "SELECT jsonb_build_object('a', email) FROM vault",
        ),
        of(
            "jsonb_each_text",
            "SELECT e.value FROM vault v, jsonb_each_text(to_jsonb(v)) e",
        ),
        of("a row's function", "SELECT v.to_json FROM vault v"),
        of("a row's own function", "SELECT v.of_row FROM vault v"),
        of(
            "xmlelement",
            "SELECT xmlelement(name a, email)::text FROM vault",
        ),
        of("array_agg", "SELECT array_agg(email) FROM vault"),
        of("string_agg", "SELECT string_agg(email, ',') FROM vault"),
        of("json_agg", "SELECT json_agg(v) FROM vault v"),
        of(
            "json_object_agg",
            "SELECT json_object_agg(id, email) FROM vault",
        ),
        of("min", "SELECT min(email) FROM vault"),
        of(
            "max with FILTER",
            "SELECT max(email) FILTER (WHERE id = 1) FROM vault",
        ),
        of(
            "mode",
            "SELECT mode() WITHIN GROUP (ORDER BY ssn) FROM vault WHERE id = 1",
        ),
        of(
            "percentile_disc",
            "SELECT percentile_disc(0) WITHIN GROUP (ORDER BY email) FROM vault",
        ),
        of(
            "an aggregate of one's own",
            "SELECT joined(email) FROM vault",
        ),
        of("GROUP BY", "SELECT lower(email) FROM vault GROUP BY 1"),
        of(
            "XMLTABLE",
            "SELECT x.v FROM vault, XMLTABLE('/r' PASSING xmlelement(name r, email) \
             COLUMNS v text PATH '.') x",
        ),
        of(
            "what XMLTABLE puts for what is missing",
            "SELECT x.v FROM vault, XMLTABLE('/r' PASSING xmlparse(document '<r/>') \
             COLUMNS v text PATH 'q' DEFAULT email) x",
        ),
        of(
            "SEARCH",
            "WITH RECURSIVE r AS (SELECT id, email FROM vault UNION ALL \
             SELECT r.id, r.email FROM r WHERE false) SEARCH DEPTH FIRST BY email SET o \
             SELECT o FROM r",
        ),
        of(
            "CYCLE",
            "WITH RECURSIVE r AS (SELECT id, email FROM vault UNION ALL \
             SELECT r.id, r.email FROM r WHERE false) CYCLE email SET c USING p SELECT p FROM r",
        ),
        of(
            "a row of what is joined",
            "SELECT j FROM vault JOIN vault v USING (email) AS j",
        ),
        of(
            "COLLATE",
            "SELECT upper(email::text COLLATE \"C\") COLLATE \"POSIX\" FROM vault",
        ),
        of(
            "first_value",
            "SELECT first_value(email) OVER (ORDER BY id) FROM vault",
        ),
        of(
            "lag",
            "SELECT lag(email) OVER w FROM vault WINDOW w AS (ORDER BY id)",
        ),
        of(
            "sum over a window",
            "SELECT sum(account_number) OVER (PARTITION BY id) FROM vault",
        ),
    ]);
}

#[test]
fn what_is_computed_behind_a_name_is_masked_or_refused() {
    let of = |path, text| Way {
        path,
        walk: Extended(text),
    };
    Stand::new().holds(&[
        of("a function's result", "SELECT whose(1)"),
        of("a function in FROM", "SELECT * FROM whose(1)"),
        of("a function's rows", "SELECT * FROM whole(1)"),
        of("a field of a function's row", "SELECT (whole(1)).ssn"),
        of("a function in a schema", "SELECT public.whose(1)"),
        of(
            "EXPLAIN of a constant function",
            "EXPLAIN (VERBOSE) SELECT constant()",
        ),
        of(
            "EXPLAIN ANALYZE of one",
            "EXPLAIN (ANALYZE, VERBOSE) SELECT constant()",
        ),
        of("an operator of one's own", "SELECT 1 #> 1"),
        of("OPERATOR()", "SELECT 1 OPERATOR(public.#>) 1"),
        of("a cast of one's own", "SELECT ROW(1)::ticket::text"),
        of(
            "a row's own function as a field",
            "SELECT (v).of_row FROM vault v",
        ),
        of(
            "query_to_xml",
            "SELECT query_to_xml('SELECT email FROM vault', true, true, '')",
        ),
        of(
            "table_to_xml",
            "SELECT table_to_xml('vault', true, true, '')",
        ),
    ]);
}

/// What a part of is shown of a column, or what is equal in it, is nothing that the agent can choose.
#[test]
fn what_is_computed_is_not_shown_in_part_nor_told_by_what_is_equal() {
    let stand = Stand::new();
    let [_, mut governed] = stand.agents();
    for computed in [
        "'xxxxxxxx' || substr(email, 1, 4)",
        "email || ''",
        "translate(card_number::text, '0123456789', '!@#$^&()_+')",
        "CASE WHEN id = 1 THEN 'xxxxxxxx' || substr(v.ssn, 1, 4) END",
    ] {
        let text = format!("SELECT {computed} FROM vault v WHERE id = 1");
        let shown = rows(&say(&mut governed, &[query(&text)]));
        assert_eq!(shown, [[Some("[redacted]".to_owned())]], "{text}");
    }
    for nothing in [
        "substring(ssn FROM '^zz')",
        "password ->> 'no'",
        "NULL || email",
    ] {
        let text = format!("SELECT {nothing} FROM vault WHERE id = 1");
        let shown = rows(&say(&mut governed, &[query(&text)]));
        assert_eq!(shown, [[Some("[redacted]".to_owned())]], "{text}");
    }
}

/// A column's own mask shows what the agent makes of it, if it may.
#[test]
fn what_is_hidden_is_not_computed_anew_from_itself() {
    let stand = Stand::new();
    let [_, mut governed] = stand.agents();
    for value in [
        "left(ssn, 5)",
        "reverse(ssn)",
        "substring(ssn FROM '^kq')",
        "CASE WHEN id = 1 THEN ssn END",
    ] {
        for text in [
            format!("UPDATE vault SET ssn = {value} WHERE id = 1 RETURNING ssn"),
            format!(
                "INSERT INTO vault (id, firm_id, name) VALUES (1, 1, 'x') ON CONFLICT (id) DO UPDATE \
                 SET ssn = {} RETURNING vault.ssn",
                value
                    .replace("ssn", "vault.ssn")
                    .replace(" id ", " vault.id ")
            ),
        ] {
            let heard = say(&mut governed, &[query("BEGIN")]);
            assert_eq!(heard.last().map(|f| f.tag()), Some(tag::READY_FOR_QUERY));
            let heard = say(&mut governed, &[query(&text)]);
            let refused = heard.iter().find(|f| f.tag() == tag::ERROR_RESPONSE);
            let detail = refused.and_then(|error| field(error, b'D'));
            say(&mut governed, &[query("ROLLBACK")]);
            assert!(detail.is_some_and(|d| d.contains("rule ")), "{text}");
        }
    }
    let counted = "UPDATE vault SET account_number = account_number + 1 WHERE id = 2";
    let heard = say(
        &mut governed,
        &[query("BEGIN"), query(counted), query("ROLLBACK")],
    );
    assert!(
        heard.iter().all(|f| f.tag() != tag::ERROR_RESPONSE),
        "a step is let be"
    );
}
