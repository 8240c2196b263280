//! Below IP: AF_PACKET and AF_XDP. No cgroup hook sees them; lsm_cgroup does where it loads.

use std::{io, os::fd::AsRawFd as _};

use super::{families::FAMILIES, raw};
use crate::{
    agent::got,
    aim::Aim,
    trick,
    vector::{Attempt, CAP_NET_RAW, Ends, Vector},
};

const RAW: &[u8] = &[CAP_NET_RAW];

pub(super) const VECTOR: Vector = Vector {
    name: "below IP",
    attempts: &[
        Attempt::new("AF_PACKET without CAP_NET_RAW", cooked).ends(Ends::ByKernel),
        Attempt::new("AF_XDP without CAP_NET_RAW", xdp).ends(Ends::ByKernel),
        Attempt::new("AF_PACKET", cooked).with(RAW).needs(FAMILIES),
        Attempt::new("AF_XDP", xdp).with(RAW).needs(FAMILIES),
    ],
};

const ETHERTYPE_V4: u16 = 0x0800;

/// A packet that the kernel only puts a link header before.
fn cooked(aim: &Aim) -> io::Result<()> {
    let protocol = ETHERTYPE_V4.to_be();
    let socket = trick::socket(libc::AF_PACKET, libc::SOCK_DGRAM, i32::from(protocol))?;
    let to = libc::sockaddr_ll {
        sll_family: u16::try_from(libc::AF_PACKET).expect("small"),
        sll_protocol: protocol,
        sll_ifindex: trick::index(&aim.device),
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 6,
        sll_addr: [0xff; 8],
    };
    let packet = raw::packet(aim);
    // SAFETY: an open descriptor, and the buffer and address with their lengths.
    let sent = unsafe {
        libc::sendto(
            socket.as_raw_fd(),
            packet.as_ptr().cast(),
            packet.len(),
            0,
            (&raw const to).cast(),
            libc::socklen_t::try_from(size_of_val(&to)).expect("short"),
        )
    };
    trick::done(i32::try_from(sent).expect("short"))
}

/// Having the socket is all it takes: what is put in its ring goes out below every hook.
fn xdp(_: &Aim) -> io::Result<()> {
    trick::socket(libc::AF_XDP, libc::SOCK_RAW, 0)?;
    got("a socket of AF_XDP");
    Ok(())
}
