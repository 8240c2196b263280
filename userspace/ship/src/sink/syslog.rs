//! Syslog over TLS: RFC 5424 messages, RFC 5425 framing.
//!
//! The protocol has no acknowledgement: what was written may be lost with a receiver that dies. So
//! what was sent last stays *unsure* and is sent again after a reconnect, until the connection has
//! lived for [`SETTLED`] after it, or so much was sent after it that no socket's buffers hold it any
//! more: the receiver has read it then. Duplicates can happen, with the same uid.
//!
//! Known limit: what a receiver read and lost before writing it is the receiver's.

use std::{collections::VecDeque, path::PathBuf, sync::Arc, time::Duration};

use jiff::Timestamp;
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, timeout},
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::Failure;
use crate::{
    feed::Event,
    trust::{self, ClientCertificate},
};

/// A connection that lives so long after a message was written had a receiver to read it.
const SETTLED: Duration = Duration::from_secs(30);
/// More than the buffers of two sockets hold.
const BUFFERS: usize = 16 << 20;
/// How long one step of connecting or one write may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// The local facility `local4`, for audit (RFC 5424, section 6.2.1).
const FACILITY: u64 = 20;

/// Who is sent to.
#[derive(Clone, Debug)]
pub(crate) struct Receiver {
    pub(super) address: String,
    pub(super) server_name: String,
    pub(super) ca: Option<PathBuf>,
    pub(super) client: Option<ClientCertificate>,
}

#[derive(Debug)]
pub(crate) struct Syslog {
    receiver: Receiver,
    hostname: String,
    stream: Option<TlsStream<TcpStream>>,
    /// What was sent and may be lost yet, oldest first.
    recent: VecDeque<Sent>,
    recent_bytes: usize,
}

#[derive(Debug)]
struct Sent {
    frame: Vec<u8>,
    at: Instant,
}

impl Syslog {
    pub(super) fn new(receiver: Receiver, hostname: &str) -> Self {
        Self {
            receiver,
            hostname: header_field(hostname, 255),
            stream: None,
            recent: VecDeque::new(),
            recent_bytes: 0,
        }
    }

    pub(super) async fn deliver(&mut self, events: &[Event]) -> Result<(), Failure> {
        self.connected().await?;
        let frames: Vec<Vec<u8>> = events
            .iter()
            .map(|event| frame(event, &self.hostname))
            .collect();
        self.write(&frames.concat()).await?;
        let at = Instant::now();
        for frame in frames {
            self.recent_bytes += frame.len();
            self.recent.push_back(Sent { frame, at });
        }
        Ok(())
    }

    pub(super) fn unsure(&mut self, now: std::time::Instant) -> usize {
        let now = Instant::from_std(now);
        while let Some(oldest) = self.recent.front() {
            let lived = self.stream.is_some() && now.duration_since(oldest.at) >= SETTLED;
            if !lived && self.recent_bytes - oldest.frame.len() < BUFFERS {
                break;
            }
            self.recent_bytes -= oldest.frame.len();
            self.recent.pop_front();
        }
        self.recent.len()
    }

    /// While there is something unsure, a connection that broke is made anew.
    pub(super) async fn tend(&mut self) -> Result<(), Failure> {
        if self.recent.is_empty() {
            return Ok(());
        }
        self.connected().await
    }

    /// A connection that lives, as far as can be told, over which all that is unsure was sent.
    async fn connected(&mut self) -> Result<(), Failure> {
        if self.lives().await {
            return Ok(());
        }
        self.stream = Some(self.connect().await?);
        let again: Vec<u8> = self
            .recent
            .iter()
            .flat_map(|sent| sent.frame.clone())
            .collect();
        self.write(&again).await?;
        let now = Instant::now();
        for sent in &mut self.recent {
            sent.at = now;
        }
        Ok(())
    }

    /// A receiver sends nothing, so whatever comes is the connection's end.
    async fn lives(&mut self) -> bool {
        let Some(stream) = &mut self.stream else {
            return false;
        };
        let mut byte = [0; 64];
        let over = timeout(Duration::from_millis(1), stream.read(&mut byte)).await;
        let lives = match over {
            Err(_) => true,
            Ok(Ok(read)) => read > 0,
            Ok(Err(_)) => false,
        };
        if !lives {
            self.stream = None;
        }
        lives
    }

    async fn connect(&self) -> Result<TlsStream<TcpStream>, Failure> {
        let Receiver {
            address,
            server_name,
            ca,
            client,
        } = &self.receiver;
        let later = |why: String| Failure::Later(format!("{address}: {why}"));
        let config = trust::client(ca.as_deref(), client.as_ref());
        let config = config.map_err(|error| later(error.to_string()))?;
        let name = ServerName::try_from(server_name.clone())
            .map_err(|_| later(format!("{server_name:?} is no server's name")))?;
        let connecting = async {
            let tcp = TcpStream::connect(address).await?;
            TlsConnector::from(Arc::new(config))
                .connect(name, tcp)
                .await
        };
        match timeout(PATIENCE, connecting).await {
            Ok(connected) => connected.map_err(|error| later(error.to_string())),
            Err(_) => Err(later("no answer in time".to_owned())),
        }
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let later = |why: String| Failure::Later(format!("{}: {why}", self.receiver.address));
        let Some(stream) = &mut self.stream else {
            return Err(later("not connected".to_owned()));
        };
        let writing = async {
            stream.write_all(bytes).await?;
            stream.flush().await
        };
        let failed = match timeout(PATIENCE, writing).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "it takes nothing".to_owned(),
        };
        // What of it went out isn't known, so neither is where the next frame would begin.
        self.stream = None;
        Err(later(failed))
    }
}

/// An octet count, then the message (RFC 5425, section 4.3).
fn frame(event: &Event, hostname: &str) -> Vec<u8> {
    let severity = match event.severity {
        4.. => 3,
        3 => 4,
        2 => 5,
        _ => 6,
    };
    let time = Timestamp::from_millisecond(event.time).unwrap_or(Timestamp::UNIX_EPOCH);
    let message = format!(
        "<{}>1 {time:.3} {hostname} weir {} ocsf - {}",
        FACILITY * 8 + severity,
        std::process::id(),
        event.json
    );
    format!("{} {message}", message.len()).into_bytes()
}

/// Printable ASCII without spaces, as header fields are; `-` where nothing is left.
fn header_field(text: &str, most: usize) -> String {
    let kept: String = text
        .chars()
        .filter(char::is_ascii_graphic)
        .take(most)
        .collect();
    if kept.is_empty() {
        "-".to_owned()
    } else {
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cursor::Mark;

    fn event(json: &str) -> Event {
        Event {
            json: json.to_owned(),
            uid: "1".to_owned(),
            time: 1_795_000_000_001,
            severity: 3,
            mark: Mark::Audit(0),
        }
    }

    fn sink() -> Syslog {
        let receiver = Receiver {
            address: "127.0.0.1:1".to_owned(),
            server_name: "localhost".to_owned(),
            ca: None,
            client: None,
        };
        Syslog::new(receiver, "db-1")
    }

    #[test]
    fn a_frame_counts_octets_and_not_characters() {
        let frame = String::from_utf8(frame(&event("{\"name\":\"ü\"}"), "db-1")).unwrap();
        let (count, message) = frame.split_once(' ').unwrap();
        assert_eq!(count.parse::<usize>().unwrap(), message.len());
        assert!(
            message.starts_with("<164>1 2026-11-18T11:06:40.001Z db-1 weir "),
            "{message}"
        );
        assert!(message.ends_with(" ocsf - {\"name\":\"ü\"}"), "{message}");
    }

    #[test]
    fn a_host_name_cant_add_fields() {
        assert_eq!(header_field("a b\n<1>c", 255), "ab<1>c");
        assert_eq!(header_field("\u{1f600}", 255), "-");
    }

    #[tokio::test]
    async fn what_was_sent_is_unsure_until_more_was_sent_than_buffers_hold() {
        let mut sink = sink();
        let now = Instant::now();
        for _ in 0..20 {
            let frame = vec![0; 1 << 20];
            sink.recent_bytes += frame.len();
            sink.recent.push_back(Sent { frame, at: now });
        }
        assert_eq!(sink.unsure(now.into_std()), 16);
        // Time alone tells nothing while there is no connection.
        assert_eq!(sink.unsure(now.into_std() + SETTLED * 2), 16);
    }
}
