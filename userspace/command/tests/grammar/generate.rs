//! Statements by chance: queries and writes in each other, in every spelling that names and literals
//! have. The same seed makes the same statements.

mod expressions;
mod queries;
mod writes;

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
                if self.once_in(2) {
                    self.select(3);
                } else {
                    self.any(3);
                }
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

    fn between_parentheses(&mut self, inside: impl FnOnce(&mut Self)) {
        self.words("(");
        inside(self);
        self.words(")");
    }
}
