//! The host's journal, by journald's native protocol (systemd, "Native Journal Protocol").
//!
//! One datagram an event; one that is too large for that goes in a sealed memory file, as the protocol
//! has it. journald keeps its socket over its own restarts, so what the socket took isn't lost.

use std::{
    fs::File,
    io::{self, IoSlice, Write},
    os::fd::AsRawFd,
    path::{Path, PathBuf},
};

use nix::{
    errno::Errno,
    fcntl::{FcntlArg, SealFlag, fcntl},
    sys::{
        memfd::{MFdFlags, memfd_create},
        socket::{ControlMessage, MsgFlags, sendmsg},
    },
};
use tokio::net::UnixDatagram;

use super::Failure;
use crate::feed::Event;

#[derive(Debug)]
pub(crate) struct Journald {
    path: PathBuf,
    socket: Option<UnixDatagram>,
}

impl Journald {
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            socket: None,
        }
    }

    pub(super) async fn deliver(&mut self, events: &[Event]) -> Result<(), Failure> {
        let socket = match self.socket.take() {
            Some(socket) => socket,
            None => connect(&self.path).map_err(|error| self.later(&error))?,
        };
        for event in events {
            let entry = entry(event);
            let sent = match socket.send(&entry).await {
                Err(error) if is_too_large(&error) => send_as_file(&socket, &entry),
                other => other.map(drop),
            };
            sent.map_err(|error| self.later(&error))?;
        }
        self.socket = Some(socket);
        Ok(())
    }

    fn later(&self, error: &io::Error) -> Failure {
        let path = self.path.display();
        Failure::Later(match error.kind() {
            io::ErrorKind::NotFound => format!("there is no {path}: journald doesn't run here"),
            _ => format!("can't send to {path}: {error}"),
        })
    }
}

fn connect(path: &Path) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.connect(path)?;
    Ok(socket)
}

fn is_too_large(error: &io::Error) -> bool {
    let number = error.raw_os_error().map(Errno::from_raw);
    matches!(number, Some(Errno::EMSGSIZE | Errno::ENOBUFS))
}

/// An entry whose fields can't end early, whatever is in them: each with its length before it.
fn entry(event: &Event) -> Vec<u8> {
    let priority: &[u8] = match event.severity {
        4.. => b"3",
        3 => b"4",
        2 => b"5",
        _ => b"6",
    };
    let mut entry = Vec::new();
    for (name, value) in [
        ("MESSAGE", event.json.as_bytes()),
        ("PRIORITY", priority),
        ("SYSLOG_IDENTIFIER", b"weir"),
        ("WEIR_EVENT_UID", event.uid.as_bytes()),
    ] {
        entry.extend_from_slice(name.as_bytes());
        entry.push(b'\n');
        entry.extend_from_slice(&(value.len() as u64).to_le_bytes());
        entry.extend_from_slice(value);
        entry.push(b'\n');
    }
    entry
}

/// journald takes only files that can't be changed any more.
fn send_as_file(socket: &UnixDatagram, entry: &[u8]) -> io::Result<()> {
    let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
    let mut file = File::from(memfd_create(c"weir-event", flags)?);
    file.write_all(entry)?;
    let seals = SealFlag::F_SEAL_SEAL
        | SealFlag::F_SEAL_SHRINK
        | SealFlag::F_SEAL_GROW
        | SealFlag::F_SEAL_WRITE;
    fcntl(&file, FcntlArg::F_ADD_SEALS(seals))?;
    let descriptor = [file.as_raw_fd()];
    let rights = [ControlMessage::ScmRights(&descriptor)];
    sendmsg::<()>(
        socket.as_raw_fd(),
        &[IoSlice::new(&[])],
        &rights,
        MsgFlags::empty(),
        None,
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixDatagram as Receiver;

    use super::*;
    use crate::cursor::Mark;

    fn event(json: String) -> Event {
        Event {
            json,
            uid: "01jd8xkq3m5f7zra-4".to_owned(),
            time: 0,
            severity: 3,
            mark: Mark::Audit(0),
        }
    }

    #[tokio::test]
    async fn an_event_is_one_entry_whose_fields_nothing_in_it_can_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        let receiver = Receiver::bind(&path).unwrap();
        let mut sink = Journald::new(&path);
        let json = "{\"text\":\"a\nPRIORITY=0\"}".to_owned();
        sink.deliver(&[event(json.clone())]).await.unwrap();
        let mut bytes = vec![0; 4096];
        let length = receiver.recv(&mut bytes).unwrap();
        let mut expected = b"MESSAGE\n".to_vec();
        expected.extend_from_slice(&(json.len() as u64).to_le_bytes());
        expected.extend_from_slice(json.as_bytes());
        expected.extend_from_slice(b"\nPRIORITY\n\x01\0\0\0\0\0\0\x004\n");
        assert!(bytes[..length].starts_with(&expected));
    }

    #[tokio::test]
    async fn where_there_is_no_journald_it_waits_and_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let mut sink = Journald::new(&dir.path().join("socket"));
        let failure = sink.deliver(&[event(String::new())]).await.unwrap_err();
        assert!(
            failure.to_string().contains("journald doesn't run here"),
            "{failure}"
        );
        assert!(matches!(failure, Failure::Later(_)));
    }
}
