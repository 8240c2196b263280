//! Reads a database's catalogue over a connection of weir's own, as the target's credential sees it, and
//! tells later whether it is still the same.

use tokio::time::timeout;
use weir_wire::postgres::{
    backend::{self, DataRow},
    frontend::Query,
};

use super::{
    catalogue, code,
    conversation::Conversation,
    fingerprint::{self, Fingerprint},
};
use crate::{
    admit::Admission,
    mask::{
        catalogue::{Catalogue, RelationOid},
        code::{Code, Reshaping},
    },
    upstream::{PATIENCE, UpstreamError},
};

/// Most rows that a catalogue may have: a server that sends more has no end.
const MOST_ROWS: usize = 4_000_000;

/// What the connection is opened with.
const SETTINGS: [(&str, &str); 3] = [
    ("application_name", "weir catalogue"),
    ("client_encoding", "UTF8"),
    // A setting of the role must not bend what the questions mean.
    ("search_path", "pg_catalog"),
];

/// What is asked often is planned once and keeps to one core, and rows come in their order, so that the
/// same rows have the same digest.
const PREPARED: &str = "SET plan_cache_mode = force_generic_plan; SET jit = off; \
    SET max_parallel_workers_per_gather = 0; SET synchronize_seqscans = off; ";

/// A catalogue as it was at one moment, and what tells whether it still is so.
#[derive(Debug)]
pub struct Reading {
    /// What it says.
    pub catalogue: Catalogue,
    fingerprint: Fingerprint,
}

/// A connection that reads one database's catalogue. One that has failed is of no use any more.
pub struct Reader(Conversation);

impl Reader {
    /// Logs in to `database`.
    pub async fn connect(admission: &Admission, database: &str) -> Result<Self, UpstreamError> {
        let settings = SETTINGS.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let mut reader = Self(Conversation::open(admission, database, &settings).await?);
        reader.in_time(prepare).await?;
        Ok(reader)
    }

    /// Reads the catalogue, with the rules of those views that are `wanted` of it.
    pub async fn read(
        &mut self,
        wanted: impl Fn(&Catalogue) -> Vec<RelationOid>,
    ) -> Result<Reading, UpstreamError> {
        self.in_time(async |peer| read(peer, wanted).await).await
    }

    /// Whether it is what it was when it was read.
    pub async fn is_still(&mut self, reading: &mut Reading) -> Result<bool, UpstreamError> {
        self.in_time(async |peer| {
            let question = reading.fingerprint.question();
            let rows = rows(peer, &question).await?;
            let still = reading.fingerprint.is_still(&rows);
            still.ok_or_else(|| not_postgresql(peer))
        })
        .await
    }

    /// Says goodbye.
    pub async fn close(self) {
        self.0.close().await;
    }

    async fn in_time<T>(
        &mut self,
        ask: impl AsyncFnOnce(&mut Conversation) -> Result<T, UpstreamError>,
    ) -> Result<T, UpstreamError> {
        timeout(PATIENCE, ask(&mut self.0))
            .await
            .map_err(|_| UpstreamError::Silent(self.0.upstream()))?
    }
}

async fn prepare(peer: &mut Conversation) -> Result<(), UpstreamError> {
    let question = format!("{PREPARED}{}", fingerprint::preparation());
    ask(peer, &question, |_| None).await
}

async fn read(
    peer: &mut Conversation,
    wanted: impl Fn(&Catalogue) -> Vec<RelationOid>,
) -> Result<Reading, UpstreamError> {
    // All of it as of one moment, which the fingerprint is of, too.
    let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
    ask(peer, begin, |_| None).await?;
    let first = rows(peer, fingerprint::FIRST).await?;
    let fingerprint = Fingerprint::first(&first).ok_or_else(|| not_postgresql(peer))?;
    let mut catalogue = Catalogue::default();
    for (question, add) in catalogue::QUESTIONS.into_iter().zip(catalogue::ANSWERS) {
        ask(peer, question, |row| add(&mut catalogue, row)).await?;
    }
    let mut code = Code::default();
    for (question, add) in code::QUESTIONS {
        ask(peer, question, |row| add(&mut code, row)).await?;
    }
    catalogue.reshaping = Reshaping::of(&code, &catalogue);
    let wanted = wanted(&catalogue);
    if !wanted.is_empty() {
        let question = catalogue::rules_of(&wanted);
        ask(peer, &question, |row| catalogue::trace(&mut catalogue, row)).await?;
    }
    ask(peer, "COMMIT", |_| None).await?;
    Ok(Reading {
        catalogue,
        fingerprint,
    })
}

async fn rows(peer: &mut Conversation, question: &str) -> Result<Vec<DataRow>, UpstreamError> {
    let mut rows = Vec::new();
    let add = |row: &DataRow| {
        rows.push(row.clone());
        // It asks for a line a table.
        (rows.len() <= 100).then_some(())
    };
    ask(peer, question, add).await?;
    Ok(rows)
}

/// Asks, and has each row taken; one that can't be ends it.
async fn ask(
    peer: &mut Conversation,
    question: &str,
    mut add: impl FnMut(&DataRow) -> Option<()>,
) -> Result<(), UpstreamError> {
    let query = Query::new(question.as_bytes()).map_err(|error| peer.broken(&error))?;
    peer.send(query.frame().raw()).await?;
    let mut rows = 0;
    let mut refused = None;
    loop {
        match peer.receive().await? {
            backend::Message::DataRow(row) => {
                rows += 1;
                if rows > MOST_ROWS || add(&row).is_none() {
                    return Err(not_postgresql(peer));
                }
            }
            backend::Message::ErrorResponse(error) => refused = Some(peer.refused(&error)),
            backend::Message::ReadyForQuery(_) => return refused.map_or(Ok(()), Err),
            backend::Message::RowDescription(_)
            | backend::Message::CommandComplete(_)
            | backend::Message::NoticeResponse(_)
            | backend::Message::ParameterStatus(_) => {}
            other => return Err(peer.protocol(&format!("{} in a catalogue query", other.name()))),
        }
    }
}

fn not_postgresql(peer: &Conversation) -> UpstreamError {
    peer.protocol("its catalogue is not PostgreSQL's")
}

pub(super) fn text(row: &DataRow, column: usize) -> Option<String> {
    String::from_utf8(row.column(column)??.to_vec()).ok()
}

pub(super) fn oid(row: &DataRow, column: usize) -> Option<RelationOid> {
    Some(RelationOid(text(row, column)?.parse().ok()?))
}
