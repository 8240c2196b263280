//! Serves the API on its socket until told to stop.

use std::{future::Future, path::Path};

use super::{
    api::Api,
    error::ControlError,
    listener::PeerListener,
    peer::Peer,
    rooms::Host,
    socket::{Access, Socket, SocketFile},
};

/// The local API, bound and not yet serving.
pub struct Server {
    listener: PeerListener,
    file: SocketFile,
}

impl Server {
    /// Binds the socket. Must be called on the runtime.
    ///
    /// # Errors
    /// A live daemon there, something there that is no socket, a directory in which others may
    /// write, or what the system refuses.
    pub fn bind(path: &Path, access: Access) -> Result<Self, ControlError> {
        let Socket { listener, file } = Socket::bind(path, access)?;
        Ok(Self {
            listener: PeerListener::new(listener),
            file,
        })
    }

    /// Answers until `shutdown` resolves and the answers under way are given, then removes the
    /// socket.
    pub async fn serve<D: Host>(
        self,
        api: Api<D>,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) {
        let service = api.router().into_make_service_with_connect_info::<Peer>();
        let served = axum::serve(self.listener, service)
            .with_graceful_shutdown(shutdown)
            .await;
        if let Err(error) = served {
            tracing::error!(%error, "the local API failed");
        }
        drop(self.file);
    }
}
