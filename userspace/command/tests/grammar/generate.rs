//! Statements by chance: queries and writes in each other, in every spelling that names and literals
//! have. The same seed makes the same statements.

/// Makes statements.
pub(crate) struct Generator {
    state: u64,
    out: String,
}

/// Names, each in some spelling that the server folds, unescapes or takes as it stands.
const NAMES: [&str; 16] = [
    "a",
    "People",
    "\"People\"",
    "\"od d\"",
    "\"q\"\"q\"",
    "U&\"d\\0061ta\"",
    "u&\"d!0061t!+000061\" UESCAPE '!'",
    "na\u{ef}ve",
    "\"SELECT\"",
    "_x1",
    "value",
    "name",
    "type",
    "\"a.b\"",
    "x$y",
    "ORDERS",
];
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
const BLANKS: [&str; 4] = ["\n", " -- ' \" $$ ; /*\n", " /* a /* b */ ; ' */ ", "\t"];

impl Generator {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            state: seed,
            out: String::new(),
        }
    }

    /// The next statement.
    pub(crate) fn statement(&mut self) -> String {
        self.out.clear();
        match self.below(12) {
            0 => self.words("EXPLAIN"),
            1 => self.words("EXPLAIN (ANALYZE, COSTS off)"),
            2 => self.words("PREPARE p AS"),
            3 => self.words("EXPLAIN ANALYZE VERBOSE"),
            4 => {
                self.words("DECLARE c CURSOR FOR");
                self.select(3);
                return self.done();
            }
            5 => {
                self.words("COPY (");
                self.select(3);
                self.words(") TO STDOUT");
                return self.done();
            }
            6 => {
                self.words("CREATE TEMP TABLE");
                self.name();
                self.words("AS");
                self.select(3);
                return self.done();
            }
            _ => {}
        }
        self.any(4);
        self.done()
    }

    fn done(&mut self) -> String {
        self.out.push(';');
        std::mem::take(&mut self.out)
    }

    /// SplitMix64.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    fn one_of(&mut self, words: &[&'static str]) {
        let which = usize::try_from(self.next()).unwrap() % words.len();
        self.words(words[which]);
    }

    fn words(&mut self, words: &str) {
        if !self.out.is_empty() {
            let blank = usize::try_from(self.below(40)).unwrap();
            self.out.push_str(BLANKS.get(blank).unwrap_or(&" "));
        }
        // Letters of any case are one keyword.
        if self.once_in(6) && words.chars().all(|c| c.is_ascii_uppercase() || c == ' ') {
            self.out.push_str(&words.to_lowercase());
        } else {
            self.out.push_str(words);
        }
    }

    fn name(&mut self) {
        self.one_of(&NAMES);
    }

    fn relation(&mut self) {
        if self.once_in(4) {
            self.name();
            self.words(".");
        }
        self.name();
    }

    fn column(&mut self) {
        if self.once_in(3) {
            self.name();
            self.words(".");
        }
        self.name();
    }

    fn list(&mut self, most: u64, mut one: impl FnMut(&mut Self)) {
        one(self);
        for _ in 0..self.below(most) {
            self.words(",");
            one(self);
        }
    }

    fn any(&mut self, depth: u64) {
        if self.once_in(3) {
            self.with(depth);
        }
        self.body(depth);
    }

    fn body(&mut self, depth: u64) {
        match self.below(9) {
            0 | 1 => self.insert(depth),
            2 => self.update(depth),
            3 => self.delete(depth),
            4 => self.merge(depth),
            _ => self.query(depth),
        }
    }

    fn with(&mut self, depth: u64) {
        self.words("WITH");
        if self.once_in(3) {
            self.words("RECURSIVE");
        }
        self.list(3, |g| {
            g.name();
            if g.once_in(3) {
                g.words("(");
                g.list(2, Self::name);
                g.words(")");
            }
            g.words("AS");
            if g.once_in(4) {
                g.one_of(&["MATERIALIZED", "NOT MATERIALIZED"]);
            }
            g.words("(");
            if g.once_in(3) {
                g.body(depth.saturating_sub(2));
            } else {
                g.select(depth.saturating_sub(1));
            }
            g.words(")");
        });
    }

    fn select(&mut self, depth: u64) {
        if depth > 1 && self.once_in(4) {
            self.with(depth - 1);
        }
        self.query(depth);
    }

    fn query(&mut self, depth: u64) {
        self.operand(depth);
        for _ in 0..self.below(3) {
            if depth > 0 && self.once_in(2) {
                self.one_of(&["UNION", "UNION ALL", "INTERSECT", "EXCEPT", "EXCEPT ALL"]);
                self.operand(depth - 1);
            }
        }
        if self.once_in(3) {
            self.words("ORDER BY");
            self.list(2, |g| {
                g.expression(depth.min(1));
                if g.once_in(2) {
                    g.one_of(&["ASC", "DESC", "DESC NULLS LAST", "NULLS FIRST"]);
                }
            });
        }
        if self.once_in(4) {
            self.one_of(&[
                "LIMIT 1",
                "LIMIT ALL",
                "LIMIT 10 OFFSET 2",
                "OFFSET 1 ROW",
                "FETCH FIRST 3 ROWS ONLY",
                "OFFSET 1 FETCH NEXT ROW WITH TIES",
            ]);
        }
    }

    fn operand(&mut self, depth: u64) {
        match self.below(8) {
            0 => {
                self.words("VALUES");
                self.list(2, |g| {
                    g.words("(");
                    g.list(2, |g| g.expression(depth.min(1)));
                    g.words(")");
                });
            }
            1 if depth > 0 => {
                self.words("(");
                self.select(depth - 1);
                self.words(")");
            }
            2 => {
                self.words("TABLE");
                self.relation();
            }
            _ => self.simple(depth),
        }
    }

    fn simple(&mut self, depth: u64) {
        self.words("SELECT");
        match self.below(8) {
            0 => self.words("DISTINCT"),
            1 => {
                self.words("DISTINCT ON (");
                self.expression(0);
                self.words(")");
            }
            _ => {}
        }
        self.items(depth);
        if !self.once_in(6) {
            self.words("FROM");
            self.list(2, |g| g.from(depth));
        }
        self.filter(depth);
        if self.once_in(4) {
            self.words("GROUP BY");
            match self.below(4) {
                0 => self.words("GROUPING SETS ((a), ())"),
                1 => self.words("CUBE (a, name)"),
                _ => self.list(2, |g| g.expression(0)),
            }
            if self.once_in(2) {
                self.words("HAVING");
                self.expression(depth.min(1));
            }
        }
        if self.once_in(8) {
            self.words("WINDOW w AS (PARTITION BY a ORDER BY");
            self.column();
            self.words(")");
        }
    }

    fn items(&mut self, depth: u64) {
        self.list(3, |g| match g.below(8) {
            0 => g.words("*"),
            1 => {
                g.name();
                g.words(". *");
            }
            _ => {
                g.expression(depth);
                if g.once_in(2) {
                    g.words("AS");
                    g.name();
                }
            }
        });
    }

    fn filter(&mut self, depth: u64) {
        if !self.once_in(3) {
            self.words("WHERE");
            self.expression(depth.saturating_sub(1));
        }
    }

    fn from(&mut self, depth: u64) {
        self.factor(depth);
        for _ in 0..self.below(3) {
            match self.below(6) {
                0 => {
                    self.words("CROSS JOIN");
                    self.factor(depth.saturating_sub(1));
                }
                1 => {
                    self.words("NATURAL LEFT JOIN");
                    self.factor(depth.saturating_sub(1));
                }
                2 => {
                    self.one_of(&["JOIN", "FULL OUTER JOIN", "INNER JOIN"]);
                    self.factor(depth.saturating_sub(1));
                    self.words("USING (");
                    self.list(2, Self::name);
                    self.words(")");
                }
                3 => {
                    self.one_of(&["JOIN", "LEFT JOIN", "RIGHT OUTER JOIN"]);
                    self.factor(depth.saturating_sub(1));
                    self.words("ON");
                    self.expression(depth.min(1));
                }
                _ => {}
            }
        }
    }

    fn factor(&mut self, depth: u64) {
        match self.below(10) {
            0 if depth > 0 => {
                if self.once_in(3) {
                    self.words("LATERAL");
                }
                self.words("(");
                self.select(depth - 1);
                self.words(")");
                self.alias(true);
            }
            1 => {
                self.one_of(&[
                    "generate_series(1, 3)",
                    "pg_catalog.unnest(ARRAY[1])",
                    "f($$x$$)",
                ]);
                self.alias(true);
            }
            2 => {
                self.words("ONLY");
                self.relation();
                self.alias(false);
            }
            3 => {
                self.words("ROWS FROM (f(1), g(a)) WITH ORDINALITY");
                self.alias(true);
            }
            4 => {
                self.relation();
                self.alias(false);
                self.words("TABLESAMPLE bernoulli (1) REPEATABLE (2)");
            }
            5 if depth > 0 => {
                self.words("(");
                self.factor(depth - 1);
                self.words("CROSS JOIN");
                self.factor(depth - 1);
                self.words(")");
            }
            _ => {
                self.relation();
                self.alias(false);
            }
        }
    }

    fn alias(&mut self, always: bool) {
        if always || self.once_in(2) {
            self.words("AS");
            self.name();
            if self.once_in(4) {
                self.words("(");
                self.list(2, Self::name);
                self.words(")");
            }
        }
    }

    fn insert(&mut self, depth: u64) {
        self.words("INSERT INTO");
        self.relation();
        if self.once_in(4) {
            self.words("AS");
            self.name();
        }
        if self.once_in(2) {
            self.words("(");
            self.list(3, Self::name);
            self.words(")");
        }
        if self.once_in(6) {
            self.words("DEFAULT VALUES");
        } else {
            self.select(depth.saturating_sub(1));
        }
        match self.below(5) {
            0 => self.words("ON CONFLICT DO NOTHING"),
            1 => {
                self.words("ON CONFLICT (");
                self.name();
                self.words(") DO UPDATE SET");
                self.name();
                self.words("= EXCLUDED .");
                self.name();
                self.filter(depth);
            }
            _ => {}
        }
        self.returning(depth);
    }

    fn update(&mut self, depth: u64) {
        self.words("UPDATE");
        self.relation();
        if self.once_in(3) {
            self.words("AS");
            self.name();
        }
        self.words("SET");
        self.list(2, |g| {
            if g.once_in(4) {
                g.words("(");
                g.name();
                g.words(",");
                g.name();
                g.words(") = (");
                if depth > 1 {
                    g.select(depth - 2);
                } else {
                    g.words("1, DEFAULT");
                }
                g.words(")");
            } else {
                g.name();
                g.words("=");
                g.expression(depth.saturating_sub(1));
            }
        });
        if self.once_in(3) {
            self.words("FROM");
            self.list(2, |g| g.from(depth.saturating_sub(1)));
        }
        self.filter(depth);
        self.returning(depth);
    }

    fn delete(&mut self, depth: u64) {
        self.words("DELETE FROM");
        self.relation();
        if self.once_in(3) {
            self.words("AS");
            self.name();
        }
        if self.once_in(3) {
            self.words("USING");
            self.list(2, |g| g.from(depth.saturating_sub(1)));
        }
        self.filter(depth);
        self.returning(depth);
    }

    fn merge(&mut self, depth: u64) {
        self.words("MERGE INTO");
        self.relation();
        self.words("AS");
        self.name();
        self.words("USING");
        self.factor(depth.saturating_sub(1));
        self.words("ON");
        self.expression(depth.min(1));
        self.list_of_whens(depth);
    }

    fn list_of_whens(&mut self, depth: u64) {
        for _ in 0..=self.below(2) {
            match self.below(3) {
                0 => self.words("WHEN MATCHED THEN DELETE"),
                1 => {
                    self.words("WHEN MATCHED AND");
                    self.expression(depth.min(1));
                    self.words("THEN UPDATE SET");
                    self.name();
                    self.words("=");
                    self.expression(depth.min(1));
                }
                _ => self.words("WHEN NOT MATCHED THEN INSERT VALUES (1, DEFAULT)"),
            }
        }
    }

    fn returning(&mut self, depth: u64) {
        if self.once_in(3) {
            self.words("RETURNING");
            self.items(depth.min(1));
        }
    }

    fn expression(&mut self, depth: u64) {
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
                self.one_of(&["IN", "NOT IN", "= ANY", "<> ALL"]);
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
                ]);
            }
            _ => {
                self.words("NOT");
                self.expression(deeper);
            }
        }
    }

    fn between_parentheses(&mut self, inside: impl FnOnce(&mut Self)) {
        self.words("(");
        inside(self);
        self.words(")");
    }
}
