//! An admission can't be made without a route.

use std::{net::SocketAddr, sync::Arc};

use weir_agent::{
    admit::Admission,
    config::{HostPort, Target, WorkloadName},
};
use weir_policy::Subject;

fn forges(
    target: Arc<Target>,
    destination: SocketAddr,
    upstream: HostPort,
    subject: Subject,
    workload: WorkloadName,
) -> Admission {
    Admission { target, destination, upstream, subject, workload }
}

fn main() {}
