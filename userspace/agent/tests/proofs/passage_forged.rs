//! A passage can't be made without a route, nor sent elsewhere.

use weir_agent::admit::{Passage, Terms};

fn forges(genuine: Passage, elsewhere: Terms) -> Passage {
    Passage { terms: elsewhere, ..genuine }
}

fn main() {}
