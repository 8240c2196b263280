//! What an agent does in a storm: all the quick ways, from several threads, until enough
//! connections have been answered.

use std::{
    io,
    net::SocketAddr,
    os::{fd::AsRawFd as _, unix::fs::MetadataExt as _},
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::Duration,
};

use socket2::Socket;

use crate::{
    agent::{got, say},
    aim::Aim,
    trick::{self, pass, uring::Ring},
    vectors::uring,
};

const THREADS: usize = 4;

/// The number of connections that must be answered is where an attempt's name would be.
pub(crate) fn run(aim: &Aim) -> io::Result<()> {
    let most: u64 = std::env::var("WEIR_BYPASS_ATTEMPT")
        .ok()
        .and_then(|text| text.parse().ok())
        .expect("a number");
    let own = std::fs::metadata(&aim.cgroup)?.ino();
    let (right, failed) = (AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        for number in 0..THREADS {
            let (right, failed) = (&right, &failed);
            scope.spawn(move || {
                for turn in number.. {
                    if right.load(Ordering::Relaxed) >= most {
                        return;
                    }
                    match way(turn, aim, own) {
                        Ok(true) => right.fetch_add(1, Ordering::Relaxed),
                        Ok(false) => 0,
                        Err(_refused_or_cut_off) => {
                            thread::sleep(Duration::from_micros(500));
                            failed.fetch_add(1, Ordering::Relaxed)
                        }
                    };
                }
            });
        }
    });
    say("right", right.into_inner());
    say("failed", failed.into_inner());
    Ok(())
}

/// Whether it was answered. What must be refused is, or the witness sees it.
fn way(turn: usize, aim: &Aim, own: u64) -> io::Result<bool> {
    match turn % 8 {
        0 => connect(aim.far4, aim.far4, aim, own),
        1 => connect(aim.far6, aim.far6, aim, own),
        2 => connect(trick::mapped(aim.far4), aim.far4, aim, own),
        3 => connect(aim.near4, aim.near4, aim, own),
        4 => {
            let socket = trick::tcp(aim.far4)?;
            trick::send_to(&socket, aim.payload(), aim.far4, libc::MSG_FASTOPEN)?;
            judge(&socket, aim.far4, own)
        }
        5 => {
            let socket = trick::tcp(aim.far4)?;
            let to = aim.far4.into();
            Ring::new(0)?.run(uring::connecting(socket.as_raw_fd(), 0, &to))?;
            ask(&socket, aim.far4, aim, own)
        }
        6 => {
            let socket = trick::udp(aim.far4)?;
            trick::send_to(&socket, aim.payload(), aim.far4, 0)?;
            got("a datagram out");
            Ok(false)
        }
        _ => {
            let socket = Socket::from(pass::take()?);
            trick::dial(&socket, aim.far4, aim)?;
            got("a foreign socket connected");
            Ok(false)
        }
    }
}

fn connect(to: SocketAddr, meant: SocketAddr, aim: &Aim, own: u64) -> io::Result<bool> {
    let socket = trick::tcp(to)?;
    socket.connect(&to.into())?;
    ask(&socket, meant, aim, own)
}

fn ask(socket: &Socket, meant: SocketAddr, aim: &Aim, own: u64) -> io::Result<bool> {
    socket.send(aim.payload())?;
    judge(socket, meant, own)
}

/// What an engine answers must be true; no answer is an engine that died.
fn judge(socket: &Socket, meant: SocketAddr, own: u64) -> io::Result<bool> {
    let heard = trick::listen(socket)?;
    // Closed by a reset, so that no port waits.
    socket.set_linger(Some(Duration::ZERO))?;
    if heard.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let heard = String::from_utf8_lossy(&heard);
    if heard.trim_end() != format!("weir {meant} {own}") {
        got(format!("{} instead of {meant} {own}", heard.trim_end()));
    }
    Ok(true)
}

/// Outside: a new socket for whoever takes it, as long as anyone does.
pub(crate) fn give(aim: &Aim) -> io::Result<()> {
    loop {
        pass::give(&trick::tcp(aim.far4)?)?;
    }
}
