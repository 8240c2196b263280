//! Weir goes, its enforcement stays.

use anyhow::Result;

use super::super::places::Who;
use super::super::play::Play;
use super::super::report::proof;
use super::super::screen;

pub(super) fn fails_closed(play: &mut Play) -> Result<()> {
    let pid = play.stage.weir.pid();
    screen::typed(Who::Root.prompt(), &format!("kill {pid}"));
    play.stage.weir.stop()?;
    let received = play.stage.postgres.received()?.len();
    let port = play.stage.postgres.port();
    let psql = play
        .stage
        .psql(Who::Agent, "127.0.0.1", port, &["SELECT 1"]);
    let said = play.act(Who::Agent, psql)?;
    let refused = !said.status.success() && said.text.contains("Connection refused");
    let silent = play.stage.postgres.received()?.len() == received;
    play.report.claim(
        "with weir down the agent reaches nothing, rather than everything",
        proof(refused && silent, || "it was not refused".to_owned()),
    );
    Ok(())
}
