//! Shipping, as the configuration has it.

use std::fs;

use weir_ship::{ShipError, Shipped, Shipper, Shipping, Source, ocsf::Host};

use crate::config::Config;

/// Starts every sink where it stopped.
pub(super) fn start(config: &Config, shipped: Shipped) -> Result<Shipper, ShipError> {
    let state = &config.engine.state;
    let host = config.ship.host.clone().unwrap_or_else(own_name);
    Shipper::start(Shipping {
        source: Source {
            host: Host::new(host),
            records: config.engine.records(),
            audit: config.engine.audit(),
        },
        state: state.join("ship"),
        sinks: config.ship.sinks.clone(),
        s3: config.ship.s3.clone(),
        shipped,
    })
}

/// What the kernel calls this host.
fn own_name() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match name.trim() {
        "" => "localhost".to_owned(),
        name => name.to_owned(),
    }
}
