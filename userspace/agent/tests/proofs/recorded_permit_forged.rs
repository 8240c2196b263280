//! A recorded permit can't be made without recording.

#![allow(unreachable_code)]

use weir_policy::Permit;
use weir_record::{RecordedPermit, Seq};

fn forges(permit: Permit, seq: Seq) -> RecordedPermit {
    RecordedPermit { permit, seq, ledger: todo!() }
}

fn calls(permit: Permit, seq: Seq) -> RecordedPermit {
    RecordedPermit::new(permit, seq, todo!())
}

fn main() {}
