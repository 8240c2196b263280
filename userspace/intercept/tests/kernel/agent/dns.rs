//! Resolvers' clients: real ones, and scripts of calls on one socket.

use std::{
    io,
    net::{SocketAddr, ToSocketAddrs as _},
    os::fd::AsRawFd as _,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use nix::sys::socket::MsgFlags;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::{address, outcome, say, tcp::cookie, udp, wait};

/// How long an answer may take; nothing here takes this long.
const PATIENCE: Duration = Duration::from_secs(8);

/// What an answer ought to take where none is to come.
const NO_ANSWER: Duration = Duration::from_millis(300);

pub(super) fn udp(family: &str) -> Socket {
    let domain = match family {
        "4" => Domain::IPV4,
        "6" => Domain::IPV6,
        _ => panic!("no such family: {family}"),
    };
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP)).expect("a socket");
    socket.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    socket
}

/// A question that the tests know: who asks what, under this id.
pub(super) fn question(id: u16, socket: &Socket, to: SocketAddr) -> Vec<u8> {
    let claim = format!("{} {} {to}", std::process::id(), cookie(socket));
    [&id.to_be_bytes(), b"??".as_slice(), claim.as_bytes()].concat()
}

/// Calls on one socket, in order; says how each ended, under its place in the order.
pub(super) fn script(family: &str, steps: &[&str]) {
    let socket = udp(family);
    say("cookie", cookie(&socket));
    for (place, step) in (1u16..).zip(steps) {
        let said = match step.split_once('=').unwrap_or((step, "")) {
            ("connect", to) => outcome(socket.connect(&address(to).into())),
            ("disconnect", "") => outcome(disconnect(&socket)),
            ("bind", at) => outcome(socket.bind(&address(at).into())),
            ("freebind", at) => outcome(freebind(&socket, address(at))),
            ("sendto", to) => {
                let to = address(to);
                let sent = socket.send_to(&question(place, &socket, to), &to.into());
                outcome(sent.map(drop))
            }
            ("more", to) => {
                let (to, flags) = (address(to), libc::MSG_MORE);
                let asked = question(place, &socket, to);
                outcome(
                    socket
                        .send_to_with_flags(&asked, &to.into(), flags)
                        .map(drop),
                )
            }
            // Of a connected socket; what it asks is what the test says that it asks.
            ("send", to) => {
                let sent = socket.send(&question(place, &socket, address(to)));
                outcome(sent.map(drop))
            }
            ("long", to) => outcome(socket.send_to(&[b'x'; 4097], &address(to).into()).map(drop)),
            ("short", to) => outcome(socket.send_to(b"abc", &address(to).into()).map(drop)),
            ("segments", to) => outcome(segments(&socket, place, address(to))),
            ("batch", to) => batch(&socket, to).map_or_else(|e| outcome(Err(e)), |n| n.to_string()),
            ("turn", device) => outcome(turn(&socket, device)),
            ("device", device) => outcome(socket.bind_device(Some(device.as_bytes()))),
            ("peer", "") => peer(&socket).unwrap_or_else(|error| outcome(Err(error))),
            ("recv", "") => heard(&socket, MsgFlags::empty()),
            ("peek", "") => heard(&socket, MsgFlags::MSG_PEEK),
            ("silence", "") => {
                socket
                    .set_read_timeout(Some(NO_ANSWER))
                    .expect("a time-out");
                heard(&socket, MsgFlags::empty())
            }
            (step, to) => udp::step(&socket, place, step, to),
        };
        say(&place.to_string(), said);
    }
}

fn peer(socket: &Socket) -> io::Result<String> {
    let peer = socket.peer_addr()?.as_socket();
    Ok(peer.expect("an internet address").to_string())
}

/// From whom, and what.
fn heard(socket: &Socket, flags: MsgFlags) -> String {
    let mut answer = [0; 512];
    match recvfrom_flags(socket, &mut answer, flags) {
        Ok((length, from)) => {
            let text = String::from_utf8_lossy(answer.get(2..length).unwrap_or_default());
            format!("{from} {text}")
        }
        Err(error) => outcome(Err(error)),
    }
}

pub(super) fn recvfrom(socket: &Socket, into: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
    recvfrom_flags(socket, into, MsgFlags::empty())
}

fn recvfrom_flags(
    socket: &Socket,
    into: &mut [u8],
    flags: MsgFlags,
) -> io::Result<(usize, SocketAddr)> {
    let mut filled = [const { std::mem::MaybeUninit::uninit() }; 512];
    let room = into.len().min(filled.len());
    let (length, from) = socket.recv_from_with_flags(&mut filled[..room], flags.bits())?;
    for (to, byte) in into.iter_mut().zip(&filled[..length]) {
        // SAFETY: the kernel filled as many bytes as it says.
        *to = unsafe { byte.assume_init() };
    }
    Ok((length, from.as_socket().expect("an internet address")))
}

/// Disconnects by an address of no family.
fn disconnect(socket: &Socket) -> io::Result<()> {
    let none = libc::sockaddr {
        sa_family: 0,
        sa_data: [0; 14],
    };
    // SAFETY: an open descriptor and an initialised address of the length that is passed.
    let outcome = unsafe { libc::connect(socket.as_raw_fd(), &raw const none, 16) };
    if outcome == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

fn option(socket: &Socket, level: i32, name: i32, value: i32) -> io::Result<()> {
    // SAFETY: an open descriptor and as many readable bytes as are passed.
    let outcome = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            name,
            (&raw const value).cast(),
            4,
        )
    };
    if outcome == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Binds an address that no interface need have: any process may.
pub(super) fn freebind(socket: &Socket, at: SocketAddr) -> io::Result<()> {
    /// include/uapi/linux/in6.h
    const IPV6_FREEBIND: i32 = 78;
    option(socket, libc::IPPROTO_IPV6, IPV6_FREEBIND, 1)?;
    socket.bind(&at.into())
}

/// Turns what the socket sends to a device, without binding it to one: any process may.
fn turn(socket: &Socket, device: &str) -> io::Result<()> {
    let index = nix::net::if_::if_nametoindex(device).expect("a device");
    let index = i32::from_be_bytes(index.to_ne_bytes());
    option(socket, libc::IPPROTO_IP, libc::IP_UNICAST_IF, index)
}

/// Two questions in one message, to be cut by the kernel.
fn segments(socket: &Socket, id: u16, to: SocketAddr) -> io::Result<()> {
    let parts = [id, id + 1000].map(|id| question(id, socket, to));
    send_cut(socket, &parts, to)
}

/// Parts of one length in one message, to be cut by the kernel.
pub(super) fn send_cut(socket: &Socket, parts: &[Vec<u8>], to: SocketAddr) -> io::Result<()> {
    /// include/uapi/linux/udp.h
    const UDP_SEGMENT: i32 = 103;
    let length = i32::try_from(parts[0].len()).expect("a short question");
    option(socket, libc::SOL_UDP, UDP_SEGMENT, length)?;
    let sent = socket.send_to(&parts.concat(), &to.into());
    option(socket, libc::SOL_UDP, UDP_SEGMENT, 0)?;
    sent.map(drop)
}

/// Asks several with one `sendmmsg()`; how many it says it sent.
fn batch(socket: &Socket, to: &str) -> io::Result<usize> {
    let asked: Vec<(Vec<u8>, SockAddr)> = (1u16..)
        .zip(to.split(','))
        .map(|(id, to)| (question(id, socket, address(to)), address(to).into()))
        .collect();
    let mut parts: Vec<libc::iovec> = asked
        .iter()
        .map(|(text, _)| libc::iovec {
            iov_base: text.as_ptr().cast_mut().cast(),
            iov_len: text.len(),
        })
        .collect();
    let mut messages: Vec<libc::mmsghdr> = asked
        .iter()
        .zip(&mut parts)
        .map(|((_, to), part)| {
            // SAFETY: plain integers and pointers; all zero is a value.
            let mut message: libc::mmsghdr = unsafe { std::mem::zeroed() };
            message.msg_hdr.msg_name = to.as_ptr().cast_mut().cast();
            message.msg_hdr.msg_namelen = to.len();
            message.msg_hdr.msg_iov = part;
            message.msg_hdr.msg_iovlen = 1;
            message
        })
        .collect();
    let count = u32::try_from(messages.len()).expect("a few");
    // SAFETY: an open descriptor and initialised messages, whose parts outlive the call.
    let sent = unsafe { libc::sendmmsg(socket.as_raw_fd(), messages.as_mut_ptr(), count, 0) };
    usize::try_from(sent).map_err(|_negative| io::Error::last_os_error())
}

/// Two sockets at one port ask at once.
pub(super) fn shared(to: &str) {
    let to = address(to);
    let first = udp("4");
    first.set_reuse_port(true).expect("an option");
    first.bind(&address("127.0.0.1:0").into()).expect("a port");
    let second = udp("4");
    second.set_reuse_port(true).expect("an option");
    second
        .bind(&first.local_addr().expect("an address"))
        .expect("the same port");
    for (id, socket) in [(1, &first), (2, &second)] {
        let sent = socket.send_to(&question(id, socket, to), &to.into());
        say(&format!("sent-{id}"), outcome(sent.map(drop)));
        say(&format!("cookie-{id}"), cookie(socket));
        socket
            .set_read_timeout(Some(Duration::from_millis(20)))
            .expect("a time-out");
    }
    // Which of the two hears an answer is the kernel's choice.
    let heard = |socket: &Socket| recvfrom_flags(socket, &mut [0; 512], MsgFlags::empty()).is_ok();
    let mut answers = 0;
    while answers < 2 {
        answers += usize::from(heard(&first)) + usize::from(heard(&second));
    }
}

/// The C library's resolver, in this process.
pub(super) fn resolve(name: &str) {
    let found = (name, 80).to_socket_addrs();
    let mut addresses: Vec<String> = found
        .map(|found| found.map(|one| one.ip().to_string()).collect())
        .unwrap_or_default();
    addresses.sort();
    addresses.dedup();
    say("addresses", addresses.join(","));
}

/// A command that looks a name up, and what it printed.
pub(super) fn command(command: &[&str]) {
    let [program, args @ ..] = command else {
        panic!("no command")
    };
    let output = Command::new(program).args(args).output().expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout);
    say(
        "printed",
        text.split_whitespace().collect::<Vec<_>>().join(" "),
    );
}

/// Asks `each` questions by each of so many sockets at once, spread over the resolvers, and counts
/// whose answer was right. A socket waits for an answer before it asks again, some as connected ones.
pub(super) fn storm(sockets: &str, each: &str, to: &[&str]) {
    let each: u16 = each.parse().expect("a count");
    let sockets: usize = sockets.parse().expect("a count");
    let threads: Vec<_> = (0..sockets)
        .map(|index| {
            let to: Vec<SocketAddr> = to.iter().map(|to| address(to)).collect();
            thread::spawn(move || asker(index, each, &to))
        })
        .collect();
    let wrong: Vec<String> = threads
        .into_iter()
        .flat_map(|thread| thread.join().expect("no panic"))
        .collect();
    say("wrong", wrong.len());
    for one in wrong.iter().take(5) {
        say("wrong-one", one);
    }
}

fn asker(index: usize, each: u16, to: &[SocketAddr]) -> Vec<String> {
    let to = to[index % to.len()];
    let socket = udp(if to.is_ipv4() { "4" } else { "6" });
    let connected = index.is_multiple_of(3);
    if connected {
        socket.connect(&to.into()).expect("to connect");
    }
    let mut wrong = Vec::new();
    for id in 0..each {
        let asked = question(id, &socket, to);
        let sent = if connected {
            socket.send(&asked)
        } else {
            socket.send_to(&asked, &to.into())
        };
        wrong.extend(right(&socket, &sent, id, to).err());
    }
    wrong
}

/// Waits for the answer to a question, which is to be the right one from the right place.
fn right(socket: &Socket, sent: &io::Result<usize>, id: u16, to: SocketAddr) -> Result<(), String> {
    let mut answer = [0; 512];
    let heard = match sent {
        Ok(_) => recvfrom_flags(socket, &mut answer, MsgFlags::empty()),
        Err(error) => return Err(format!("{to} {id}: {error}")),
    };
    let meant = SocketAddr::new(to.ip().to_canonical(), to.port());
    let expected = [&id.to_be_bytes(), format!("weir {meant}").as_bytes()].concat();
    match heard {
        Ok((length, from)) if from == to && answer[..length] == expected => Ok(()),
        other => Err(format!("{to} {id}: {other:?}")),
    }
}

/// Makes a socket, then joins the workload with it.
pub(super) fn joined(cgroup: &str, to: &[&str]) {
    let socket = udp("4");
    std::fs::write(format!("{cgroup}/cgroup.procs"), "0").expect("to join");
    for (place, to) in (1u16..).zip(to) {
        let to = address(to);
        let sent = socket.send_to(&question(place, &socket, to), &to.into());
        say(&place.to_string(), outcome(sent.map(drop)));
    }
    socket
        .set_read_timeout(Some(NO_ANSWER))
        .expect("a time-out");
    say("answer", heard(&socket, MsgFlags::empty()));
}

/// Asks by so many sockets until the test lets go, and counts whose answer was wrong or never came.
pub(super) fn asking(sockets: &str, to: &[&str]) {
    let threads = until_let_go(sockets, to, |socket, id, to| {
        right(
            socket,
            &socket.send_to(&question(id, socket, to), &to.into()),
            id,
            to,
        )
        .err()
    });
    say("wrong", threads.len());
    for one in threads.iter().take(5) {
        say("wrong-one", one);
    }
}

/// Sends questions by so many sockets until the test lets go, whatever becomes of them, connected and
/// not; counts what the kernel took.
pub(super) fn shouting(sockets: &str, to: &[&str]) {
    let taken = until_let_go(sockets, to, |_, id, to| {
        thread::sleep(Duration::from_millis(1));
        let socket = udp(if to.is_ipv4() { "4" } else { "6" });
        let asked = question(id, &socket, to);
        let sent = if id.is_multiple_of(2) {
            socket.send_to(&asked, &to.into())
        } else {
            socket
                .connect(&to.into())
                .and_then(|()| socket.send(&asked))
        };
        sent.is_ok().then(String::new)
    });
    say("sent", taken.len());
}

/// Runs a call on each of so many sockets again and again; gives what they had to say.
fn until_let_go(
    sockets: &str,
    to: &[&str],
    call: impl Fn(&Socket, u16, SocketAddr) -> Option<String> + Copy + Send + 'static,
) -> Vec<String> {
    let let_go = Arc::new(AtomicBool::new(false));
    let threads: Vec<_> = (0..sockets.parse().expect("a count"))
        .map(|index: usize| {
            let to = address(to[index % to.len()]);
            let let_go = Arc::clone(&let_go);
            thread::spawn(move || {
                let socket = udp(if to.is_ipv4() { "4" } else { "6" });
                let ids = (0..=u16::MAX).cycle();
                ids.take_while(|_| !let_go.load(Ordering::Relaxed))
                    .filter_map(|id| call(&socket, id, to))
                    .collect::<Vec<_>>()
            })
        })
        .collect();
    say("asking", "on");
    wait();
    let_go.store(true, Ordering::Relaxed);
    threads
        .into_iter()
        .flat_map(|thread| thread.join().expect("no panic"))
        .collect()
}
