//! Every other address family: none may carry a byte off this host.

use std::io;

use crate::{
    agent::got,
    aim::Aim,
    trick,
    vector::{Attempt, Vector},
};

/// Where it is not well, they are closed by the seccomp filter of `weir run` and by
/// `RestrictAddressFamilies=` of the unit.
pub(super) const FAMILIES: &str = "socket families";

pub(super) const VECTOR: Vector = Vector {
    name: "other families",
    attempts: &[
        Attempt::new("AF_VSOCK", vsock)
            .wants("AF_VSOCK")
            .needs(FAMILIES),
        Attempt::new("AF_ALG", |_| have(libc::AF_ALG, libc::SOCK_SEQPACKET, 0))
            .wants("AF_ALG")
            .needs(FAMILIES),
        Attempt::new("any unheard of", unheard_of)
            .wants("other families")
            .needs(FAMILIES),
    ],
};

fn have(domain: i32, kind: i32, protocol: i32) -> io::Result<()> {
    trick::socket(domain, kind, protocol)?;
    got(format!("a socket of family {domain}"));
    Ok(())
}

/// The other end would be the hypervisor, whom a test has no business to dial.
fn vsock(_: &Aim) -> io::Result<()> {
    have(libc::AF_VSOCK, libc::SOCK_STREAM, 0)
}

/// Families that some kernels have: X.25, AppleTalk, IPX, RDS, TIPC, CAN, Bluetooth, KCM, SMC, QRTR,
/// and whatever comes after.
fn unheard_of(_: &Aim) -> io::Result<()> {
    const KNOWN: [i32; 7] = [
        libc::AF_UNIX,
        libc::AF_INET,
        libc::AF_INET6,
        libc::AF_NETLINK,
        libc::AF_PACKET,
        libc::AF_VSOCK,
        libc::AF_XDP,
    ];
    let kinds = [
        libc::SOCK_STREAM,
        libc::SOCK_DGRAM,
        libc::SOCK_RAW,
        libc::SOCK_SEQPACKET,
    ];
    let lacks = |domain: i32| {
        let none = have(domain, libc::SOCK_RAW, 0).err();
        none.and_then(|error| error.raw_os_error()) == Some(libc::EAFNOSUPPORT)
    };
    for domain in (1..64).filter(|domain| !KNOWN.contains(domain) && !lacks(*domain)) {
        for kind in kinds {
            // The kernel refuses a family that it lacks, and a protocol that its family lacks.
            for protocol in 0..8 {
                if have(domain, kind, protocol).is_ok() {
                    return Ok(());
                }
            }
        }
    }
    Err(io::Error::from_raw_os_error(libc::EAFNOSUPPORT))
}
