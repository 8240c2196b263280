//! The recorder of an engine: where its records go, and whose key vouches for them.

use std::{env, fs, path::PathBuf};

use weir_record::{Options, Recorder, SigningKey};

use super::EngineError;
use crate::config::Config;

/// The credential that the service manager hands over, where there is one.
const CREDENTIAL: &str = "weir-record-key";

/// Opens the records of a configuration. The key is the service manager's to hand over; where it
/// doesn't, one is kept in the state directory.
pub(super) fn open(config: &Config) -> Result<Recorder, EngineError> {
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
    Ok(Recorder::open(Options {
        dir: config.engine.records(),
        key,
        durability: records.durability,
        recipients: records.recipients.clone(),
        reserve: records.reserve,
        keep: records.keep,
        max_size: records.max_size,
    })?)
}
