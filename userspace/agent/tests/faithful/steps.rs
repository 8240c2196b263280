//! What a session is made of. Nothing in it depends on anything but the session itself.

use weir_wire::postgres::{
    Format::{Binary, Text},
    Formats, Frame,
    frontend::{Bind, FunctionCall, Parse},
};

use crate::{
    chance::Chance,
    messages::{
        close_portal, close_statement, copy_data, copy_done, copy_fail, describe_portal,
        describe_statement, execute_some, flush, query, sync,
    },
};

pub(crate) const TABLES: &str = "\
    SET ROLE app; \
    CREATE TABLE things (id int PRIMARY KEY, name text NOT NULL CHECK (name <> ''), size numeric, raw bytea, at timestamptz); \
    INSERT INTO things SELECT n, 'thing ' || n, n / 7.0, decode(md5(n::text), 'hex'), timestamptz '2026-01-01' + n * interval '1 hour' \
    FROM generate_series(1, 50) n; \
    CREATE FUNCTION says(text) RETURNS int LANGUAGE plpgsql AS \
    $$ BEGIN RAISE NOTICE 'said %', $1 USING DETAIL = 'a detail', HINT = 'a hint'; RETURN length($1); END $$;";

/// Queries of the simple protocol.
const QUERIES: [&str; 36] = [
    "",
    ";;",
    "-- a comment",
    "SELECT 1",
    "SELECT * FROM things ORDER BY id",
    "SELECT id, raw, NULL FROM things WHERE id < 4 ORDER BY id",
    "SELECT 1; SELECT 'two'; SELECT NULL, '' ",
    "SELECT 1; SELECT 1/0; SELECT 3",
    "SELECT repeat('wide', 30000)",
    "SELECT n, repeat('x', n) FROM generate_series(1, 400) n",
    "SELECT says('hello')",
    "DO $$ BEGIN RAISE WARNING 'careful'; END $$",
    "SELECT * FROM nowhere",
    "SELEKT 1",
    "INSERT INTO things VALUES (1, 'twice')",
    "INSERT INTO things VALUES (1000, '')",
    "BEGIN; UPDATE things SET name = name WHERE id < 3 RETURNING id, name; ROLLBACK",
    "BEGIN",
    "COMMIT",
    "ROLLBACK",
    "SAVEPOINT s",
    "ROLLBACK TO s",
    "SET application_name = 'faithful'",
    "SHOW application_name",
    "RESET ALL",
    "SET LOCAL statement_timeout = '30s'",
    "PREPARE p (int) AS SELECT id, name FROM things WHERE id = $1",
    "EXECUTE p (3)",
    "DEALLOCATE p",
    "BEGIN; DECLARE c SCROLL CURSOR FOR SELECT id FROM things ORDER BY id; FETCH 3 FROM c; MOVE 2 FROM c; \
     FETCH BACKWARD 1 FROM c; CLOSE c; COMMIT",
    "UNLISTEN there",
    "NOTIFY here, 'a payload'",
    "EXPLAIN (COSTS OFF) SELECT * FROM things WHERE id = 1",
    "COPY (SELECT id, name, NULL FROM things WHERE id < 5 ORDER BY id) TO STDOUT",
    "COPY things (id, name) TO STDOUT WITH (FORMAT csv, HEADER)",
    "COPY (SELECT 1, 'x'::bytea) TO STDOUT (FORMAT binary)",
];

/// Statements of the extended protocol, each with its parameters as text.
const STATEMENTS: [(&str, &[Option<&str>]); 11] = [
    ("SELECT 1", &[]),
    ("SELECT $1::int + 1, $2::text", &[Some("41"), None]),
    (
        "SELECT id, name, size, at FROM things WHERE id > $1::int ORDER BY id",
        &[Some("44")],
    ),
    ("SELECT name FROM things ORDER BY id", &[]),
    ("SELECT 1 / $1::int", &[Some("0")]),
    ("SELECT $1::int", &[Some("not a number")]),
    (
        "UPDATE things SET name = name WHERE id = $1::int",
        &[Some("5")],
    ),
    ("SELECT says($1)", &[Some("hello")]),
    ("", &[]),
    (
        "SELECT raw FROM things WHERE id = ANY($1::int[]) ORDER BY id",
        &[Some("{1,2}")],
    ),
    ("INSERT INTO things VALUES (1, 'twice')", &[]),
];

pub(crate) struct Step {
    /// What failed tests call it.
    pub(crate) name: String,
    frames: Vec<Frame>,
    /// How often the server will be ready.
    pub(crate) answers: usize,
}

impl Step {
    /// The steps of a session, which ends outside of any transaction.
    pub(crate) fn session(chance: &mut Chance, count: usize) -> Vec<Self> {
        let mut steps: Vec<Self> = (0..count)
            .map(|_| match chance.below(10) {
                0..5 => Self::simple(chance.of::<&str>(&QUERIES)),
                5..8 => Self::extended(chance),
                8 => Self::copy_in(chance),
                _ => Self::call(chance),
            })
            .collect();
        steps.insert(0, Self::simple("LISTEN here"));
        steps.push(Self::simple("ROLLBACK"));
        steps
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.frames.iter().flat_map(|f| f.raw().to_vec()).collect()
    }

    fn simple(text: &str) -> Self {
        Self {
            name: text.to_owned(),
            frames: vec![query(text)],
            answers: 1,
        }
    }

    /// One or more statements up to one Sync, each bound and executed, by pieces or not.
    fn extended(chance: &mut Chance) -> Self {
        let mut frames = Vec::new();
        let mut name = String::new();
        for number in 0..1 + chance.below(3) {
            let (text, values) = chance.of(&STATEMENTS);
            name.push_str(text);
            name.push_str(" | ");
            let (statement, portal) = if chance.one_in(2) {
                (format!("s{number}"), format!("p{number}"))
            } else {
                (String::new(), String::new())
            };
            if !statement.is_empty() {
                frames.push(close_statement(&statement));
            }
            let (s, p) = (statement.as_bytes(), portal.as_bytes());
            frames.push(Parse::new(s, text.as_bytes(), &[]).unwrap().into_frame());
            if chance.one_in(2) {
                frames.push(describe_statement(&statement));
            }
            let values: Vec<Option<&[u8]>> = values
                .iter()
                .map(|value| value.map(str::as_bytes))
                .collect();
            let formats = if chance.one_in(2) {
                Formats::All(Binary)
            } else {
                Formats::None
            };
            let bound = Bind::new(p, s, &Formats::None, &values, &formats);
            frames.push(bound.unwrap().into_frame());
            if chance.one_in(2) {
                frames.push(describe_portal(&portal));
            }
            if chance.one_in(3) {
                frames.push(execute_some(&portal, 2));
            }
            frames.push(execute_some(&portal, 0));
            if chance.one_in(3) {
                frames.push(flush());
            }
            if chance.one_in(3) {
                frames.push(close_portal(&portal));
            }
        }
        frames.push(sync());
        Self {
            name,
            frames,
            answers: 1,
        }
    }

    /// Rows into a table, of which some are wrong, or the client changes its mind.
    fn copy_in(chance: &mut Chance) -> Self {
        let rows = *chance.of(&[
            "",
            "900\tnine\n",
            "901\tx\n902\t\n",
            "not a row\n",
            "1\ttwice\n",
        ]);
        let end = if chance.one_in(3) {
            copy_fail()
        } else {
            copy_done()
        };
        Self {
            name: format!("COPY of {rows:?}"),
            frames: vec![
                query("BEGIN; COPY things (id, name) FROM STDIN"),
                copy_data(rows),
                end,
                query("ROLLBACK"),
            ],
            answers: 2,
        }
    }

    /// A function by its number: `int4pl`.
    fn call(chance: &mut Chance) -> Self {
        const INT4_PLUS: u32 = 177;
        let one: &[u8] = &[0, 0, 0, 1];
        let largest: &[u8] = &[0x7f, 0xff, 0xff, 0xff];
        let other = *chance.of(&[one, largest]);
        let arguments = [Some(one), Some(other)];
        let call = FunctionCall::new(INT4_PLUS, &Formats::All(Binary), &arguments, Text);
        Self {
            name: "a fast-path call".to_owned(),
            frames: vec![call.unwrap().into_frame()],
            answers: 1,
        }
    }
}
