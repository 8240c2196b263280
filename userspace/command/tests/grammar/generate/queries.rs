//! Queries: what they select, from what, and in what order.

use super::Generator;

impl Generator {
    pub(super) fn body(&mut self, depth: u64) {
        match self.below(9) {
            0 | 1 => self.insert(depth),
            2 => self.update(depth),
            3 => self.delete(depth),
            4 => self.merge(depth),
            _ => self.query(depth),
        }
    }

    pub(super) fn with(&mut self, depth: u64) {
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
            if g.once_in(8) {
                g.words("SEARCH BREADTH FIRST BY");
                g.list(2, Self::name);
                g.words("SET");
                g.name();
            }
            if g.once_in(8) {
                g.words("CYCLE");
                g.list(2, Self::name);
                g.words("SET");
                g.name();
                g.one_of(&["TO 1 DEFAULT 2 USING", "USING"]);
                g.name();
            }
        });
    }

    pub(super) fn select(&mut self, depth: u64) {
        if depth > 1 && self.once_in(4) {
            self.with(depth - 1);
        }
        self.query(depth);
    }

    pub(super) fn query(&mut self, depth: u64) {
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

    pub(super) fn operand(&mut self, depth: u64) {
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

    pub(super) fn simple(&mut self, depth: u64) {
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

    pub(super) fn items(&mut self, depth: u64) {
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

    pub(super) fn filter(&mut self, depth: u64) {
        if !self.once_in(3) {
            self.words("WHERE");
            self.expression(depth.saturating_sub(1));
        }
    }

    pub(super) fn from(&mut self, depth: u64) {
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
                    if self.once_in(3) {
                        self.words("AS");
                        self.name();
                    }
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

    pub(super) fn factor(&mut self, depth: u64) {
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
                    "JSON_TABLE('[]', '$' COLUMNS (a int PATH '$.a' DEFAULT 1 ON EMPTY))",
                    "XMLTABLE('/r' PASSING '<r/>' COLUMNS a int PATH '@a' NOT NULL)",
                    "pg_catalog.unnest(ARRAY[1])",
                    "f($$x$$)",
                ]);
                self.alias(true);
            }
            5 if self.once_in(2) => {
                self.words("json_to_recordset('[]') AS (a int, \"b c\" text[])");
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

    pub(super) fn alias(&mut self, always: bool) {
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
}
