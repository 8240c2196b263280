//! Who asks.

use std::net::SocketAddr;

use weir_policy::Subject;
use weir_record::Process;

use crate::{config::WorkloadName, identity::IdentityError};

/// Who asks, as the kernel and the configuration have it.
#[derive(Clone, Debug)]
pub struct Asker {
    /// The workload.
    pub workload: WorkloadName,
    /// The verified identity, or why there is none: then every question is refused, and recorded.
    pub subject: Result<Subject, IdentityError>,
    /// The process.
    pub process: Process,
    /// The resolver that it meant to ask.
    pub destination: SocketAddr,
}

impl Asker {
    /// The subject, as records have it.
    pub(super) fn subject(&self) -> Subject {
        self.subject.clone().unwrap_or_else(|_| Subject {
            id: "unverified".to_owned(),
            groups: Vec::new(),
            on_behalf_of: None,
        })
    }
}
