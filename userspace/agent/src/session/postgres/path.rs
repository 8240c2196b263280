//! The schemas that a session's names are looked for in.
//!
//! The target says what they are, on the session's own connection: settings of the role, of the
//! database and of the startup packet make the search path, and which of its schemas there are and
//! may be used is the target's to know, too. It is asked only where a name may mean several relations,
//! only between transactions, and anew once anything may have changed the answer. Whoever isn't
//! answered takes a name for all that it may mean.
//!
//! Known limits: a schema whose name has other letters than ASCII is not found by the path, so that
//! none is. That somebody else makes or opens a schema shows within ten seconds.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use weir_command::{Command, Control, Effect, Statement, Verb};
use weir_wire::postgres::{
    Frame,
    backend::{DataRow, ErrorResponse, Severity, tag},
};

use super::{
    catalogues::FRESH,
    governed::{Governed, SessionError},
    pipeline::Expected,
    portal::Behind,
    prepared::Prepared,
    request::Stop,
    shape::needs_no_catalogue,
    traits,
};
use crate::mask::lineage::{Lineage, Sight};

/// Most schemas of a path.
const MOST: usize = 1000;
/// How long one that couldn't be told isn't asked for again.
const AGAIN: Duration = FRESH;

/// What is known of a session's search path.
#[derive(Debug, Default)]
pub(super) struct Path {
    known: Option<Known>,
    /// The target owes an answer.
    asked: bool,
    /// What has come of the answer that is under way; `None` once it can't be used.
    coming: Option<Vec<String>>,
    /// When it couldn't be told.
    failed: Option<Instant>,
    /// Something was sent since the last Sync: a question would come in between.
    open: bool,
}

#[derive(Debug)]
struct Known {
    schemas: Arc<[String]>,
    lineage: Arc<Lineage>,
    at: Instant,
}

impl Path {
    /// Notes that a message of the extended protocol was sent, or that one ended their segment.
    pub(super) fn segment(&mut self, open: bool) {
        self.open = open;
    }

    /// Whether something was sent since the last Sync.
    pub(super) fn is_open(&self) -> bool {
        self.open
    }

    /// Forgets what is known.
    pub(super) fn forget(&mut self) {
        self.known = None;
    }

    fn known(&self, lineage: &Arc<Lineage>) -> Option<&Known> {
        let fresh = |known: &&Known| known.at.elapsed() <= FRESH;
        self.known
            .as_ref()
            .filter(|known| Arc::ptr_eq(&known.lineage, lineage))
            .filter(fresh)
    }

    fn row(&mut self, row: &DataRow) {
        let name = row.column(0).flatten().and_then(|name| {
            let name = std::str::from_utf8(&name).ok()?.to_owned();
            name.is_ascii().then_some(name)
        });
        match (&mut self.coming, name) {
            (Some(coming), Some(name)) if coming.len() < MOST => coming.push(name),
            _ => self.coming = None,
        }
    }
}

impl Governed {
    /// How well names in a message's statements are known. What one of several changes holds for
    /// those after it.
    pub(super) fn sight(&self, prepared: &Prepared) -> Sight {
        let several = prepared.statements().len() > 1;
        let changed = self.shape.has_changed() && !needs_no_catalogue(prepared);
        if changed || several && prepared.may_reshape(&self.lineage) {
            return Sight::Blind;
        }
        let moves = |statement| may_move(statement, &self.lineage);
        if several && prepared.statements().iter().any(moves) {
            return Sight::AnySchema;
        }
        match self.path.known(&self.lineage) {
            // What code that weir doesn't see has made in the session's temporary schema isn't known.
            Some(known)
                if !self.hidden.has_run()
                    || !known.schemas.iter().any(|s| s.starts_with("pg_temp_")) =>
            {
                Sight::Path(Arc::clone(&known.schemas))
            }
            _ => Sight::AnySchema,
        }
    }

    /// Asks for the search path where what a message means hangs on it.
    pub(super) fn look_around(&mut self, prepared: &Prepared, behind: &Behind) -> Result<(), Stop> {
        if self.path.asked {
            return Err(Stop::Unsettled);
        }
        let mut all = behind.with(prepared);
        if self.shape.has_changed()
            || self.path.known(&self.lineage).is_some()
            || self.path.open
            || self.path.failed.is_some_and(|at| at.elapsed() < AGAIN)
            || self.in_transaction()
            || !self.pipeline.is_empty()
            || !all.any(|prepared| prepared.traits(&self.lineage).ambiguous)
        {
            return Ok(());
        }
        self.sink.ask_path()?;
        self.path.asked = true;
        self.path.coming = Some(Vec::new());
        self.pipeline.push(Expected::Path, None, Instant::now());
        Err(Stop::Unsettled)
    }

    /// Forgets the search path where carrying out a message may change it.
    pub(super) fn may_move(&mut self, prepared: &Prepared, behind: &Behind) {
        let mut all = behind.with(prepared);
        if all.any(|prepared| prepared.traits(&self.lineage).moves_path) {
            self.path.forget();
        }
    }

    /// Takes a part of the answer to weir's own question. False for what isn't one.
    pub(super) fn answers_path(&mut self, frame: &Frame) -> Result<bool, SessionError> {
        let asked = |owed: &mut super::pipeline::Owed| matches!(owed.expected, Expected::Path);
        if !self.pipeline.head().is_some_and(asked) {
            return Ok(false);
        }
        let server = |error: weir_wire::WireError| SessionError::server(error.to_string());
        match frame.tag() {
            tag::PARSE_COMPLETE
            | tag::BIND_COMPLETE
            | tag::COMMAND_COMPLETE
            | tag::CLOSE_COMPLETE => {}
            tag::DATA_ROW => {
                let row = DataRow::decode(frame.clone()).map_err(server)?;
                self.path.row(&row);
            }
            tag::ERROR_RESPONSE => {
                let error = ErrorResponse::decode(frame.clone()).map_err(server)?;
                self.path.coming = None;
                let severity = error.diagnostic().severity();
                // That the session ends the agent should hear.
                return Ok(!matches!(severity, Some(Severity::Fatal | Severity::Panic)));
            }
            tag::READY_FOR_QUERY => {
                self.pipeline.ready();
                self.path.asked = false;
                let schemas = self
                    .path
                    .coming
                    .take()
                    .filter(|schemas| !schemas.is_empty());
                self.path.failed = schemas.is_none().then(Instant::now);
                self.path.known = schemas.map(|schemas| Known {
                    schemas: schemas.into(),
                    lineage: Arc::clone(&self.lineage),
                    at: Instant::now(),
                });
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// Whether a statement may change the search path, or what it stands for.
pub(super) fn may_move(statement: &Statement, lineage: &Lineage) -> bool {
    match statement {
        Statement::Command(command) => command_may_move(command, lineage),
        Statement::Opaque(_) => true,
    }
}

fn command_may_move(command: &Command, lineage: &Lineage) -> bool {
    let effects = &command.effects;
    let sets = match &command.control {
        Control::Set { name, .. } => matches!(
            name.as_str(),
            "search_path" | "role" | "session_authorization" | "all"
        ),
        Control::Discard => true,
        _ => effects.contains(&Effect::Setting) || command.verb == Verb::Set,
    };
    sets || effects.contains(&Effect::Ddl)
        || matches!(
            command.verb,
            Verb::Assume | Verb::Grant | Verb::Revoke | Verb::Role | Verb::Drop | Verb::Maintain
        )
        || traits::runs_code(command, lineage)
}
