//! What the scenes share: the stage, what was claimed so far, and what was said.

use anyhow::Result;
use testbed::Spawn;

use super::act::{self, Said};
use super::places::Who;
use super::report::Report;
use super::stage::Stage;

/// A demo being played.
#[derive(Debug)]
pub(super) struct Play {
    pub(super) stage: Stage,
    pub(super) report: Report,
    /// All that the agent and the operator got to see.
    pub(super) transcript: String,
    /// How many sessions the agent has opened to the declared target.
    pub(super) sessions: usize,
    /// The session in which the agent was refused, as the refusal named it.
    pub(super) refused: Option<String>,
    /// What the agent saw of the people it asked for by name.
    pub(super) masked: Vec<String>,
}

impl Play {
    pub(super) fn new(stage: Stage) -> Self {
        Self {
            stage,
            report: Report::default(),
            transcript: String::new(),
            sessions: 0,
            refused: None,
            masked: Vec::new(),
        }
    }

    /// Shows a command and what it says.
    pub(super) fn act(&mut self, who: Who, spawn: Spawn) -> Result<Said> {
        self.act_with(who, spawn, "")
    }

    /// As [`act`](Play::act), with what the shell would be told of the standard input.
    pub(super) fn act_with(&mut self, who: Who, spawn: Spawn, input: &str) -> Result<Said> {
        let said = act::shown(who, spawn, input)?;
        self.transcript.push_str(&said.text);
        Ok(said)
    }

    /// The agent's psql, at the database's own address: one session of these statements.
    pub(super) fn agent(&mut self, host: &str, statements: &[&str]) -> Result<Said> {
        let port = self.stage.postgres.port();
        let psql = self.stage.psql(Who::Agent, host, port, statements);
        self.sessions += 1;
        self.act(Who::Agent, psql)
    }

    /// One of weir's own commands.
    pub(super) fn weir(&mut self, args: &[&str]) -> Result<Said> {
        let command = self.stage.weir.command(args);
        self.act(Who::Root, command)
    }
}
