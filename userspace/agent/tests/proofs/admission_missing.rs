//! A target can't be dialled by its declaration alone.

use weir_agent::{
    config::Target,
    upstream::{UpstreamError, postgres::{Login, Used, login}},
};
use weir_wire::postgres::Limits;

async fn dials(target: &Target) -> Result<Login, UpstreamError> {
    login(target, ("app", &[]), Limits::default(), Used::Here).await
}

fn main() {}
