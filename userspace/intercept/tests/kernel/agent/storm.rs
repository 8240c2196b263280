//! Dialling again and again, faster than anyone should.

use std::{
    io::{self, BufRead as _, BufReader, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    time::Duration,
};

use socket2::{Domain, Protocol, Socket, Type};

use super::{address, say, tcp};

/// Dials so often, and asks each time who it is taken for.
pub(super) fn storm(count: &str, to: &str) {
    let to = address(to);
    let (mut right, mut wrong, mut failed) = (0u32, 0u32, 0u32);
    for _ in 0..count.parse().expect("a count") {
        let met = TcpStream::connect(to).and_then(|stream| {
            let claim = tcp::claim(&stream, to);
            Ok((taken_for(stream, &claim)?, claim))
        });
        match met {
            Ok((taken_for, claim)) if taken_for == claim => right += 1,
            Ok((nothing, _)) if nothing.is_empty() => failed += 1,
            Ok(other) => {
                wrong += 1;
                say("wrong-one", format!("{other:?}"));
            }
            Err(_) => {
                failed += 1;
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }
    say("right", right);
    say("wrong", wrong);
    say("failed", failed);
}

fn taken_for(stream: TcpStream, claim: &str) -> io::Result<String> {
    (&stream).write_all(claim.as_bytes())?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer)?;
    Ok(answer)
}

/// Connects out of a few ports by turns, and resets each connection at once. Each goes somewhere of
/// its own, which says whose it is and which.
pub(super) fn resets(agent: &str, count: &str, first: &str, ports: &str) {
    let number = |text: &str| text.parse::<u32>().expect("a number");
    let [agent, count, first, ports] = [agent, count, first, ports].map(number);
    let (mut connected, mut taken) = (0u32, 0u32);
    for one in 0..count {
        let port = u16::try_from(first + one % ports).expect("a port");
        let from = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let to = SocketAddr::from((
            Ipv4Addr::from((127 << 24) | (agent << 16) | (one >> 8)),
            u16::try_from(1024 + (one & 0xff)).expect("a port"),
        ));
        loop {
            match reset(from, to) {
                Ok(()) => {
                    connected += 1;
                    break;
                }
                // Another agent's connection is named the same at this moment.
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::AddrInUse | io::ErrorKind::AddrNotAvailable
                    ) =>
                {
                    taken += 1;
                    std::thread::sleep(Duration::from_micros(100));
                }
                Err(error) => panic!("{from} to {to}: {error}"),
            }
        }
    }
    say("connected", connected);
    say("taken", taken);
}

fn reset(from: SocketAddr, to: SocketAddr) -> io::Result<()> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_linger(Some(Duration::ZERO))?;
    socket.bind(&from.into())?;
    socket.connect(&to.into())
}
