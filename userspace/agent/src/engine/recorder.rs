//! The recorder of an engine: where its records go, and whose key vouches for them.

use std::{env, fs, path::PathBuf, sync::Arc};

use weir_record::{
    Observer, Options, Recorder, SigningKey,
    retain::{Limits, Spared},
};
use weir_ship::Shipped;

use super::{Engine, EngineError};
use crate::config::Config;

/// The credential that the service manager hands over, where there is one.
const CREDENTIAL: &str = "weir-record-key";

/// Opens the records of a configuration. The key is the service manager's to hand over; where it
/// doesn't, one is kept in the state directory.
pub(super) fn open(
    config: &Config,
    shipped: &Shipped,
    observer: Arc<dyn Observer>,
) -> Result<Recorder, EngineError> {
    let state = &config.engine.state;
    fs::create_dir_all(state).map_err(|source| EngineError::State {
        path: state.clone(),
        source,
    })?;
    let credential = env::var_os("CREDENTIALS_DIRECTORY")
        .map(|dir| PathBuf::from(dir).join(CREDENTIAL))
        .filter(|path| path.exists());
    let key = match credential {
        Some(path) => SigningKey::read(&path)?,
        None => SigningKey::open(state)?,
    };
    key.publish(state)?;
    let records = &config.records;
    let options = Options {
        dir: config.engine.records(),
        key,
        durability: records.durability,
        recipients: records.recipients.clone(),
        reserve: records.reserve,
        keep: records.keep,
        max_size: records.max_size,
    };
    let spared = spared(config, shipped);
    Ok(Recorder::open_observed(options, spared, observer)?)
}

impl Engine {
    /// What records its sessions.
    pub(crate) fn recorder(&self) -> &Recorder {
        &self.0.recorder
    }

    /// Which of them are kept.
    pub(crate) fn kept(&self) -> Limits {
        let records = &self.0.config.records;
        Limits {
            keep: records.keep,
            max_size: records.max_size,
        }
    }
}

/// What was not uploaded stays, where that is wanted.
fn spared(config: &Config, shipped: &Shipped) -> Spared {
    let waits = config
        .ship
        .s3
        .as_ref()
        .is_some_and(|s3| s3.keep_local_until_shipped);
    if !waits {
        return Spared::default();
    }
    let shipped = shipped.clone();
    Spared::by(move |id| !shipped.has(id))
}
