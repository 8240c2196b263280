//! Tells systemd how the service is doing, and leaves listeners with it: sd_notify(3), which is
//! one datagram.
//!
//! Not being under systemd, or not reaching it, is no reason to stop: the caller goes on.

use std::{
    env,
    ffi::{OsStr, OsString},
    io::{self, IoSlice},
    os::{
        fd::{AsRawFd as _, OwnedFd},
        unix::{ffi::OsStrExt as _, net::UnixDatagram},
    },
};

use nix::sys::socket::{ControlMessage, MsgFlags, UnixAddr, sendmsg};

use super::handover;

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
        if let Err(error) = send(socket, &message(state), &[]) {
            tracing::warn!(%error, "can't tell systemd how weir is doing");
        }
    }

    /// Leaves these listeners with it for the next daemon, in the place of those that it may have.
    pub(super) fn keep(&self, listeners: &[OwnedFd]) {
        let Some(socket) = &self.socket else { return };
        let name = format!("FDNAME={}", handover::NAME);
        // Those of an engine that did not go on with them would keep a dead port open.
        let kept = send(socket, &format!("FDSTOREREMOVE=1\n{name}"), &[])
            .and_then(|()| send(socket, &format!("FDSTORE=1\n{name}"), listeners));
        if let Err(error) = kept {
            tracing::warn!(%error, "systemd can't keep the listeners: connects will fail during a restart");
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

fn send(socket: &OsStr, message: &str, descriptors: &[OwnedFd]) -> io::Result<()> {
    let address = match socket.as_bytes().strip_prefix(b"@") {
        Some(name) => UnixAddr::new_abstract(name)?,
        None => UnixAddr::new(socket)?,
    };
    let raw: Vec<_> = descriptors.iter().map(|fd| fd.as_raw_fd()).collect();
    let rights = [ControlMessage::ScmRights(&raw)];
    let rights = if raw.is_empty() { &[][..] } else { &rights[..] };
    sendmsg(
        UnixDatagram::unbound()?.as_raw_fd(),
        &[IoSlice::new(message.as_bytes())],
        rights,
        MsgFlags::MSG_NOSIGNAL,
        Some(&address),
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::{linux::net::SocketAddrExt as _, unix::net::SocketAddr};

    use nix::{
        cmsg_space,
        sys::socket::{ControlMessageOwned, recvmsg},
    };

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
    fn listeners_are_left_in_the_place_of_older_ones() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("notify");
        let systemd = UnixDatagram::bind(&path).unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        Notifier {
            socket: Some(path.into()),
        }
        .keep(&[listener.into()]);
        assert_eq!(received(&systemd), "FDSTOREREMOVE=1\nFDNAME=weir-listeners");
        let mut buffer = [0; 256];
        let mut bytes = [io::IoSliceMut::new(&mut buffer)];
        let mut space = cmsg_space!([std::os::fd::RawFd; 4]);
        let message = recvmsg::<()>(
            systemd.as_raw_fd(),
            &mut bytes,
            Some(&mut space),
            MsgFlags::empty(),
        )
        .unwrap();
        let passed: Vec<_> = message.cmsgs().unwrap().collect();
        assert!(
            matches!(&passed[..], [ControlMessageOwned::ScmRights(fds)] if fds.len() == 1),
            "{passed:?}"
        );
        let length = message.bytes;
        assert_eq!(&buffer[..length], b"FDSTORE=1\nFDNAME=weir-listeners");
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
