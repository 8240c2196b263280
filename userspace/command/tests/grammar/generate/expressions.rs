//! Expressions.

use super::Generator;

const LITERALS: [&str; 17] = [
    "1",
    "1.5e3",
    ".5",
    "'it''s'",
    "E'a\\'b\\n; --'",
    "$$x'y; DELETE FROM z$$",
    "$t$ /* $$ $t$",
    "U&'\\0061'",
    "B'01'",
    "X'1F'",
    "NULL",
    "true",
    "$1",
    "'; DROP TABLE z; --'",
    "DATE '2026-01-01'",
    "INTERVAL '1 day'",
    "current_date",
];
const OPERATORS: [&str; 19] = [
    "+",
    "-",
    "*",
    "/",
    "%",
    "||",
    "=",
    "<>",
    "<",
    ">=",
    "AND",
    "OR",
    "~",
    "!~*",
    "@>",
    "->>",
    "&&",
    "<->",
    "OPERATOR(pg_catalog.+)",
];
const TYPES: [&str; 7] = [
    "int",
    "text[]",
    "numeric(10, 2)",
    "double precision",
    "timestamp with time zone",
    "\"People\"",
    "character varying(3)",
];

impl Generator {
    pub(super) fn expression(&mut self, depth: u64) {
        if depth == 0 {
            return if self.once_in(2) {
                self.column();
            } else {
                self.one_of(&LITERALS);
            };
        }
        let deeper = depth - 1;
        match self.below(26) {
            0..=3 => self.column(),
            4 | 5 => self.one_of(&LITERALS),
            6..=8 => self.between_parentheses(|g| {
                g.expression(deeper);
                g.one_of(&OPERATORS);
                g.expression(deeper);
            }),
            9 => {
                self.expression(0);
                self.words("::");
                self.one_of(&TYPES);
                if self.once_in(4) {
                    self.words("COLLATE pg_catalog . \"C\"");
                }
            }
            10 => {
                self.words("CAST (");
                self.expression(deeper);
                self.words("AS");
                self.one_of(&TYPES);
                self.words(")");
            }
            11 => {
                self.column();
                self.one_of(&["IN", "NOT IN", "= ANY", "<> ALL", "@@ SOME"]);
                self.between_parentheses(|g| g.select(deeper));
            }
            12 => {
                self.words("EXISTS");
                self.between_parentheses(|g| g.select(deeper));
            }
            13 => self.between_parentheses(|g| g.select(deeper)),
            14 => {
                self.words("CASE WHEN");
                self.expression(deeper);
                self.words("THEN");
                self.expression(deeper);
                self.words("ELSE");
                self.expression(0);
                self.words("END");
            }
            15 => {
                self.one_of(&[
                    "lower",
                    "pg_catalog.upper",
                    "\"Fn\"",
                    "COALESCE",
                    "GREATEST",
                ]);
                self.between_parentheses(|g| g.list(2, |g| g.expression(deeper)));
            }
            16 => {
                self.words("count(*) FILTER (WHERE");
                self.expression(deeper);
                self.words(")");
            }
            17 => {
                self.words("array_agg(DISTINCT");
                self.expression(0);
                self.words("ORDER BY");
                self.expression(0);
                self.words(")");
            }
            18 => {
                self.words("sum(");
                self.expression(0);
                self.words(") OVER (PARTITION BY");
                self.expression(0);
                self.words("ORDER BY");
                self.column();
                self.one_of(&[
                    ")",
                    "RANGE BETWEEN '1'::interval PRECEDING AND '2'::\"People\" FOLLOWING)",
                    "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)",
                    "RANGE UNBOUNDED PRECEDING EXCLUDE TIES)",
                ]);
            }
            19 => {
                self.words("ARRAY");
                self.between_parentheses(|g| g.select(deeper));
            }
            20 => {
                self.words("ROW");
                self.between_parentheses(|g| g.list(3, |g| g.expression(deeper)));
            }
            21 => {
                self.between_parentheses(|g| g.column());
                self.one_of(&["[1]", "[1:2]", ". a"]);
            }
            22 => {
                self.one_of(&["extract(year FROM", "trim(BOTH 'x' FROM", "position('x' IN"]);
                self.expression(0);
                self.words(")");
            }
            23 => {
                self.column();
                self.one_of(&[
                    "LIKE 'a%'",
                    "NOT ILIKE '!%' ESCAPE '!'",
                    "SIMILAR TO '(a|b)'",
                ]);
            }
            24 => {
                self.column();
                self.one_of(&[
                    "IS NULL",
                    "IS NOT TRUE",
                    "IS DISTINCT FROM 1",
                    "BETWEEN SYMMETRIC 1 AND 2",
                    "NOTNULL",
                    "COLLATE \"C\"",
                    "AT TIME ZONE 'UTC'",
                    "AT LOCAL",
                    "IS NOT DOCUMENT",
                ]);
            }
            _ => {
                self.words("NOT");
                self.expression(deeper);
            }
        }
    }
}
