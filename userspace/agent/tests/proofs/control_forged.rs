//! What carries something out can't pass as what only moves the protocol along.

use weir_agent::upstream::postgres::{Control, Sink};
use weir_wire::postgres::frontend::Query;

fn forwards(sink: &mut Sink, query: Query) {
    sink.control(&Control::Sync(query));
}

fn main() {}
