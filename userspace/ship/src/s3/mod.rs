//! Finished records to S3-compatible object storage.
//!
//! Job: upload each record once it is finished, under a key that is the same whenever it is tried:
//! `prefix/host/yyyy/mm/dd/<session>.weir`. Large ones go in parts, and an upload that was cut off goes
//! on with the next part. Each part carries its SHA-256, which the store checks before it takes it;
//! an upload counts once a HEAD shows the length, the ETag that was answered and the BLAKE3 hash that
//! it was begun with.
//!
//! Not its job: removing local records; retention asks [`Shipped`] whether it may. Keeping objects
//! from being removed there: that is the bucket's (Object Lock with a default retention).
//!
//! Known limits: the record of a session that never ended, since its writer was killed, is uploaded
//! once it hasn't changed for an hour. A record that grows after its upload is uploaded again.

mod progress;
mod upload;

use std::{
    collections::{BTreeMap, HashSet},
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use object_store::{
    ClientOptions, RetryConfig,
    aws::{AmazonS3, AmazonS3Builder, Checksum},
};
use secrecy::{ExposeSecret, SecretString};
use tokio::{sync::watch, task::spawn_blocking, time::sleep};
use weir_record::{Entry, Event, SessionId, SessionReader, store};

use crate::{
    backoff::Backoff,
    courier::stopped,
    cursor::{Cursor, Mark},
    feed::Source,
    status::{State, in_a_line},
};

/// How often it is looked for finished records.
const LOOK: Duration = Duration::from_secs(2);
/// After so long without a change a record without an end is taken for finished.
const ABANDONED: Duration = Duration::from_secs(60 * 60);

/// Where records are uploaded to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3Options {
    /// The bucket.
    pub bucket: String,
    /// What all keys begin with; may be empty.
    pub prefix: String,
    /// The bucket's region.
    pub region: String,
    /// The store's address, where it isn't Amazon's.
    pub endpoint: Option<String>,
    /// The authorities to trust beside the system's roots, as PEM.
    pub ca: Option<PathBuf>,
    /// Who uploads.
    pub credentials: S3Credentials,
    /// Whether retention may remove only what was uploaded.
    pub keep_local_until_shipped: bool,
    /// Records larger than this go in parts of this size, in bytes.
    pub part: usize,
}

/// Who uploads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum S3Credentials {
    /// A key, and the file of its secret.
    Key {
        /// The key's id.
        id: String,
        /// The file of its secret.
        secret_file: PathBuf,
    },
    /// `AWS_ACCESS_KEY_ID` and its kin in the daemon's environment.
    Environment,
    /// What the instance's metadata service hands out.
    Instance,
}

/// Why nothing can be uploaded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum S3Error {
    #[error("can't read {}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("the environment holds no AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")]
    NoCredentials,
    #[error(transparent)]
    Store(#[from] object_store::Error),
    #[error("{key} is not what was uploaded: {problem}")]
    Unverified { key: String, problem: String },
    #[error("{} changed while it was uploaded", .0.display())]
    Changed(PathBuf),
}

/// Which records the store has, verified.
#[derive(Clone, Debug, Default)]
pub struct Shipped(Arc<Mutex<HashSet<SessionId>>>);

impl Shipped {
    /// Whether the store has this session's record.
    #[must_use]
    pub fn has(&self, id: SessionId) -> bool {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(&id)
    }

    pub(crate) fn add(&self, ids: impl IntoIterator<Item = SessionId>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.extend(ids);
    }
}

#[derive(Debug)]
pub(crate) struct Uploader {
    pub(crate) options: S3Options,
    pub(crate) source: Source,
    pub(crate) cursor: Cursor,
    pub(crate) uploads: PathBuf,
    pub(crate) shipped: Shipped,
    pub(crate) state: Arc<State>,
    pub(crate) stop: watch::Receiver<bool>,
    pub(crate) store: Option<AmazonS3>,
    /// Records that are not finished, at this length.
    pub(crate) unfinished: BTreeMap<SessionId, u64>,
    /// Records without an end that were uploaded at this length.
    pub(crate) abandoned: BTreeMap<SessionId, u64>,
}

/// It is to stop.
struct Stopped;

impl Uploader {
    /// Runs until it is told to stop.
    pub(crate) async fn run(mut self) {
        while let Ok(()) = self.step().await {}
    }

    async fn step(&mut self) -> Result<(), Stopped> {
        match self.finished().await {
            Ok(finished) => {
                let mut left = finished.len();
                for (id, length, ended) in finished {
                    self.state.queue(0, None, left);
                    self.ship(id, length, ended).await?;
                    left -= 1;
                }
                self.state.queue(0, None, 0);
            }
            Err(error) => self
                .state
                .failed(&format!("can't read the records: {error}")),
        }
        self.pause(LOOK).await
    }

    /// Records that can be uploaded: which, how long, and whether they have an end.
    async fn finished(&mut self) -> io::Result<Vec<(SessionId, u64, bool)>> {
        let source = self.source.clone();
        let (done, mut unfinished) = (self.cursor.done().clone(), self.unfinished.clone());
        let abandoned = self.abandoned.clone();
        let looked = spawn_blocking(move || {
            let mut finished = Vec::new();
            let mut ids: Vec<SessionId> = source.sessions()?.into_iter().collect();
            ids.sort_unstable();
            for id in ids {
                let given_up = abandoned.get(&id);
                if done.contains(&id) && given_up.is_none() {
                    continue;
                }
                let path = store::path_of(&source.records, id);
                let Ok(meta) = fs::metadata(&path) else {
                    continue;
                };
                let length = meta.len();
                if given_up == Some(&length) {
                    continue;
                }
                let ended = unfinished.get(&id) != Some(&length) && has_end(&path);
                if ended || is_abandoned(meta.modified().ok()) {
                    finished.push((id, length, ended));
                } else {
                    unfinished.insert(id, length);
                }
            }
            Ok::<_, io::Error>((finished, unfinished))
        });
        let (finished, unfinished) = looked.await.map_err(io::Error::other).flatten()?;
        self.unfinished = unfinished;
        Ok(finished)
    }

    /// Uploads one record, however long it takes.
    async fn ship(&mut self, id: SessionId, length: u64, ended: bool) -> Result<(), Stopped> {
        let mut backoff = Backoff::new();
        loop {
            let tried = self.try_ship(id).await?;
            match tried {
                Ok(()) => break,
                // Retention was faster, or it grows: it is looked at again.
                Err(S3Error::Changed(_)) => return Ok(()),
                Err(S3Error::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                    return Ok(());
                }
                Err(error) => {
                    self.store = None;
                    self.state.failed(&in_a_line(&error));
                    self.pause(backoff.next()).await?;
                }
            }
        }
        if ended {
            self.abandoned.remove(&id);
        } else {
            self.abandoned.insert(id, length);
        }
        self.unfinished.remove(&id);
        self.shipped.add([id]);
        self.state.delivered(1);
        if let Err(error) = self.cursor.acknowledge(&[Mark::Done(id)]) {
            tracing::warn!(%error, "the cursor of uploads can't be written");
        }
        Ok(())
    }

    async fn try_ship(&mut self, id: SessionId) -> Result<Result<(), S3Error>, Stopped> {
        let store = match &self.store {
            Some(store) => store.clone(),
            None => match connect(&self.options) {
                Ok(store) => self.store.insert(store).clone(),
                Err(error) => return Ok(Err(error)),
            },
        };
        let path = store::path_of(&self.source.records, id);
        let job = upload::Upload {
            store: &store,
            key: key(&self.options.prefix, self.source.host.name(), id),
            path: &path,
            part: self.options.part,
            progress: self.uploads.join(format!("{id}.json")),
        };
        tokio::select! {
            done = job.run() => Ok(done),
            () = stopped(&mut self.stop) => Err(Stopped),
        }
    }

    async fn pause(&mut self, wait: Duration) -> Result<(), Stopped> {
        tokio::select! {
            () = sleep(wait) => Ok(()),
            () = stopped(&mut self.stop) => Err(Stopped),
        }
    }
}

fn connect(options: &S3Options) -> Result<AmazonS3, S3Error> {
    let read = |path: &Path| {
        fs::read(path).map_err(|source| S3Error::File {
            path: path.to_owned(),
            source,
        })
    };
    let mut client = ClientOptions::new()
        .with_connect_timeout(Duration::from_secs(10))
        .with_timeout(Duration::from_secs(120));
    if let Some(ca) = &options.ca {
        for certificate in object_store::Certificate::from_pem_bundle(&read(ca)?)? {
            client = client.with_root_certificate(certificate);
        }
    }
    let mut builder = match &options.credentials {
        S3Credentials::Key { id, secret_file } => {
            let secret = SecretString::from(
                String::from_utf8_lossy(&read(secret_file)?)
                    .trim_end()
                    .to_owned(),
            );
            AmazonS3Builder::new()
                .with_access_key_id(id)
                .with_secret_access_key(secret.expose_secret())
        }
        S3Credentials::Environment => {
            let is_set = |name| std::env::var_os(name).is_some();
            if !is_set("AWS_ACCESS_KEY_ID") || !is_set("AWS_SECRET_ACCESS_KEY") {
                return Err(S3Error::NoCredentials);
            }
            AmazonS3Builder::from_env()
        }
        S3Credentials::Instance => AmazonS3Builder::new(),
    };
    builder = builder
        .with_bucket_name(&options.bucket)
        .with_region(&options.region)
        .with_checksum_algorithm(Checksum::SHA256)
        .with_client_options(client)
        // Waiting is the uploader's.
        .with_retry(RetryConfig {
            max_retries: 1,
            ..RetryConfig::default()
        });
    if let Some(endpoint) = &options.endpoint {
        builder = builder
            .with_allow_http(endpoint.starts_with("http://"))
            .with_endpoint(endpoint);
    }
    Ok(builder.build()?)
}

/// Where a session's record is: by the day on which it started.
fn key(prefix: &str, host: &str, id: SessionId) -> object_store::path::Path {
    let day = id.began().strftime("%Y/%m/%d").to_string();
    let parts = prefix
        .split('/')
        .chain([host])
        .chain(day.split('/'))
        .filter(|part| !part.is_empty())
        .map(str::to_owned)
        .chain([format!("{id}.weir")]);
    parts.collect()
}

/// Whether a record is whole, to its session's end.
fn has_end(path: &Path) -> bool {
    let Ok(reader) = SessionReader::survey(path) else {
        return false;
    };
    let mut ended = false;
    for entry in reader.without_results() {
        match entry {
            Ok(entry) => ended = matches!(entry, Entry::Event(Event::End(_))),
            // What is damaged is uploaded as it is, once nobody writes it.
            Err(_) => return false,
        }
    }
    ended
}

fn is_abandoned(modified: Option<SystemTime>) -> bool {
    modified.is_some_and(|modified| {
        let since = SystemTime::now().duration_since(modified);
        since.is_ok_and(|since| since > ABANDONED)
    })
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn a_record_has_one_key_for_ever() {
        let at: Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
        let id = SessionId::new(at, 7);
        let end = format!("db-1/2026/11/21/{id}.weir");
        assert_eq!(key("", "db-1", id).to_string(), end);
        assert_eq!(key("/a//b/", "db-1", id).to_string(), format!("a/b/{end}"));
        let odd = key("", "../etc", id).to_string();
        assert!(!odd.contains("../"), "{odd}");
    }
}
