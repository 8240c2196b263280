//! A recorded permit can't be made without recording.

use weir_policy::Permit;
use weir_record::{RecordedPermit, Seq};

fn forges(permit: Permit, seq: Seq) -> RecordedPermit {
    RecordedPermit { permit, seq }
}

fn calls(permit: Permit, seq: Seq) -> RecordedPermit {
    RecordedPermit::new(permit, seq)
}

fn main() {}
