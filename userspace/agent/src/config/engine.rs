//! `[engine]`: what holds for the daemon as a whole.

use std::{
    net::IpAddr,
    path::{Path, PathBuf},
};

use toml::Spanned;

use super::{
    address::plain,
    invalid::{InvalidValue, quoted},
    path,
    resolvers::Resolvers,
    size,
    table::Table,
    value::Value,
};

/// What holds for the daemon as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Engine {
    /// Where state is kept: records below `records`, the certificate authority below `ca`.
    pub state: PathBuf,
    /// The unix socket of the local API.
    pub socket: PathBuf,
    /// The directory of policies and masking rules; none means the shipped ones.
    pub policies: Option<PathBuf>,
    /// The resolvers that weir asks for workloads.
    pub resolvers: Resolvers,
    /// The largest message that is read, in bytes.
    pub max_message: usize,
    /// Whether sessions may use io_uring, where the kernel has it.
    pub io_uring: bool,
}

impl Default for Engine {
    fn default() -> Self {
        Self {
            state: "/var/lib/weir".into(),
            socket: "/run/weir/weir.sock".into(),
            policies: None,
            resolvers: Resolvers::System,
            max_message: 64 << 20,
            io_uring: true,
        }
    }
}

impl Engine {
    /// The directory of the records.
    #[must_use]
    pub fn records(&self) -> PathBuf {
        self.state.join("records")
    }

    /// The log of what no session records.
    #[must_use]
    pub fn audit(&self) -> PathBuf {
        self.state.join("audit.jsonl")
    }

    /// The directory of the certificate authority.
    #[must_use]
    pub fn authority(&self) -> PathBuf {
        self.state.join("ca")
    }
}

/// Where a state directory keeps the policies that were in force, and which signed ones were taken.
#[must_use]
pub fn kept_policies(state: &Path) -> PathBuf {
    state.join("policies")
}

/// A message below this bound would not hold an ordinary statement; one above the other is more
/// than a PostgreSQL server takes.
const LEAST_MESSAGE: usize = 64 << 10;
const MOST_MESSAGE: usize = 1 << 30;

pub(super) fn read(mut table: Table<'_>) -> Engine {
    let default = Engine::default();
    let state = table
        .optional("state")
        .and_then(|v| v.check(path::absolute));
    let socket = table.optional("socket").and_then(|v| v.check(path::socket));
    let kept = kept_policies(state.as_ref().unwrap_or(&default.state));
    let policies = table
        .optional("policies")
        .and_then(|v| v.check(|text| outside(text, &kept)));
    let resolvers = table.optional("resolvers").map(|v| v.each(resolver));
    let max_message = table
        .optional("max_message")
        .and_then(|v| size::read(&v, LEAST_MESSAGE, MOST_MESSAGE));
    let io_uring = table.optional("io_uring").and_then(|v| v.flag());
    table.finish();
    Engine {
        state: state.unwrap_or(default.state),
        socket: socket.unwrap_or(default.socket),
        policies,
        resolvers: resolvers.map_or(default.resolvers, |list| {
            Resolvers::Declared(list.into_iter().map(Spanned::into_inner).collect())
        }),
        max_message: max_message.unwrap_or(default.max_message),
        io_uring: io_uring.unwrap_or(default.io_uring),
    }
}

/// A directory that isn't where weir remembers what it has taken: who replaces it as a whole would
/// have an older bundle pass.
fn outside(text: &str, kept: &Path) -> Result<PathBuf, InvalidValue> {
    let path = path::absolute(text)?;
    if path.starts_with(kept) {
        return Err(InvalidValue::new(format!(
            "{} is where weir keeps what was in force",
            quoted(text)
        ))
        .help("put your own policies elsewhere, as in \"/etc/weir/policies\""));
    }
    Ok(path)
}

fn resolver(value: Value<'_>) -> Option<IpAddr> {
    value.check(|text| match text.parse() {
        Ok(address) => plain(address),
        Err(_) => Err(
            InvalidValue::new(format!("{} is not an address", quoted(text)))
                .help("a resolver is named by its address, as \"192.0.2.53\"; its port is 53"),
        ),
    })
}
