//! What the operator declared: `weir.toml` as one validated, immutable [`Config`].
//!
//! Its job: to read the file, to hold every value to what it may be, to resolve names to what they
//! name, and to say all that is wrong at once, each with its line, a caret and the way out.
//! Nothing is ignored, cut or weakened: an unknown key or name is an error.
//!
//! Not its job: to look at the world that is described. Files of secrets and authorities are read
//! when they are used, names of hosts are resolved by [`route`](crate::route), users and groups are
//! looked up by [`identity`](crate::identity).
//!
//! Limits: PostgreSQL and opaque targets only, and a cgroup that lies in no other workload's.

mod address;
mod approvals;
mod cgroup;
mod cidr;
mod credential;
mod dns;
mod duration;
mod engine;
mod errors;
mod file;
mod identity;
mod invalid;
mod name;
mod nearest;
mod overlap;
mod password;
mod path;
mod policies;
mod provider;
mod records;
mod report;
mod resolvers;
mod rules;
mod ship;
mod size;
mod stanza;
mod table;
mod target;
mod telemetry;
mod tls;
mod value;
mod webhook;
mod workload;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use weir_policy::Mode;

pub use address::{Host, HostName, HostPort};
pub use approvals::Approvals;
pub use cgroup::CgroupPath;
pub use cidr::Cidr;
pub use credential::Credential;
pub use dns::Dns;
pub use engine::{Engine, kept_policies};
pub use errors::ConfigErrors;
pub(crate) use errors::may_everybody_write;
pub use identity::{
    ClientAuth, Identity, IdentityKind, Introspect, OidcIdentity, OidcSource, SpiffeIdentity,
};
pub use invalid::InvalidValue;
pub use name::{IdentityName, ProviderName, SinkName, TargetName, WorkloadName};
pub(crate) use password::key as private_key;
pub use password::{CredentialError, PasswordSource};
pub use policies::PolicyOptions;
pub use provider::{Provider, ProviderKind};
pub use records::Records;
pub(crate) use records::keep;
pub use resolvers::Resolvers;
pub use ship::Ship;
pub(crate) use size::bytes;
pub(crate) use target::is_of_one_host;
pub use target::{
    DialFrom, Match, Place, Postgres, Protocol, Service, Target, Tcp, Transport, Udp,
};
pub use telemetry::{Otlp, Part, Telemetry};
pub use tls::{AgentTls, UpstreamTls};
pub use webhook::{Webhook, WebhookShape};
pub use workload::{Reach, Workload};

/// What the operator declared, validated as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// What holds for the daemon.
    pub engine: Engine,
    /// What holds for policies, wherever they are.
    pub policies: PolicyOptions,
    /// How names are looked up.
    pub dns: Dns,
    /// How sessions are recorded.
    pub records: Records,
    /// Who vouches for people and workloads.
    pub providers: Vec<Arc<Provider>>,
    /// Where events and records are taken.
    pub ship: Ship,
    /// Who is told what is counted and traced.
    pub telemetry: Telemetry,
    /// How people are asked.
    pub approvals: Approvals,
    /// Who is told of it.
    pub webhooks: Vec<Webhook>,
    /// Who is governed. No name and no cgroup is there twice.
    pub workloads: Vec<Workload>,
    /// Who they can be.
    pub identities: Vec<Arc<Identity>>,
    /// Where they can go.
    pub targets: Vec<Arc<Target>>,
}

impl Config {
    /// Reads and validates a file.
    ///
    /// # Errors
    /// When it can't be read, others may write it, or anything in it is wrong.
    pub fn load(path: &Path) -> Result<Self, ConfigErrors> {
        Self::parse(&path.display().to_string(), &errors::text_of(path)?)
    }

    /// Validates the text of a file; `name` is what errors call it.
    ///
    /// # Errors
    /// With all that is wrong in it.
    pub fn parse(name: &str, text: &str) -> Result<Self, ConfigErrors> {
        file::read(name, text).map_err(ConfigErrors::Invalid)
    }

    /// Whether people who aren't root may sign in, and so must reach the local API.
    #[must_use]
    pub fn people_sign_in(&self) -> bool {
        self.providers.iter().any(|provider| match &provider.kind {
            ProviderKind::Oidc(settings) => settings.client_id.is_some(),
            ProviderKind::Saml(_) => true,
        })
    }

    /// What holds where there is no file: one workload `run` with the connecting user's identity,
    /// and no target, so that every destination is refused and recorded.
    ///
    /// The paths come from the caller, who knows where it may write.
    #[must_use]
    pub fn embedded(state: PathBuf, socket: PathBuf) -> Self {
        let identity = Arc::new(Identity {
            name: IdentityName::caller(),
            kind: IdentityKind::Unix,
            on_behalf_of: None,
        });
        let run = Workload {
            name: WorkloadName::run(),
            cgroup: CgroupPath::run(),
            create: true,
            identity: Arc::clone(&identity),
            reach: Reach::All,
            mode: Mode::Enforce,
            rules: weir_intercept::Rules::default(),
        };
        Self {
            engine: Engine {
                state,
                socket,
                ..Engine::default()
            },
            policies: PolicyOptions::default(),
            dns: Dns::default(),
            records: Records::default(),
            ship: Ship::default(),
            telemetry: Telemetry::default(),
            providers: Vec::new(),
            approvals: Approvals::default(),
            webhooks: Vec::new(),
            workloads: vec![run],
            identities: vec![identity],
            targets: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests;
