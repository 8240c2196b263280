//! Threads that pull at one call from several sides.

use std::{
    io,
    net::SocketAddr,
    os::fd::AsRawFd as _,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use nix::sys::signal::{SigHandler, Signal};
use socket2::{SockAddr, Socket};

use crate::{
    aim::Aim,
    trick,
    vector::{Attempt, Vector},
};

/// How long each race is run.
const RACE: Duration = Duration::from_millis(250);

pub(super) const VECTOR: Vector = Vector {
    name: "races",
    attempts: &[
        Attempt::new("two connects of one socket", two_connects),
        Attempt::new("connect against shutdown", |aim| {
            against(aim, |socket| {
                let _raced = socket.shutdown(std::net::Shutdown::Both);
            })
        }),
        Attempt::new("connect against disconnect", |aim| {
            against(aim, |socket| {
                let _raced = trick::disconnect(socket);
            })
        }),
        Attempt::new("the descriptor swapped", swapped),
        Attempt::new("the address changed while it is read", changed),
        Attempt::new("UDP, send against connect", datagrams),
        Attempt::new("connect, interrupted by signals", interrupted),
    ],
};

/// Runs `other` against `race` for a while.
fn while_racing(other: impl Fn() + Sync, mut race: impl FnMut()) {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                other();
            }
        });
        let until = Instant::now() + RACE;
        while Instant::now() < until {
            race();
        }
        over.store(true, Ordering::Relaxed);
    });
}

/// What comes of one try in a race is of no account; only what the witness sees is.
fn try_it(socket: &Socket, to: SocketAddr, aim: &Aim) {
    let _raced = socket.connect(&to.into());
    let _raced = socket.send(aim.payload());
}

fn two_connects(aim: &Aim) -> io::Result<()> {
    let near = SocketAddr::from(([127, 0, 0, 1], 9));
    for _ in 0..40 {
        let socket = trick::tcp(aim.far4)?;
        socket.set_nonblocking(true)?;
        thread::scope(|scope| {
            scope.spawn(|| try_it(&socket, near, aim));
            try_it(&socket, aim.far4, aim);
        });
    }
    Ok(())
}

fn against(aim: &Aim, act: fn(&Socket)) -> io::Result<()> {
    let socket = trick::tcp(aim.far4)?;
    socket.set_nonblocking(true)?;
    while_racing(|| act(&socket), || try_it(&socket, aim.far4, aim));
    Ok(())
}

/// The call names a number; another socket stands there when it is done.
fn swapped(aim: &Aim) -> io::Result<()> {
    let (inner, outer) = (trick::connected()?.0, trick::tcp(aim.far4)?);
    let shared = inner.try_clone()?;
    shared.set_nonblocking(true)?;
    while_racing(
        || {
            for from in [&inner, &outer] {
                // SAFETY: two open descriptors.
                unsafe { libc::dup2(from.as_raw_fd(), shared.as_raw_fd()) };
            }
        },
        || {
            let _raced = trick::disconnect(&shared);
            try_it(&shared, aim.far4, aim);
        },
    );
    Ok(())
}

/// Between the hook's look at the address and the kernel's own.
fn changed(aim: &Aim) -> io::Result<()> {
    let engine = SockAddr::from(SocketAddr::from(([127, 0, 0, 1], aim.engine)));
    let far = SockAddr::from(aim.far4);
    let mut shared = [0u8; 16];
    let place = shared.as_mut_ptr().expose_provenance();
    let write = move |address: &SockAddr| {
        let to = std::ptr::with_exposed_provenance_mut::<u8>(place);
        // SAFETY: sixteen bytes that outlive both threads; that two write at once is the trick.
        unsafe { std::ptr::copy_nonoverlapping(address.as_ptr().cast(), to, 16) };
    };
    let mut tried = Ok(());
    while_racing(
        || {
            write(&engine);
            write(&far);
        },
        || {
            let Ok(socket) = trick::tcp(aim.far4) else {
                tried = Err(io::Error::last_os_error());
                return;
            };
            let address = std::ptr::with_exposed_provenance(place);
            // SAFETY: an open descriptor, and an address of the length that is passed.
            let _raced = unsafe { libc::connect(socket.as_raw_fd(), address, 16) };
            let _raced = socket.send(aim.payload());
        },
    );
    tried
}

fn datagrams(aim: &Aim) -> io::Result<()> {
    let socket = trick::udp(aim.far4)?;
    let resolver = SocketAddr::new(aim.host4, 53);
    while_racing(
        || {
            let _raced = socket.connect(&resolver.into());
            let _raced = socket.connect(&aim.far4.into());
        },
        || {
            let _raced = socket.send(aim.payload());
            let _raced = trick::send_to(&socket, aim.payload(), aim.far4, 0);
        },
    );
    Ok(())
}

extern "C" fn nothing(_: libc::c_int) {}

/// A call that a signal breaks off halfway, and that is made again.
fn interrupted(aim: &Aim) -> io::Result<()> {
    // SAFETY: a handler that does nothing.
    unsafe { nix::sys::signal::signal(Signal::SIGUSR1, SigHandler::Handler(nothing)) }?;
    let process = libc::pid_t::try_from(std::process::id()).expect("a pid");
    let caller = nix::unistd::gettid().as_raw();
    while_racing(
        || {
            // SAFETY: three numbers; the caller outlives this thread.
            unsafe { libc::syscall(libc::SYS_tgkill, process, caller, libc::SIGUSR1) };
        },
        || {
            if let Ok(socket) = trick::tcp(aim.far4) {
                try_it(&socket, aim.far4, aim);
                try_it(&socket, aim.far4, aim);
            }
        },
    );
    Ok(())
}
