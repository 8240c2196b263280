//! The way to the target can't be had without logging in to it.

use weir_agent::upstream::postgres::Sink;

fn forges() -> Sink {
    Sink::new()
}

fn main() {}
