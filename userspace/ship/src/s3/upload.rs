//! One record's upload: at once or in parts, and verified.

use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use object_store::{
    Attribute, Attributes, GetOptions, ObjectStore, PutMultipartOptions, PutOptions, PutPayload,
    aws::AmazonS3,
    client::HttpError,
    multipart::{MultipartStore, PartId},
};
use tokio::task::spawn_blocking;

use super::{
    S3Error,
    progress::{Identity, Progress},
};

/// So often in a row may the store refuse an upload that was begun before, without taking a part of
/// it. Stores that forgot one answer with all kinds of errors, and it is known by the parts that it
/// took that one is not forgotten.
const MOST_REFUSED: u32 = 3;
/// The metadata that holds the record's hash.
const HASH: &str = "weir-blake3";

pub(super) struct Upload<'a> {
    pub(super) store: &'a AmazonS3,
    pub(super) key: object_store::path::Path,
    pub(super) path: &'a Path,
    pub(super) part: usize,
    /// Where it is kept how far it has come.
    pub(super) progress: PathBuf,
}

impl Upload<'_> {
    /// Uploads and verifies.
    pub(super) async fn run(&self) -> Result<(), S3Error> {
        let of = self.identity().await?;
        let tag = if of.length <= self.part as u64 {
            self.at_once(&of).await?
        } else {
            self.in_parts(&of).await?
        };
        self.verify(&of, tag.as_deref()).await?;
        Progress::forget(&self.progress);
        if of.is(self.stamp()?) {
            Ok(())
        } else {
            Err(S3Error::Changed(self.path.to_owned()))
        }
    }

    async fn at_once(&self, of: &Identity) -> Result<Option<String>, S3Error> {
        let bytes = self.read(0, of.length).await?;
        // The bytes that are sent are those that were hashed.
        if blake3::hash(&bytes).to_hex().as_str() != of.hash {
            return Err(S3Error::Changed(self.path.to_owned()));
        }
        let options = PutOptions {
            attributes: attributes(of),
            ..PutOptions::default()
        };
        let put = self
            .store
            .put_opts(&self.key, PutPayload::from(bytes), options)
            .await?;
        Ok(put.e_tag)
    }

    async fn in_parts(&self, of: &Identity) -> Result<Option<String>, S3Error> {
        let known = Progress::load(&self.progress);
        let (mut progress, continued) = match known {
            Some(known) if known.is_of(of, &self.key, self.part) => (known, true),
            other => (self.begin(of, other).await?, false),
        };
        let before = progress.parts.len();
        let error = match self.rest(&mut progress).await {
            Err(S3Error::Store(error)) if continued => error,
            other => return other,
        };
        let forgotten = matches!(error, object_store::Error::NotFound { .. });
        if !forgotten {
            let is_fruitless = progress.parts.len() == before && is_answer(&error);
            progress.refused = if is_fruitless {
                progress.refused + 1
            } else {
                0
            };
            self.keep(&progress)?;
            if progress.refused < MOST_REFUSED {
                return Err(error.into());
            }
        }
        // Another is begun at once, lest it waits as long as the outage did.
        let mut anew = self.begin(of, Some(progress)).await?;
        self.rest(&mut anew).await
    }

    /// Begins an upload in the place of one that is of no more use.
    async fn begin(&self, of: &Identity, old: Option<Progress>) -> Result<Progress, S3Error> {
        let options = PutMultipartOptions {
            attributes: attributes(of),
            ..PutMultipartOptions::default()
        };
        let id = self.store.create_multipart_opts(&self.key, options).await?;
        let progress = Progress {
            key: self.key.to_string(),
            id,
            of: of.clone(),
            part: self.part,
            parts: Vec::new(),
            refused: 0,
        };
        self.keep(&progress)?;
        if let Some(old) = old {
            // Its parts would lie there, and be paid for.
            let key = object_store::path::Path::from(old.key.as_str());
            if let Err(error) = self.store.abort_multipart(&key, &old.id).await {
                tracing::warn!(%error, "an upload that is no more wanted can't be ended");
            }
        }
        Ok(progress)
    }

    async fn rest(&self, progress: &mut Progress) -> Result<Option<String>, S3Error> {
        loop {
            let number = progress.parts.len();
            let offset = (number * progress.part) as u64;
            if offset >= progress.of.length {
                break;
            }
            let length = (progress.of.length - offset).min(progress.part as u64);
            let bytes = self.read(offset, length).await?;
            let part = self
                .store
                .put_part(&self.key, &progress.id, number, PutPayload::from(bytes))
                .await?;
            progress.parts.push(part.content_id);
            self.keep(progress)?;
        }
        // The parts are of the file as it was hashed, or it would have changed since.
        if !progress.of.is(self.stamp()?) {
            return Err(S3Error::Changed(self.path.to_owned()));
        }
        let parts = progress.parts.iter().cloned();
        let parts = parts.map(|content_id| PartId { content_id }).collect();
        let done = self
            .store
            .complete_multipart(&self.key, &progress.id, parts)
            .await?;
        Ok(done.e_tag)
    }

    /// Asks the store what it has.
    async fn verify(&self, of: &Identity, tag: Option<&str>) -> Result<(), S3Error> {
        let head = GetOptions {
            head: true,
            ..GetOptions::default()
        };
        let found = self.store.get_opts(&self.key, head).await?;
        let hash = found
            .attributes
            .get(&Attribute::Metadata(HASH.into()))
            .map(|value| value.as_ref().to_owned());
        let problem = if found.meta.size != of.length {
            format!("{} bytes instead of {}", found.meta.size, of.length)
        } else if tag.is_some() && found.meta.e_tag.as_deref() != tag {
            "its ETag is another".to_owned()
        } else if hash.as_deref() != Some(of.hash.as_str()) {
            "its hash is another".to_owned()
        } else {
            return Ok(());
        };
        Err(S3Error::Unverified {
            key: self.key.to_string(),
            problem,
        })
    }

    /// The file as it is, hashed; what was hashed before isn't again.
    async fn identity(&self) -> Result<Identity, S3Error> {
        let stamp = self.stamp()?;
        if let Some(known) = Progress::load(&self.progress)
            && known.of.is(stamp)
        {
            return Ok(known.of);
        }
        let path = self.path.to_owned();
        let hashed = spawn_blocking(move || {
            let mut hasher = blake3::Hasher::new();
            hasher.update_reader(File::open(path)?)?;
            Ok::<_, io::Error>(hasher.finalize().to_hex().to_string())
        });
        let hash = hashed.await.map_err(io::Error::other).flatten();
        Ok(Identity {
            length: stamp.0,
            changed: stamp.1,
            hash: hash.map_err(|source| self.blame(source))?,
        })
    }

    fn stamp(&self) -> Result<(u64, u64), S3Error> {
        let meta = fs::metadata(self.path).map_err(|source| self.blame(source))?;
        Ok(Identity::stamp(&meta))
    }

    async fn read(&self, offset: u64, length: u64) -> Result<Vec<u8>, S3Error> {
        let path = self.path.to_owned();
        let read = spawn_blocking(move || {
            let mut file = File::open(path)?;
            file.seek(SeekFrom::Start(offset))?;
            let mut bytes = Vec::new();
            file.take(length).read_to_end(&mut bytes)?;
            Ok::<_, io::Error>(bytes)
        });
        let bytes = read.await.map_err(io::Error::other).flatten();
        let bytes = bytes.map_err(|source| self.blame(source))?;
        if bytes.len() as u64 == length {
            Ok(bytes)
        } else {
            Err(S3Error::Changed(self.path.to_owned()))
        }
    }

    fn keep(&self, progress: &Progress) -> Result<(), S3Error> {
        progress
            .save(&self.progress)
            .map_err(|source| S3Error::File {
                path: self.progress.clone(),
                source,
            })
    }

    fn blame(&self, source: io::Error) -> S3Error {
        S3Error::File {
            path: self.path.to_owned(),
            source,
        }
    }
}

/// Whether the store said so itself, rather than being out of reach.
fn is_answer(error: &object_store::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<HttpError>() {
            return false;
        }
        cause = error.source();
    }
    true
}

fn attributes(of: &Identity) -> Attributes {
    Attributes::from_iter([(Attribute::Metadata(HASH.into()), of.hash.clone())])
}
