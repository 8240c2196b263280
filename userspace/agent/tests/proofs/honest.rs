//! The way the proofs are meant to go: this compiles.

use weir_agent::{
    admit::Admission,
    upstream::{UpstreamError, postgres::{Login, Sink, Used, login}},
};
use weir_policy::Permit;
use weir_record::{CommandText, RecordError, SessionWriter};
use weir_wire::postgres::{Frame, Limits};

fn forwards(
    sink: &mut Sink,
    record: &mut SessionWriter,
    permit: Permit,
    frame: &Frame,
) -> Result<(), RecordError> {
    let command = CommandText { text: "SELECT 1", parameters: &[], statements: (&[]).into(), signals: &[] };
    let recorded = record.intent(permit, command)?;
    sink.forward(&recorded, frame);
    Ok(())
}

async fn dials(admission: &Admission) -> Result<Login, UpstreamError> {
    login(admission, ("app", &[]), Limits::default(), Used::Here).await
}

fn main() {
    let _ = (forwards, |admission: &'static Admission| dials(admission));
}
