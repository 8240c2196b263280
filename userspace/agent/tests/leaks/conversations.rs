//! By the protocol: statements described once and executed later, cursors, copies, formats.

use weir_wire::postgres::{
    Format::{Binary, Text},
    Formats,
    frontend::FunctionCall,
};

use crate::{
    messages::{
        bind, bind_as, describe_portal, describe_statement, execute, execute_some, flush, parse,
        query, sync,
    },
    stand::{
        Stand,
        Walk::{Extended, Other, Simple},
        Way, say,
    },
};

const EMAIL: &str = "SELECT id, email, ssn FROM vault ORDER BY id";

#[test]
fn a_statement_described_once_is_masked_each_time() {
    Stand::new().holds(&[
        Way {
            path: "described once, executed later",
            walk: Other(|agent, _| {
                say(agent, &[parse("s", EMAIL), describe_statement("s"), sync()]);
                for _ in 0..3 {
                    say(agent, &[bind("", "s"), execute(""), sync()]);
                }
            }),
        },
        Way {
            path: "never described",
            walk: Other(|agent, _| {
                say(
                    agent,
                    &[parse("", EMAIL), bind("", ""), execute(""), sync()],
                );
            }),
        },
        Way {
            path: "described once, with others between",
            walk: Other(|agent, _| {
                say(agent, &[parse("s", EMAIL), describe_statement("s"), sync()]);
                say(agent, &[query("SELECT 1, 2, 3")]);
                say(agent, &[query("BEGIN; SELECT 1/0")]);
                say(agent, &[query("ROLLBACK")]);
                say(agent, &[bind("", "s"), execute(""), sync()]);
            }),
        },
        Way {
            path: "a name given to another statement",
            walk: Other(|agent, _| {
                say(
                    agent,
                    &[
                        parse("s", "SELECT 1, 'a', 'b'"),
                        describe_statement("s"),
                        sync(),
                    ],
                );
                say(agent, &[query("DEALLOCATE s")]);
                say(agent, &[parse("s", EMAIL), sync()]);
                say(agent, &[bind("", "s"), execute(""), sync()]);
            }),
        },
        Way {
            path: "a format for each column",
            walk: Other(|agent, _| {
                say(agent, &[parse("s", EMAIL), describe_statement("s"), sync()]);
                let formats = Formats::Each(vec![Binary, Binary, Text]);
                say(agent, &[bind_as("", "s", &formats), execute(""), sync()]);
            }),
        },
        Way {
            path: "in one pipeline with others",
            walk: Other(|agent, _| {
                say(
                    agent,
                    &[
                        parse("a", "SELECT 1, 'x', 'y'"),
                        bind("pa", "a"),
                        parse("b", EMAIL),
                        bind("pb", "b"),
                        execute("pb"),
                        execute("pa"),
                        flush(),
                        sync(),
                    ],
                );
            }),
        },
        Way {
            path: "a portal by pieces",
            walk: Other(|agent, _| {
                say(agent, &[query("BEGIN")]);
                say(
                    agent,
                    &[
                        parse("", EMAIL),
                        bind("p", ""),
                        execute_some("p", 1),
                        sync(),
                    ],
                );
                say(agent, &[describe_portal("p"), execute_some("p", 1), sync()]);
                say(agent, &[execute("p"), sync()]);
            }),
        },
        Way {
            path: "bound before the table was changed",
            walk: Other(|agent, _| {
                say(
                    agent,
                    &[
                        parse("s", "SELECT * FROM vault"),
                        describe_statement("s"),
                        sync(),
                    ],
                );
                say(
                    agent,
                    &[query("SET search_path TO \"Other Place\", public")],
                );
                say(agent, &[bind("", "s"), execute(""), sync()]);
            }),
        },
        Way {
            path: "several statements in one query",
            walk: Simple(&["SELECT 1 AS email; SELECT email FROM vault; SELECT name FROM vault"]),
        },
    ]);
}

#[test]
fn statements_by_name_and_cursors_show_no_more() {
    let of = |path, texts| Way {
        path,
        walk: Simple(texts),
    };
    Stand::new().holds(&[
        of(
            "PREPARE, EXECUTE",
            &["PREPARE p AS SELECT email FROM vault", "EXECUTE p"],
        ),
        of(
            "PREPARE with a parameter",
            &[
                "PREPARE q (int) AS SELECT upper(email) FROM vault WHERE id = $1",
                "EXECUTE q (1)",
            ],
        ),
        of(
            "EXPLAIN ANALYZE EXECUTE",
            &[
                "PREPARE r AS SELECT constant()",
                "EXPLAIN (ANALYZE, VERBOSE) EXECUTE r",
            ],
        ),
        of(
            "CREATE TABLE AS EXECUTE",
            &[
                "PREPARE t AS SELECT email AS a FROM vault",
                "CREATE TABLE taken AS EXECUTE t",
                "SELECT a FROM taken",
            ],
        ),
        of(
            "a cursor",
            &[
                "DECLARE c CURSOR FOR SELECT email FROM vault",
                "FETCH ALL FROM c",
            ],
        ),
        of(
            "a cursor of an expression",
            &[
                "DECLARE c CURSOR FOR SELECT upper(email) FROM vault",
                "FETCH ALL FROM c",
            ],
        ),
        of(
            "a cursor backwards",
            &[
                "DECLARE c SCROLL CURSOR FOR SELECT email FROM vault ORDER BY id",
                "MOVE 2 FROM c",
                "FETCH BACKWARD 1 FROM c",
            ],
        ),
        of(
            "a binary cursor",
            &[
                "DECLARE c BINARY CURSOR FOR SELECT email, dob, account_number FROM vault",
                "FETCH ALL FROM c",
            ],
        ),
        of(
            "a function's cursor",
            &["SELECT opens()", "FETCH ALL FROM opened"],
        ),
        Way {
            path: "a cursor WITH HOLD",
            walk: Other(|agent, _| {
                say(agent, &[query("BEGIN")]);
                say(
                    agent,
                    &[query(
                        "DECLARE held CURSOR WITH HOLD FOR SELECT upper(email) FROM vault",
                    )],
                );
                say(agent, &[query("COMMIT")]);
                say(agent, &[query("FETCH ALL FROM held")]);
            }),
        },
        Way {
            path: "a cursor as a portal",
            walk: Other(|agent, _| {
                say(agent, &[query("BEGIN")]);
                say(
                    agent,
                    &[query(
                        "DECLARE c CURSOR FOR SELECT email, upper(email) FROM vault",
                    )],
                );
                say(agent, &[describe_portal("c"), execute("c"), sync()]);
            }),
        },
        Way {
            path: "EXECUTE in the extended protocol",
            walk: Other(|agent, _| {
                say(
                    agent,
                    &[query("PREPARE p AS SELECT upper(email) FROM vault")],
                );
                say(
                    agent,
                    &[parse("s", "EXECUTE p"), describe_statement("s"), sync()],
                );
                say(agent, &[bind("", "s"), execute(""), sync()]);
            }),
        },
    ]);
}

#[test]
fn copies_and_calls_show_nothing() {
    let of = |path, texts| Way {
        path,
        walk: Simple(texts),
    };
    Stand::new().holds(&[
        of("COPY", &["COPY vault TO STDOUT"]),
        of("COPY of columns", &["COPY vault (id, email) TO STDOUT"]),
        of(
            "COPY in CSV",
            &["COPY vault TO STDOUT (FORMAT csv, HEADER)"],
        ),
        of("COPY in binary", &["COPY vault TO STDOUT (FORMAT binary)"]),
        of(
            "COPY of a query",
            &["COPY (SELECT email AS a FROM vault) TO STDOUT"],
        ),
        of(
            "COPY of an expression",
            &["COPY (SELECT upper(v::text) FROM vault v) TO STDOUT"],
        ),
        of(
            "COPY of RETURNING",
            &["COPY (UPDATE vault SET name = 'x' WHERE id = 1 RETURNING email) TO STDOUT"],
        ),
        of(
            "COPY of a view's query",
            &["COPY (SELECT * FROM readers) TO STDOUT"],
        ),
        of("COPY of a function", &["COPY (SELECT whose(1)) TO STDOUT"]),
        of("COPY of a partition", &["COPY split_low TO STDOUT"]),
        of("COPY of a child", &["COPY mailed TO STDOUT"]),
        of("COPY of a composite", &["COPY cards TO STDOUT"]),
        of(
            "COPY of a field",
            &["COPY (SELECT (owner).email FROM cards) TO STDOUT"],
        ),
        of(
            "COPY of a column with a row",
            &["COPY archive (was) TO STDOUT"],
        ),
        Way {
            path: "COPY in the extended protocol",
            walk: Extended("COPY vault TO STDOUT"),
        },
        of("CALL", &["CALL gives(NULL)"]),
        Way {
            path: "a fast-path call",
            walk: Other(|agent, server| {
                let oid = server
                    .psql_as_superuser("SELECT 'whose(int)'::regprocedure::oid")
                    .unwrap();
                let one: &[u8] = &[0, 0, 0, 1];
                let call = FunctionCall::new(
                    oid.parse().unwrap(),
                    &Formats::All(Binary),
                    &[Some(one)],
                    Text,
                );
                say(agent, &[call.unwrap().into_frame()]);
            }),
        },
    ]);
}
