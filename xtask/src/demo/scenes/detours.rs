//! Ways round: another address family, another port, another kind of socket.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use super::super::act::Said;
use super::super::places::Who;
use super::super::play::Play;
use super::super::report::proof;
use super::queries::unseen;

const RAW: &str = include_str!("../raw.py");
/// How the program says that a way is open.
const THROUGH: &str = "GOT THROUGH";
/// How long the daemon may take to hear of what the kernel refused.
const HEARD_WITHIN: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(50);

pub(super) fn other_family(play: &mut Play) -> Result<()> {
    let said = play.agent(
        "::1",
        &[
            "SELECT name, email, card_number FROM people ORDER BY id LIMIT 2",
            "DELETE FROM orders",
        ],
    )?;
    let governed = said.text.contains("****") && said.text.contains("no-bulk-write");
    play.report
        .claim("no clear value comes by IPv6", unseen(play, &said.text));
    play.report.claim(
        "the same masks and refusals hold there",
        proof(governed, || "there is no mask or no refusal".to_owned()),
    );
    Ok(())
}

pub(super) fn other_port(play: &mut Play) -> Result<()> {
    play.stage
        .bait
        .visit()
        .context("the listener that must not be reached can't be")?;
    let (before, port) = (play.stage.bait.visits(), play.stage.bait.port());
    let mut answers = Vec::new();
    for host in ["127.0.0.1", "::1"] {
        let psql = play.stage.psql(Who::Agent, host, port, &["SELECT 1"]);
        answers.push(play.act(Who::Agent, psql)?);
    }
    let explained =
        |said: &Said| !said.status.success() && said.text.contains("undeclared-destination");
    play.report.claim(
        "psql is told that nobody declared this destination",
        proof(answers.iter().all(explained), || {
            "it is told something else".to_owned()
        }),
    );
    unvisited(play, before);
    Ok(())
}

pub(super) fn other_sockets(play: &mut Play) -> Result<()> {
    const INPUT: &str = " < xtask/src/demo/raw.py";
    let port = play.stage.bait.port().to_string();
    let python = |play: &Play, who| play.stage.python(who, RAW, &port);
    let refused_before = kernel_refusals(play)?;
    let outside = play.act_with(Who::Outside, python(play, Who::Outside), INPUT)?;
    // Whoever came from outside came while it ran: the answers say so.
    let before = play.stage.bait.visits();
    let inside = play.act_with(Who::Agent, python(play, Who::Agent), INPUT)?;

    let open = |said: &Said| said.text.matches(THROUGH).count();
    let ways = inside.text.lines().count();
    play.report.claim(
        &format!(
            "none of {ways} ways gets the agent through; outside, {} do for the same user",
            open(&outside)
        ),
        proof(
            outside.status.success()
                && inside.status.success()
                && outside.text.lines().count() == ways
                && open(&outside) > 1
                && open(&inside) == 0,
            || "one does, or none does outside either".to_owned(),
        ),
    );
    unvisited(play, before);
    let heard = wait_for_refusals(play, refused_before)?;
    play.report.claim(
        "weir knows what the kernel refused by itself",
        proof(heard > refused_before, || {
            "it has heard of nothing".to_owned()
        }),
    );
    Ok(())
}

fn unvisited(play: &mut Play, before: usize) {
    let visits = play.stage.bait.visits() - before;
    play.report.claim(
        "the listener there never sees a connection or a datagram",
        proof(visits == 0, || format!("it saw {visits}")),
    );
}

fn kernel_refusals(play: &Play) -> Result<u64> {
    let status = play.stage.weir.json(&["status"])?;
    status
        .get("kernel_refusals")
        .and_then(serde_json::Value::as_u64)
        .context("`weir status --json` doesn't count what the kernel refused")
}

fn wait_for_refusals(play: &Play, before: u64) -> Result<u64> {
    let since = Instant::now();
    loop {
        let heard = kernel_refusals(play)?;
        if heard > before || since.elapsed() > HEARD_WITHIN {
            return Ok(heard);
        }
        thread::sleep(POLL);
    }
}
