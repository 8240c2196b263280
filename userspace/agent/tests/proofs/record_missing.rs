//! An allowed command that isn't on record can't be forwarded.

use weir_agent::upstream::postgres::Sink;
use weir_policy::Permit;
use weir_wire::postgres::Frame;

fn forwards(sink: &mut Sink, permit: &Permit, frame: &Frame) {
    sink.forward(permit, frame);
}

fn main() {}
