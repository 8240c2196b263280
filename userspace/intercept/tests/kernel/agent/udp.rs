//! Datagrams to targets: what scripts of calls on a socket do beside asking resolvers.

use std::{io, net::SocketAddr, thread, time::Duration};

use socket2::Socket;

use super::{address, dns, outcome, say, wait};

/// Longer than a source is to be silent before it may send elsewhere.
const PAUSE: Duration = Duration::from_millis(250);

/// How many segments one message is cut into.
pub(crate) const SEGMENTS: usize = 10;

/// One step of a script; how it ended.
pub(super) fn step(socket: &Socket, place: u16, step: &str, to: &str) -> String {
    match step {
        "pause" => {
            thread::sleep(PAUSE);
            "OK".to_owned()
        }
        // Until the test has done something, and lets go.
        "wait" => {
            say("waiting", "");
            wait();
            "OK".to_owned()
        }
        "length" => {
            let (length, to) = to.split_once(',').expect("a length and an address");
            let payload = vec![b'x'; length.parse().expect("a length")];
            outcome(socket.send_to(&payload, &address(to).into()).map(drop))
        }
        "cut" => outcome(cut(socket, place, address(to))),
        _ => panic!("no such step: {step}"),
    }
}

/// A message that the kernel cuts, and the answer to every part of it.
fn cut(socket: &Socket, place: u16, to: SocketAddr) -> io::Result<()> {
    let parts: Vec<Vec<u8>> = (1u16..)
        .take(SEGMENTS)
        .map(|part| dns::question(place * 100 + part, socket, to))
        .collect();
    dns::send_cut(socket, &parts, to)?;
    let mut answers = Vec::new();
    for _ in &parts {
        let mut answer = [0; 512];
        dns::recvfrom(socket, &mut answer)?;
        answers.push([answer[0], answer[1]]);
    }
    answers.sort_unstable();
    let sent: Vec<[u8; 2]> = parts.iter().map(|part| [part[0], part[1]]).collect();
    if answers == sent {
        Ok(())
    } else {
        Err(io::Error::from_raw_os_error(libc::EBADMSG))
    }
}

/// Sends by so many sockets to one target and then to another, in turn and without a pause, and
/// sometimes with one; how many the kernel took.
pub(super) fn fickle(sockets: &str, each: &str, to: &[&str]) {
    let (sockets, each) = (number(sockets), number(each));
    let threads: Vec<_> = (0..sockets)
        .map(|index| {
            let to: Vec<SocketAddr> = to.iter().map(|to| address(to)).collect();
            thread::spawn(move || flit(index, each, &to))
        })
        .collect();
    let taken: usize = threads
        .into_iter()
        .map(|thread| thread.join().expect("no panic"))
        .sum();
    say("taken", taken);
}

fn number(text: &str) -> u16 {
    text.parse().expect("a number")
}

fn flit(index: u16, each: u16, to: &[SocketAddr]) -> usize {
    let socket = dns::udp("4");
    let mut taken = 0;
    for id in 0..each {
        let to = to[usize::from(id / 7 + index) % to.len()];
        let payload = dns::question(id, &socket, to);
        // By turns as a connected socket and as one that is not.
        let sent = if index.is_multiple_of(2) {
            socket
                .connect(&to.into())
                .and_then(|()| socket.send(&payload))
        } else {
            socket.send_to(&payload, &to.into())
        };
        taken += usize::from(sent.is_ok());
        if id.is_multiple_of(20) {
            thread::sleep(Duration::from_millis(120));
        }
    }
    taken
}
