//! An admission can't be made without a route.

use std::sync::Arc;

use weir_agent::{
    admit::{Admission, Terms},
    config::{Postgres, Target},
};

fn forges(target: Arc<Target>, service: Arc<Postgres>, terms: Terms) -> Admission {
    Admission { target, service, terms }
}

fn main() {}
