//! What a caller chooses, and the two configuration files that say it to the server.

use std::fmt::Write as _;
use std::path::Path;

/// How the server asks a client who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Auth {
    /// SCRAM-SHA-256, with channel binding offered over TLS.
    #[default]
    Scram,
    /// The old salted MD5.
    Md5,
    /// The password as it is.
    Cleartext,
    /// Nobody is asked for anything.
    Trust,
}

impl Auth {
    /// The method's name in `pg_hba.conf`.
    pub(super) fn method(self) -> &'static str {
        match self {
            Self::Scram => "scram-sha-256",
            Self::Md5 => "md5",
            Self::Cleartext => "password",
            Self::Trust => "trust",
        }
    }

    /// How passwords are stored: a server that stores them as SCRAM would answer SCRAM to `md5`.
    pub(super) fn password_encryption(self) -> &'static str {
        match self {
            Self::Md5 => "md5",
            Self::Scram | Self::Cleartext | Self::Trust => "scram-sha-256",
        }
    }
}

/// Where one server listens, and with what.
pub(super) struct Listen<'a> {
    /// `None`: on its unix socket alone.
    pub(super) port: Option<u16>,
    pub(super) socket: &'a Path,
    /// Certificate chain and key.
    pub(super) tls: Option<(&'a Path, &'a Path)>,
    /// Whether nobody gets in without it.
    pub(super) tls_demanded: bool,
    pub(super) auth: Auth,
    /// For measuring: so many connections, and no log of what they send.
    pub(super) load: Option<u32>,
}

/// What every server has: nothing durable.
const COMMON: &str = "\
fsync = off
synchronous_commit = off
full_page_writes = off
autovacuum = off
jit = off
wal_level = logical
max_prepared_transactions = 20
# A connection that never says who it is must not outlive the server by a minute.
authentication_timeout = '5s'
# With files rather than shared memory objects, removing the directory removes everything.
dynamic_shared_memory_type = mmap
timezone = 'UTC'
log_timezone = 'UTC'
lc_messages = 'C'
log_destination = 'stderr'
logging_collector = off
";

/// Everything it is sent is in its log, in a form that [`log`](super::log) reads back.
const WATCHED: &str = "\
shared_buffers = '16MB'
max_connections = 100
log_statement = 'all'
# The only way to see a statement that is parsed and never executed.
log_min_duration_statement = 0
log_line_prefix = '%m [%p] %q%u@%d '
";

/// The number in the unix socket's name when there is no TCP port to share it with.
const SOCKET_PORT: u16 = 5432;

impl Listen<'_> {
    /// The number in the unix socket's name.
    pub(super) fn socket_port(&self) -> u16 {
        self.port.unwrap_or(SOCKET_PORT)
    }

    /// `postgresql.conf`.
    pub(super) fn conf(&self) -> String {
        let mut conf = COMMON.to_owned();
        match self.load {
            None => conf.push_str(WATCHED),
            Some(connections) => {
                setting(&mut conf, "shared_buffers", "256MB");
                setting(&mut conf, "max_connections", &connections.to_string());
            }
        }
        let addresses = if self.port.is_some() {
            "127.0.0.1,::1"
        } else {
            ""
        };
        setting(&mut conf, "listen_addresses", addresses);
        setting(&mut conf, "port", &self.socket_port().to_string());
        setting(
            &mut conf,
            "unix_socket_directories",
            &self.socket.to_string_lossy(),
        );
        setting(
            &mut conf,
            "password_encryption",
            self.auth.password_encryption(),
        );
        if let Some((chain, key)) = self.tls {
            setting(&mut conf, "ssl", "on");
            setting(&mut conf, "ssl_cert_file", &chain.to_string_lossy());
            setting(&mut conf, "ssl_key_file", &key.to_string_lossy());
        }
        conf
    }

    /// `pg_hba.conf`. Where TLS is demanded, to have been served by TCP is proof of it.
    pub(super) fn hba(&self) -> String {
        let kind = if self.tls.is_some() && self.tls_demanded {
            "hostssl"
        } else {
            "host"
        };
        let method = self.auth.method();
        format!(
            "local all all {method}\n\
             {kind} all all 127.0.0.1/32 {method}\n\
             {kind} all all ::1/128 {method}\n\
             {kind} replication all 127.0.0.1/32 {method}\n"
        )
    }
}

fn setting(conf: &mut String, name: &str, value: &str) {
    let value = value.replace('\'', "''");
    // Writing to a `String` can't fail.
    writeln!(conf, "{name} = '{value}'").ok();
}
