//! Portals whose name stands for something else by the time that they are executed: code that no
//! statement shows may close a portal, and open another in its place.

use weir_wire::postgres::{
    Format::{Binary, Text},
    Formats, Frame,
    frontend::FunctionCall,
};

use crate::{
    agent::{Agent, rows, tags},
    messages::{bind, describe_portal, execute, execute_some, parse, query, sync},
    stand::{Stand, Walk::Other, Way, say},
};

const CLEAR: &str = "SELECT name FROM vault ORDER BY id";

/// Binds a portal of clear rows in a transaction.
fn opens(agent: &mut Agent) {
    say(agent, &[query("BEGIN")]);
    binds(agent);
}

fn binds(agent: &mut Agent) {
    say(agent, &[parse("", CLEAR), bind("opened", ""), sync()]);
}

fn shows(agent: &mut Agent) {
    say(agent, &[execute("opened"), sync()]);
}

#[test]
fn a_portal_that_was_closed_shows_nothing_of_another() {
    let way = |path, walk| Way {
        path,
        walk: Other(walk),
    };
    Stand::of_portals().holds(&[
        way("closed by SQL", |agent, _| {
            opens(agent);
            say(agent, &[query("CLOSE opened")]);
            say(agent, &[query("SELECT opens()")]);
            shows(agent);
        }),
        way("closed by SQL with all", |agent, _| {
            opens(agent);
            say(agent, &[query("CLOSE ALL; SELECT opens()")]);
            shows(agent);
        }),
        way("ended with its transaction", |agent, _| {
            opens(agent);
            say(agent, &[query("COMMIT; BEGIN")]);
            say(agent, &[query("SELECT opens()")]);
            shows(agent);
        }),
        way("ended with its savepoint", |agent, _| {
            say(agent, &[query("BEGIN")]);
            say(agent, &[query("SAVEPOINT a")]);
            binds(agent);
            say(agent, &[query("ROLLBACK TO a")]);
            say(agent, &[query("SELECT opens()")]);
            shows(agent);
        }),
        way("closed by a function", |agent, _| {
            opens(agent);
            say(agent, &[query("SELECT reopens()")]);
            shows(agent);
        }),
        way("closed once it was begun", |agent, _| {
            opens(agent);
            say(agent, &[execute_some("opened", 1), sync()]);
            say(agent, &[query("SELECT reopens()")]);
            say(agent, &[execute_some("opened", 1), sync()]);
        }),
        way("closed and described anew", |agent, _| {
            opens(agent);
            say(agent, &[query("SELECT reopens()")]);
            say(
                agent,
                &[describe_portal("opened"), execute("opened"), sync()],
            );
        }),
        way("fetched from by SQL", |agent, _| {
            opens(agent);
            say(agent, &[query("SELECT reopens()")]);
            say(agent, &[query("FETCH ALL FROM opened")]);
        }),
    ]);
}

#[test]
fn nor_where_what_closed_it_was_bound_or_begun_before() {
    let way = |path, walk| Way {
        path,
        walk: Other(walk),
    };
    Stand::of_portals().holds(&[
        way("a portal that was bound before", |agent, _| {
            say(agent, &[query("BEGIN")]);
            let bound = [parse("", "SELECT reopens()"), bind("by", ""), sync()];
            say(agent, &bound);
            binds(agent);
            say(agent, &[execute("by"), execute("opened"), sync()]);
        }),
        way("a cursor that was declared before", |agent, _| {
            say(agent, &[query("BEGIN")]);
            say(agent, &[query("DECLARE by CURSOR FOR SELECT reopens()")]);
            binds(agent);
            say(agent, &[query("FETCH by")]);
            shows(agent);
        }),
        way("that cursor as a portal", |agent, _| {
            say(agent, &[query("BEGIN")]);
            say(agent, &[query("DECLARE by CURSOR FOR SELECT reopens()")]);
            binds(agent);
            say(agent, &[execute("by"), execute("opened"), sync()]);
        }),
        way("a statement that was prepared before", |agent, _| {
            say(agent, &[query("PREPARE by AS SELECT reopens()")]);
            opens(agent);
            say(agent, &[query("EXECUTE by")]);
            shows(agent);
        }),
        way("a trigger", |agent, _| {
            opens(agent);
            say(agent, &[query("INSERT INTO soon VALUES (1)")]);
            shows(agent);
        }),
        way("a trigger that was put off", |agent, _| {
            say(agent, &[query("BEGIN")]);
            say(agent, &[query("INSERT INTO late VALUES (1)")]);
            binds(agent);
            say(agent, &[query("SET CONSTRAINTS ALL IMMEDIATE")]);
            shows(agent);
        }),
        way("a trigger on what is emptied along", |agent, _| {
            opens(agent);
            say(agent, &[query("TRUNCATE emptied_along CASCADE")]);
            shows(agent);
        }),
        way("a view", |agent, _| {
            opens(agent);
            say(agent, &[query("SELECT by_it FROM behind")]);
            shows(agent);
        }),
        way("a trigger behind a cursor", |agent, _| {
            say(agent, &[query("BEGIN")]);
            say(
                agent,
                &[query("DECLARE opened CURSOR FOR SELECT name FROM vault")],
            );
            say(agent, &[query("INSERT INTO soon VALUES (1)")]);
            say(agent, &[query("FETCH ALL FROM opened")]);
        }),
        way("a fast-path call", |agent, server| {
            opens(agent);
            let oid = "SELECT 'reopens()'::regprocedure::oid";
            let oid = server.psql_as_superuser(oid).unwrap().parse().unwrap();
            let call = FunctionCall::new(oid, &Formats::All(Binary), &[], Text);
            say(agent, &[call.unwrap().into_frame()]);
            shows(agent);
        }),
    ]);
}

/// A driver that fetches by pieces, while functions are called in between: it gets what it gets beside
/// weir.
#[test]
fn a_portal_is_fetched_by_pieces_while_functions_run() {
    let stand = Stand::of_portals();
    let [beside, through] = stand.agents().map(|mut agent| {
        let mut shown = Vec::new();
        let mut says = |frames: &[Frame]| shown.push(rows(&say(&mut agent, frames)));
        says(&[query("BEGIN")]);
        says(&[
            parse("", "SELECT id, name FROM vault ORDER BY id"),
            bind("C_1", ""),
            describe_portal("C_1"),
            execute_some("C_1", 1),
            sync(),
        ]);
        says(&[query("SELECT opens()")]);
        says(&[query("SAVEPOINT a")]);
        says(&[execute_some("C_1", 1), sync()]);
        says(&[execute_some("C_1", 1), sync()]);
        says(&[query("COMMIT")]);
        shown.remove(2);
        shown
    });
    assert_eq!(through, beside);
    assert_eq!(beside.iter().map(Vec::len).sum::<usize>(), 2);
}

/// Has a function prepare another statement in the place of `s`.
fn prepares_another(agent: &mut Agent) {
    say(agent, &[query("SELECT runs('DEALLOCATE s')")]);
    say(
        agent,
        &[query(
            "SELECT runs('PREPARE s AS SELECT email || '''' FROM vault')",
        )],
    );
}

#[test]
fn a_statement_that_was_prepared_in_the_place_of_another_shows_nothing() {
    let way = |path, walk| Way {
        path,
        walk: Other(walk),
    };
    Stand::of_portals().holds(&[
        way("prepared by SQL, by a text that is run", |agent, _| {
            say(agent, &[query(&format!("PREPARE s AS {CLEAR}"))]);
            prepares_another(agent);
            say(agent, &[query("EXECUTE s")]);
        }),
        way(
            "prepared by the protocol, by a text that is run",
            |agent, _| {
                say(agent, &[parse("s", CLEAR), sync()]);
                prepares_another(agent);
                say(agent, &[bind("", "s"), execute(""), sync()]);
            },
        ),
        way("prepared by a function", |agent, _| {
            say(agent, &[parse("s", CLEAR), sync()]);
            say(agent, &[query("SELECT prepares()")]);
            say(agent, &[bind("", "s"), execute(""), sync()]);
        }),
        way("prepared in the same pipeline", |agent, _| {
            say(agent, &[parse("s", CLEAR), sync()]);
            let by = [parse("", "SELECT prepares()"), bind("", ""), execute("")];
            let of = [bind("", "s"), execute(""), sync()];
            say(agent, &[by, of].concat());
        }),
        way("by a function that was bound before", |agent, _| {
            say(agent, &[query("BEGIN")]);
            say(
                agent,
                &[
                    parse("s", CLEAR),
                    parse("by", "SELECT prepares()"),
                    bind("by", "by"),
                    sync(),
                ],
            );
            say(agent, &[query("DEALLOCATE s")]);
            say(agent, &[parse("s", CLEAR), sync()]);
            say(agent, &[execute("by"), bind("", "s"), execute(""), sync()]);
        }),
        way("executed by another statement", |agent, _| {
            say(agent, &[parse("s", CLEAR), sync()]);
            say(agent, &[query("SELECT prepares()")]);
            say(
                agent,
                &[parse("t", "EXECUTE s"), bind("", "t"), execute(""), sync()],
            );
        }),
    ]);
}

/// What a driver has prepared stays what it was, whatever such code has done.
#[test]
fn a_statement_is_executed_as_it_was_prepared_after_text_was_run() {
    let stand = Stand::of_portals();
    let [_, mut agent] = stand.agents();
    let lengths = "SELECT length(name) FROM vault ORDER BY id";
    let executes = [bind("", "s"), execute(""), sync()];
    say(&mut agent, &[parse("s", lengths), sync()]);
    let first = say(&mut agent, &executes);
    assert_eq!(rows(&first).len(), 2);
    say(&mut agent, &[query("SELECT runs('DEALLOCATE s')")]);
    for _ in 0..2 {
        let again = say(&mut agent, &executes);
        assert_eq!(tags(&again), tags(&first));
        assert_eq!(rows(&again), rows(&first));
    }
    // One that fails to be parsed is that statement's error, and may be tried again.
    say(&mut agent, &[query("SELECT runs('SELECT 1')")]);
    stand.prepare("ALTER TABLE vault RENAME TO away");
    assert_eq!(tags(&say(&mut agent, &executes)), "EZ");
    stand.prepare("ALTER TABLE away RENAME TO vault");
    assert_eq!(rows(&say(&mut agent, &executes)), rows(&first));
}
