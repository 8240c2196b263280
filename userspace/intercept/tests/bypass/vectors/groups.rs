//! Multicast groups: whoever joins one has the kernel tell the link's routers of it, by a packet of
//! no workload's. What the group is called is up to the agent.

use std::{io, os::fd::AsRawFd as _, time::Duration};

use socket2::Socket;

use super::uring::setting;
use crate::{
    aim::Aim,
    trick::{self, uring::Ring},
    vector::{Attempt, Ends, Vector},
};

/// include/uapi/linux/in.h.
const MCAST_JOIN_GROUP: i32 = 42;
const MCAST_JOIN_SOURCE_GROUP: i32 = 46;

pub(super) const VECTOR: Vector = Vector {
    name: "groups",
    attempts: &[
        Attempt::new("joining one that spells what is to be said", |aim| {
            let socket = trick::udp(aim.far6)?;
            ipv6(&socket, libc::IPV6_ADD_MEMBERSHIP, &membership(aim))
        }),
        Attempt::new("MCAST_JOIN_GROUP", |aim| {
            let request = [interface(aim), group(aim)].concat();
            ipv6(&trick::udp(aim.far6)?, MCAST_JOIN_GROUP, &request)
        }),
        Attempt::new("MCAST_JOIN_SOURCE_GROUP", |aim| {
            // From this source alone, which nobody is.
            let source = address([0xfd; 16]);
            let request = [interface(aim), group(aim), source].concat();
            ipv6(&trick::udp(aim.far6)?, MCAST_JOIN_SOURCE_GROUP, &request)
        }),
        Attempt::new("by io_uring", |aim| {
            let socket = trick::udp(aim.far6)?;
            let request = membership(aim);
            let ring = Ring::new(0)?;
            let (level, option) = (libc::IPPROTO_IPV6, libc::IPV6_ADD_MEMBERSHIP);
            ring.run(setting(&socket, level, option, &request))?;
            reported()
        })
        .wants("command of io_uring for options"),
        Attempt::new("by a 32-bit call", |aim| {
            let socket = trick::udp(aim.far6)?;
            join_by_32_bits(&socket, &membership(aim))?;
            reported()
        })
        .wants("32-bit calls")
        .ends(Ends::Open(
            "the kernel asks no program of an option that is set by a 32-bit call: the seccomp filter \
             of `weir run`, and SystemCallArchitectures=native in the drop-in for agents' units",
        )),
    ],
};

fn ipv6(socket: &Socket, option: i32, value: &[u8]) -> io::Result<()> {
    trick::option(socket, libc::IPPROTO_IPV6, option, value)?;
    reported()
}

/// The report leaves when the kernel gets round to it (RFC 3810, section 6.1).
#[expect(clippy::unnecessary_wraps, reason = "it ends an attempt")]
fn reported() -> io::Result<()> {
    std::thread::sleep(Duration::from_millis(1500));
    Ok(())
}

fn index(aim: &Aim) -> [u8; 4] {
    trick::index(&aim.device).to_ne_bytes()
}

/// `struct ipv6_mreq`, include/uapi/linux/in6.h.
fn membership(aim: &Aim) -> Vec<u8> {
    let mut request = aim.group().octets().to_vec();
    request.extend(index(aim));
    request
}

/// How the `struct group_req` of include/uapi/linux/in.h begins, with its padding.
fn interface(aim: &Aim) -> Vec<u8> {
    let mut interface = index(aim).to_vec();
    interface.extend([0; 4]);
    interface
}

fn group(aim: &Aim) -> Vec<u8> {
    address(aim.group().octets())
}

/// A `struct sockaddr_in6` in the room of a `struct sockaddr_storage`.
fn address(octets: [u8; 16]) -> Vec<u8> {
    let family = u16::try_from(libc::AF_INET6).expect("a small number");
    let mut address = vec![0; 128];
    address[..2].copy_from_slice(&family.to_ne_bytes());
    address[8..24].copy_from_slice(&octets);
    address
}

/// As a 32-bit program does it: setsockopt is 366 there.
#[cfg(target_arch = "x86_64")]
fn join_by_32_bits(socket: &Socket, request: &[u8]) -> io::Result<()> {
    // The call takes an address of 32 bits.
    // SAFETY: a new mapping, of a page, at an address of the kernel's choice.
    let low = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            4096,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_32BIT,
            -1,
            0,
        )
    };
    if low == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the request is far shorter than the page, which is not in it.
    unsafe { std::ptr::copy_nonoverlapping(request.as_ptr(), low.cast(), request.len()) };
    let value = u32::try_from(low.addr()).expect("it was asked for");
    let length = u32::try_from(request.len()).expect("short");
    let outcome: i32;
    // SAFETY: a system call that reads the mapping and writes nothing; rbx, which the compiler keeps
    // for itself, is put back.
    unsafe {
        std::arch::asm!(
            "xchg rbx, {socket:r}",
            "int 0x80",
            "xchg rbx, {socket:r}",
            socket = inout(reg) u64::from(socket.as_raw_fd().cast_unsigned()) => _,
            inlateout("eax") 366 => outcome,
            in("ecx") libc::IPPROTO_IPV6,
            in("edx") libc::IPV6_ADD_MEMBERSHIP,
            in("esi") value,
            in("edi") length,
            out("r8") _, out("r9") _, out("r10") _, out("r11") _,
        );
    }
    if outcome < 0 {
        return Err(io::Error::from_raw_os_error(-outcome));
    }
    Ok(())
}

#[cfg(not(target_arch = "x86_64"))]
fn join_by_32_bits(_socket: &Socket, _request: &[u8]) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
