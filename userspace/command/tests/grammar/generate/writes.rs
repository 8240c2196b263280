//! Changes of rows.

use super::Generator;

impl Generator {
    pub(super) fn insert(&mut self, depth: u64) {
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
        match self.below(6) {
            0 => self.words("ON CONFLICT DO NOTHING"),
            5 => {
                self.words("ON CONFLICT ( lower (");
                self.name();
                self.words(") COLLATE \"C\" text_ops , (");
                self.expression(1);
                self.words(") )");
                self.filter(1);
                self.words("DO NOTHING");
            }
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

    pub(super) fn update(&mut self, depth: u64) {
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

    pub(super) fn delete(&mut self, depth: u64) {
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

    pub(super) fn merge(&mut self, depth: u64) {
        self.words("MERGE INTO");
        self.relation();
        self.words("AS");
        self.name();
        self.words("USING");
        self.from(depth.saturating_sub(1));
        self.words("ON");
        self.expression(depth.min(1));
        self.list_of_whens(depth);
    }

    pub(super) fn list_of_whens(&mut self, depth: u64) {
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

    pub(super) fn returning(&mut self, depth: u64) {
        if self.once_in(3) {
            self.words("RETURNING");
            self.items(depth.min(1));
        }
    }
}
