//! Reading: from outside, from behind weir, and what must not be read.

use anyhow::Result;

use super::super::places::Who;
use super::super::play::Play;
use super::super::report::{Proof, proof};
use super::super::rows::last_table;

/// Also the control of all that follows: the agent itself has no way to log in.
pub(super) fn outside(play: &mut Play) -> Result<()> {
    let port = play.stage.postgres.port();
    let psql = play
        .stage
        .psql(Who::Outside, "127.0.0.1", port, &["SELECT 1"]);
    let said = play.act(Who::Outside, psql)?;
    let turned_away = !said.status.success() && said.text.contains("no password supplied");
    play.report.claim(
        "the database asks for a password, and the agent has none",
        proof(turned_away, || {
            "the database let it in, or failed otherwise".to_owned()
        }),
    );
    Ok(())
}

pub(super) fn allowed(play: &mut Play) -> Result<()> {
    const QUERY: &str = "SELECT item, count(*) AS orders, sum(amount) AS revenue FROM orders \
                         GROUP BY item ORDER BY revenue DESC LIMIT 5";
    let said = play.agent("127.0.0.1", &[QUERY])?;
    let same = same_rows(play, QUERY, &last_table(&said.text))?;
    play.report
        .claim("an allowed query returns what the database has", same);
    Ok(())
}

pub(super) fn masked(play: &mut Play) -> Result<()> {
    let said = play.agent(
        "127.0.0.1",
        &["SELECT id, name, email, card_number FROM people ORDER BY id LIMIT 5"],
    )?;
    let rows = last_table(&said.text);
    let cells = |row: &String| row.split('|').map(str::to_owned).collect::<Vec<_>>();
    let open = rows
        .iter()
        .map(|row| cells(row).into_iter().take(2).collect::<Vec<_>>().join("|"));
    let others = same_rows(
        play,
        "SELECT id, name FROM people ORDER BY id LIMIT 5",
        &open.collect::<Vec<_>>(),
    )?;
    play.masked = rows
        .iter()
        .flat_map(|row| cells(row).into_iter().skip(2))
        .collect();
    let masks = proof(
        play.masked.len() == 10 && play.masked.iter().all(|cell| cell.contains('*')),
        || format!("these are no ten masks: {}", play.masked.join(" ")),
    );
    play.report.claim(
        "no clear email or card number reaches the agent",
        unseen(play, &said.text),
    );
    play.report.claim("in their place it sees masks", masks);
    play.report.claim(
        "the columns beside them are as the database has them",
        others,
    );
    Ok(())
}

/// An alias, an expression, a whole row, a view's worth of nesting, another format, an error.
pub(super) fn disguised(play: &mut Play) -> Result<()> {
    const DISGUISES: &[&str] = &[
        "SELECT email AS item, card_number AS amount FROM people ORDER BY id LIMIT 2",
        "SELECT upper(email) AS a, 'no. ' || card_number AS b FROM people ORDER BY id LIMIT 2",
        "SELECT p FROM people AS p ORDER BY id LIMIT 2",
        "WITH x AS (SELECT card_number AS c FROM people) SELECT max(c) FROM x",
        "COPY people TO STDOUT",
        "SELECT email::int FROM people",
    ];
    let said = play.agent("127.0.0.1", DISGUISES)?;
    let judged = said.text.contains("****") && said.text.contains("mask-copy");
    play.report.claim(
        "no alias, expression, row, subquery, COPY or error shows them",
        unseen(play, &said.text).and(proof(judged, || "nothing was masked at all".to_owned())),
    );
    Ok(())
}

/// Nothing that must be masked is in it.
pub(super) fn unseen(play: &Play, text: &str) -> Proof {
    match play.stage.clear.seen_in(text) {
        None => Ok(()),
        Some(value) => Err(format!("{value} is in it")),
    }
}

/// The rows are what the superuser gets, round weir.
fn same_rows(play: &Play, query: &str, rows: &[String]) -> Result<Proof> {
    let direct = play.stage.postgres.psql_as_superuser(query)?;
    let same = !rows.is_empty() && rows.iter().eq(direct.lines());
    Ok(proof(same, || format!("the database has:\n{direct}")))
}
