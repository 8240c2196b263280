//! Cancel what a session is doing: a connection of its own, over the same TLS.

use bytes::BytesMut;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};
use weir_wire::postgres::{CancelRequest, backend::BackendKeyData};

use super::login::{Used, open};
use crate::{
    admit::Admission,
    upstream::{PATIENCE, UpstreamError},
};

/// Asks the admitted target to cancel what the session of `key` is doing. Whether it did is not
/// told (PostgreSQL's documentation, 55.2.8).
pub async fn cancel(admission: &Admission, key: &BackendKeyData) -> Result<(), UpstreamError> {
    let upstream = admission.upstream().to_string();
    let mut io = open(admission, Used::Anywhere).await?;
    let mut packet = BytesMut::new();
    let request = CancelRequest {
        pid: key.pid(),
        key: key.key().clone(),
    };
    request
        .encode(&mut packet)
        .map_err(|error| UpstreamError::Protocol {
            upstream: upstream.clone(),
            message: error.to_string(),
        })?;
    let sent = async {
        io.write_all(&packet).await?;
        io.flush().await?;
        // The server answers by closing; before that it may not have read the request.
        io.read(&mut [0; 1]).await
    };
    match timeout(PATIENCE, sent).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(source)) => Err(UpstreamError::Unreachable { upstream, source }),
        Err(_) => Err(UpstreamError::Silent(upstream)),
    }
}
