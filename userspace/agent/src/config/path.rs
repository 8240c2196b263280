//! Paths of files: absolute, so that they mean the same wherever the daemon is started.

use std::path::{Component, Path, PathBuf};

use super::invalid::{InvalidValue, quoted};

pub(super) fn absolute(text: &str) -> Result<PathBuf, InvalidValue> {
    let path = Path::new(text);
    if !path.is_absolute() {
        return Err(
            InvalidValue::new(format!("{} is not an absolute path", quoted(text))).help(
                "begin it with `/`: the daemon has no directory that it could be counted from",
            ),
        );
    }
    if text.contains(char::is_control) || path.components().any(|c| c == Component::ParentDir) {
        return Err(
            InvalidValue::new(format!("{} is not a plain path", quoted(text)))
                .help("write it without `..` and control characters"),
        );
    }
    Ok(path.to_owned())
}

/// A path that a unix socket can be bound to (unix(7): 108 bytes with the final NUL).
pub(super) fn socket(text: &str) -> Result<PathBuf, InvalidValue> {
    const LONGEST: usize = 107;
    let path = absolute(text)?;
    if text.len() > LONGEST {
        return Err(
            InvalidValue::new(format!("a socket's path has at most {LONGEST} bytes"))
                .help(format!("this one has {}", text.len())),
        );
    }
    Ok(path)
}
