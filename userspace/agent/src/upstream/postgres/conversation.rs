//! Messages to and from the target, one at a time: what login and the catalogue need. A governed
//! session has its own loop.

use std::time::Duration;

use bytes::BytesMut;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};
use weir_wire::{
    WireError,
    postgres::{Decoded, Limits, backend, decode_frame, frontend::Terminate},
};

use super::login::{Used, login};
use crate::{admit::Admission, tls::Plain, upstream::UpstreamError};

/// How much is read at once.
const READ: usize = 4 << 10;
/// How long a goodbye may take.
const LAST: Duration = Duration::from_secs(2);

pub(super) struct Conversation {
    pub(super) io: Plain,
    pub(super) received: BytesMut,
    upstream: String,
    limits: Limits,
}

impl Conversation {
    pub(super) fn new(io: Plain, upstream: String, limits: Limits) -> Self {
        Self {
            io,
            received: BytesMut::new(),
            upstream,
            limits,
        }
    }

    /// Logs in to `database`, for questions of weir's own.
    pub(super) async fn open(
        admission: &Admission,
        database: &str,
        settings: &[(String, String)],
    ) -> Result<Self, UpstreamError> {
        let limits = Limits::default();
        let opened = (database, settings);
        let session = login(admission, opened, limits, Used::Anywhere).await?;
        Ok(Self {
            received: session.received,
            ..Self::new(session.io, admission.upstream().to_string(), limits)
        })
    }

    pub(super) fn upstream(&self) -> String {
        self.upstream.clone()
    }

    pub(super) async fn send(&mut self, bytes: &[u8]) -> Result<(), UpstreamError> {
        let sent = async {
            self.io.write_all(bytes).await?;
            self.io.flush().await
        };
        sent.await.map_err(|source| UpstreamError::Unreachable {
            upstream: self.upstream(),
            source,
        })
    }

    pub(super) async fn receive(&mut self) -> Result<backend::Message, UpstreamError> {
        loop {
            match decode_frame(&mut self.received, &self.limits).map_err(|e| self.broken(&e))? {
                Decoded::Complete(frame) => {
                    return backend::decode(frame).map_err(|error| self.broken(&error));
                }
                Decoded::Incomplete { .. } => {
                    self.received.reserve(READ);
                    let read = self.io.read_buf(&mut self.received).await;
                    match read {
                        Ok(0) => return Err(self.protocol("it closed the connection")),
                        Ok(_) => {}
                        Err(source) => {
                            return Err(UpstreamError::Unreachable {
                                upstream: self.upstream(),
                                source,
                            });
                        }
                    }
                }
            }
        }
    }

    /// Says goodbye, as a server expects of whoever leaves: it complains of others in its log.
    pub(super) async fn close(mut self) {
        let goodbye = Terminate::new();
        // Whether it is heard or not, the connection ends.
        let said = timeout(LAST, self.send(goodbye.frame().raw()));
        said.await.ok();
    }

    pub(super) fn broken(&self, error: &WireError) -> UpstreamError {
        self.protocol(&error.to_string())
    }

    pub(super) fn protocol(&self, message: &str) -> UpstreamError {
        UpstreamError::Protocol {
            upstream: self.upstream(),
            message: message.to_owned(),
        }
    }

    pub(super) fn refused(&self, error: &backend::ErrorResponse) -> UpstreamError {
        let field = |code| {
            let bytes = error.diagnostic().get(code).cloned().unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        UpstreamError::Refused {
            upstream: self.upstream(),
            code: field(b'C'),
            message: field(b'M'),
        }
    }
}
