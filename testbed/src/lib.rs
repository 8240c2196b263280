//! Real servers and real client processes, for weir's tests and its demo.
//!
//! Job: start a throwaway server on loopback in a fraction of a second, tell the test how to reach
//! it and what it received, and leave neither a process nor a directory behind. Run clients as
//! another user, in a cgroup, under a deadline.
//!
//! Not its job: installing anything (`cargo xtask setup` does), weir itself, making cgroups.
//!
//! Known limits: Linux only. A test process that is killed with SIGKILL takes its servers with it,
//! but their directories stay until the next server starts on this machine and sweeps them.

mod error;
mod oidc;
pub mod otel;
mod paths;
mod port;
pub mod postgres;
pub mod process;
pub mod saml;

pub use error::Error;
pub use oidc::{Browser, OidcProvider, oidc_dir};
pub use paths::{drivers_dir, regression_suite, regression_suite_dir, venv, venv_dir};
pub use port::free_port;
pub use postgres::{Auth, Postgres};
pub use process::{Identity, Output, Running, Spawn};

/// What everything here returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;
