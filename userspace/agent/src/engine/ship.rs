//! Shipping, as the configuration has it.

use weir_ship::{ShipError, Shipped, Shipper, Shipping, Source, ocsf::Host};

use crate::config::Config;

/// Starts every sink where it stopped.
pub(super) fn start(config: &Config, shipped: Shipped) -> Result<Shipper, ShipError> {
    let state = &config.engine.state;
    let host = config.ship.host.clone().map_or_else(Host::own, Host::new);
    Shipper::start(Shipping {
        source: Source {
            host,
            records: config.engine.records(),
            audit: config.engine.audit(),
        },
        state: state.join("ship"),
        sinks: config.ship.sinks.clone(),
        s3: config.ship.s3.clone(),
        shipped,
    })
}
