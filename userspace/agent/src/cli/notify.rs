//! Tells systemd how the service is doing: sd_notify(3), which is one datagram.
//!
//! Not being under systemd, or not reaching it, is no reason to stop: the caller goes on.

use std::{
    env,
    ffi::{OsStr, OsString},
    io,
    os::{
        linux::net::SocketAddrExt as _,
        unix::{
            ffi::OsStrExt as _,
            net::{SocketAddr, UnixDatagram},
        },
    },
};

/// Where the service manager listens.
#[derive(Debug)]
pub(super) struct Notifier {
    socket: Option<OsString>,
}

/// What it is told.
#[derive(Clone, Copy, Debug)]
pub(super) enum State<'a> {
    /// It serves; also after a reload.
    Ready(&'a str),
    /// It is taking new policies.
    Reloading,
    /// It ends.
    Stopping(&'a str),
}

impl Notifier {
    /// The service manager of this process, if it has one.
    pub(super) fn from_env() -> Self {
        Self {
            socket: env::var_os("NOTIFY_SOCKET"),
        }
    }

    /// Tells it.
    pub(super) fn tell(&self, state: State<'_>) {
        let Some(socket) = &self.socket else { return };
        if let Err(error) = send(socket, &message(state)) {
            tracing::warn!(%error, "can't tell systemd how weir is doing");
        }
    }
}

fn message(state: State<'_>) -> String {
    // A status is one line; a second would be read as another assignment.
    let line = |text: &str| text.replace('\n', " ");
    match state {
        State::Ready(status) => format!("READY=1\nSTATUS={}", line(status)),
        State::Reloading => "RELOADING=1\nSTATUS=reloading policies".to_owned(),
        State::Stopping(status) => format!("STOPPING=1\nSTATUS={}", line(status)),
    }
}

fn send(socket: &OsStr, message: &str) -> io::Result<()> {
    let address = match socket.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(socket)?,
    };
    UnixDatagram::unbound()?
        .send_to_addr(message.as_bytes(), &address)
        .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(listener: &UnixDatagram) -> String {
        let mut buffer = [0; 256];
        let length = listener.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }

    #[test]
    fn systemd_hears_it_on_a_path_and_on_an_abstract_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let listener = UnixDatagram::bind(&path).unwrap();
        Notifier {
            socket: Some(path.into()),
        }
        .tell(State::Ready("2 workloads\nREADY=0"));
        assert_eq!(received(&listener), "READY=1\nSTATUS=2 workloads READY=0");

        let name = format!("weir-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let listener = UnixDatagram::bind_addr(&address).unwrap();
        Notifier {
            socket: Some(format!("@{name}").into()),
        }
        .tell(State::Stopping("bye"));
        assert_eq!(received(&listener), "STOPPING=1\nSTATUS=bye");
    }

    #[test]
    fn nobody_to_tell_is_no_failure() {
        Notifier { socket: None }.tell(State::Reloading);
        Notifier {
            socket: Some("/nonexistent/notify".into()),
        }
        .tell(State::Reloading);
    }
}
