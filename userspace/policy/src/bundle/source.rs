//! What a bundle is read from, and the version that names it.

use std::{ffi::OsStr, fmt, path::Path, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Diagnostic, Severity};

/// Largest source, in bytes.
const MAX_LEN: usize = 1 << 20;

/// The name of the source with the masking rules.
const MASKING: &str = "masking.toml";

/// The name of the source with the signals.
const SIGNALS: &str = "signals.toml";

/// One source text of a bundle. By the last component of its name, `*.cedar` are policies,
/// `masking.toml` holds the masking rules and `signals.toml` the signals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its name, as errors show it.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// The name of a bundle's content: 16 hex characters of a BLAKE3 digest over the file names and texts
/// of its sources, in whatever order they came and from wherever: a bundle has the same one on the machine
/// that checks it and on the host that it is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PolicyVersion(Arc<str>);

impl Source {
    /// The last component of its name.
    #[must_use]
    pub fn file_name(&self) -> &str {
        let name = Path::new(&self.name).file_name();
        name.and_then(OsStr::to_str).unwrap_or(&self.name)
    }
}

/// Sources by what they are.
pub(super) struct Sorted<'a> {
    /// In the order of their names.
    pub(super) policies: Vec<&'a Source>,
    /// The given one, or the shipped.
    pub(super) masking: &'a Source,
    /// Likewise.
    pub(super) signals: &'a Source,
    /// Whether the signals were given.
    pub(super) own_signals: bool,
}

impl<'a> Sorted<'a> {
    /// Sorts sources; what is wrong with them goes to `found`.
    pub(super) fn new(
        sources: &'a [Source],
        (shipped_masking, shipped_signals): (&'a Source, &'a Source),
        found: &mut Vec<Diagnostic>,
    ) -> Self {
        let mut policies: Vec<&Source> = Vec::new();
        let mut masking: Option<&Source> = None;
        let mut signals: Option<&Source> = None;
        for source in sources {
            let mut error = |message: String, help: Option<&str>| {
                let help = help.map(str::to_owned);
                found.push(Diagnostic::at(Severity::Error, source, 0..0, message, help));
            };
            if source.text.len() > MAX_LEN {
                error(format!("a source is at most {MAX_LEN} bytes long"), None);
                continue;
            }
            if source.file_name() == MASKING {
                if let Some(other) = masking {
                    error(
                        format!("masking rules are already given by {}", other.name),
                        None,
                    );
                }
                masking = Some(source);
            } else if source.file_name() == SIGNALS {
                if let Some(other) = signals {
                    error(format!("signals are already given by {}", other.name), None);
                }
                signals = Some(source);
            } else if Path::new(&source.name).extension() == Some(OsStr::new("cedar")) {
                if policies.iter().any(|other| other.name == source.name) {
                    error("two sources have this name".into(), None);
                }
                policies.push(source);
            } else {
                error(
                    "neither policies, nor masking rules, nor signals".into(),
                    Some(
                        "policies are called *.cedar, masking rules masking.toml, signals signals.toml",
                    ),
                );
            }
        }
        if policies.is_empty() {
            found.push(Diagnostic::of_bundle(
                "no policies: everything would be denied without a reason",
                Some("a bundle has at least one *.cedar".into()),
            ));
        }
        policies.sort_by(|a, b| a.name.cmp(&b.name));
        Self {
            policies,
            masking: masking.unwrap_or(shipped_masking),
            signals: signals.unwrap_or(shipped_signals),
            own_signals: signals.is_some(),
        }
    }

    /// The version of all that is in it.
    pub(super) fn version(&self) -> PolicyVersion {
        let sources = self.policies.iter().chain([&self.masking, &self.signals]);
        let mut sources: Vec<[&str; 2]> = sources
            .map(|source| [source.file_name(), source.text.as_str()])
            .collect();
        sources.sort_unstable();
        let mut hasher = blake3::Hasher::new();
        for source in sources {
            for part in source {
                // A digest of digests: no text can pass for the end of one and the start of
                // another.
                hasher.update(blake3::hash(part.as_bytes()).as_bytes());
            }
        }
        PolicyVersion::of(&hasher)
    }
}

impl fmt::Display for PolicyVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for PolicyVersion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for PolicyVersion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(String::deserialize(deserializer)?.into()))
    }
}

impl PolicyVersion {
    fn of(hasher: &blake3::Hasher) -> Self {
        let hex: String = hasher.finalize().to_hex().chars().take(16).collect();
        Self(hex.into())
    }

    /// The name of this content and of what was added to it, in the order given.
    pub(super) fn with<'a>(&self, added: impl IntoIterator<Item = [&'a str; 4]>) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.0.as_bytes());
        for part in added.into_iter().flatten() {
            hasher.update(blake3::hash(part.as_bytes()).as_bytes());
        }
        Self::of(&hasher)
    }

    /// The 16 characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
