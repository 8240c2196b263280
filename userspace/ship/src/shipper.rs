//! All sinks of one engine.

use std::{
    collections::{BTreeMap, HashSet, VecDeque},
    fs::DirBuilder,
    io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use tokio::{sync::watch, task::JoinSet};
use weir_record::SessionId;

use crate::{
    courier::Courier,
    cursor::Cursor,
    feed::{Feed, Source},
    s3::{S3Options, Shipped, Uploader},
    sink::{Sink, SinkOptions},
    status::{SinkStatus, State},
};

/// The name of the upload's cursor and status. No sink is called so.
pub const S3: &str = "s3";

/// What is shipped, and where to.
#[derive(Clone, Debug)]
pub struct Shipping {
    /// Where events come from.
    pub source: Source,
    /// Where cursors are kept.
    pub state: PathBuf,
    /// Where events go.
    pub sinks: Vec<SinkOptions>,
    /// Where records go.
    pub s3: Option<S3Options>,
    /// Is told which records are there; until then nobody takes any for uploaded.
    pub shipped: Shipped,
}

/// Why shipping can't begin.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", path.display())]
pub struct ShipError {
    path: PathBuf,
    source: io::Error,
}

/// Sinks that run.
#[derive(Debug)]
pub struct Shipper {
    states: Vec<Arc<State>>,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Shipper {
    /// Starts every sink where it stopped. Must be called within a runtime.
    ///
    /// # Errors
    /// When a cursor can't be read or kept.
    pub fn start(shipping: Shipping) -> Result<Self, ShipError> {
        // For the object store's client, which takes the process's.
        rustls::crypto::ring::default_provider()
            .install_default()
            .ok();
        let Shipping {
            source,
            state: dir,
            sinks,
            s3,
            shipped,
        } = shipping;
        let present = if sinks.is_empty() && s3.is_none() {
            HashSet::new()
        } else {
            make(&dir)?;
            present(&source)?
        };
        let (stop, stopping) = watch::channel(false);
        let mut shipper = Self {
            states: Vec::new(),
            stop,
            tasks: JoinSet::new(),
        };
        for options in sinks {
            let cursor = cursor(&dir, &options.name, &present)?;
            let state = shipper.state(&options.name, options.kind.as_str());
            let courier = Courier {
                feed: Some(Feed::new(source.clone(), &cursor, Instant::now())),
                cursor,
                sink: Sink::new(&options.kind, source.host.name()),
                state,
                parked: dir.join(format!("{}.parked.jsonl", options.name)),
                stop: stopping.clone(),
                under_way: VecDeque::new(),
            };
            shipper.tasks.spawn(courier.run());
        }
        if let Some(options) = s3 {
            let uploads = dir.join("uploads");
            make(&uploads)?;
            let cursor = cursor(&dir, S3, &present)?;
            let state = shipper.state(S3, S3);
            shipped.add(cursor.done().iter().copied());
            let uploader = Uploader {
                options,
                source,
                cursor,
                uploads,
                shipped,
                state,
                stop: stopping,
                store: None,
                unfinished: BTreeMap::new(),
                abandoned: BTreeMap::new(),
            };
            shipper.tasks.spawn(uploader.run());
        }
        Ok(shipper)
    }

    /// How each sink stands.
    #[must_use]
    pub fn status(&self) -> Vec<SinkStatus> {
        self.states.iter().map(|state| state.status()).collect()
    }

    /// Ends every sink. What they had not delivered they deliver after the next start.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        while self.tasks.join_next().await.is_some() {}
    }

    fn state(&mut self, name: &str, kind: &str) -> Arc<State> {
        let state = Arc::new(State::new(name, kind));
        self.states.push(Arc::clone(&state));
        state
    }
}

fn present(source: &Source) -> Result<HashSet<SessionId>, ShipError> {
    match source.sessions() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(HashSet::new()),
        other => other.map_err(at(&source.records)),
    }
}

fn cursor(dir: &Path, name: &str, present: &HashSet<SessionId>) -> Result<Cursor, ShipError> {
    let path = dir.join(format!("{name}.cursor"));
    Cursor::open(&path, present).map_err(at(&path))
}

fn make(dir: &Path) -> Result<(), ShipError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(at(dir))
}

fn at(path: &Path) -> impl Fn(io::Error) -> ShipError {
    let path = path.to_owned();
    move |source| ShipError {
        path: path.clone(),
        source,
    }
}
