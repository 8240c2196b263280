//! One question to one resolver and back, by UDP and by TCP.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpStream, UdpSocket},
};

use super::{
    Failure,
    sent::{Heard, Sent},
};
use crate::dns::found::Found;

/// Longest datagram that is read: weir asks for less, and what is longer can't be read whole.
const LONGEST: usize = 4096;
/// Most datagrams that are passed over while an answer is awaited: a flood of forged ones is a
/// failure, not a reason to go on guessing whether the next is real.
const MOST_OTHERS: usize = 32;

/// A resolver's word.
pub(super) enum Reply {
    Found(Box<Found>),
    /// It has more to say by TCP.
    Truncated,
}

/// Asks by UDP, from a port of its own that the kernel picks at random. Only what comes from the
/// resolver's address is heard.
pub(super) async fn by_datagram(server: SocketAddr, sent: &Sent) -> Result<Reply, Failure> {
    let own: IpAddr = match server {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((own, 0)).await?;
    socket.connect(server).await?;
    socket.send(&sent.bytes).await?;
    let mut buffer = vec![0; LONGEST];
    for _ in 0..MOST_OTHERS {
        let length = socket.recv(&mut buffer).await?;
        match sent.hear(buffer.get(..length).unwrap_or_default())? {
            Heard::Other => {}
            Heard::Truncated => return Ok(Reply::Truncated),
            Heard::Found(found) => return Ok(Reply::Found(found)),
        }
    }
    Err(Failure::Unsound("too many answers to other questions"))
}

/// Asks by TCP (RFC 7766).
pub(super) async fn by_stream(server: SocketAddr, sent: &Sent) -> Result<Found, Failure> {
    let mut stream = TcpStream::connect(server).await?;
    let length = u16::try_from(sent.bytes.len())
        .map_err(|_| Failure::Unsound("the question is too long"))?;
    let mut framed = length.to_be_bytes().to_vec();
    framed.extend(&sent.bytes);
    stream.write_all(&framed).await?;
    let length = stream.read_u16().await?;
    let mut bytes = vec![0; usize::from(length)];
    stream.read_exact(&mut bytes).await?;
    match sent.hear(&bytes)? {
        Heard::Found(found) => Ok(*found),
        Heard::Truncated => Err(Failure::Unsound("it is cut though TCP has room")),
        Heard::Other => Err(Failure::Unsound("an answer to another question")),
    }
}
