//! Portals whose name stands for something else by the time that they are executed: code that no
//! statement shows may close a portal, and open another in its place.

use weir_wire::postgres::{
    Format::{Binary, Text},
    Formats, Frame,
    frontend::FunctionCall,
};

use crate::{
    agent::{Agent, rows},
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
