//! A passage can't be made without a route.

use weir_agent::admit::Passage;

fn forges(genuine: Passage, elsewhere: weir_agent::config::HostPort) -> Passage {
    Passage { upstream: elsewhere, ..genuine }
}

fn main() {}
