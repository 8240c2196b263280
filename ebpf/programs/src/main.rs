//! weir's eBPF programs: rewrite a socket's destination, note where it was going and who asked,
//! refuse the rest.
//!
//! | module | hook | on |
//! |---|---|---|
//! | [`create`] | `socket()`: only TCP and UDP | tagged cgroup |
//! | [`family`] | `socket()`: no other families, where the kernel asks | tagged cgroup |
//! | [`bind`] | `bind()`: not the engine's port | tagged cgroup |
//! | [`connect`] | `connect()`: TCP, questions to resolvers and datagrams to declared targets to the engine, nothing else | tagged cgroup |
//! | [`sendmsg`] | datagrams without `connect()`: the same rule | tagged cgroup |
//! | [`setsockopt`] | `setsockopt()`: no joining of multicast groups | tagged cgroup |
//! | [`recvmsg`] | show the client where it sent what is answered | tagged cgroup |
//! | [`getpeername`] | show the client the destination that it asked for | tagged cgroup |
//! | [`egress`] | every packet: what no hook above admitted is dropped | tagged cgroup |
//! | [`flow_open`] | leave the facts where the other end finds them | tagged cgroup |
//! | [`inbound`] | answers at declared ports pass egress | tagged cgroup |
//! | [`root`] | the same promises for sockets from elsewhere, by the task | v2 root |
//! | [`unix`] | `connect()` and `sendmsg()` on Unix sockets: declared ones only | v2 root |
//! | [`flow_accept`] | pick them up on the accepted socket | engine's cgroup |
//!
//! Every program fails closed: a map without an entry, a helper that fails, a field that makes no
//! sense are refusals. Not their job: knowing targets, policies or protocols.
#![no_std]
#![no_main]

mod bind;
mod caller;
mod connect;
mod context;
mod create;
mod datagram;
mod egress;
mod family;
mod flow;
mod flow_accept;
mod flow_open;
mod getpeername;
mod inbound;
mod maps;
mod note;
mod process;
mod recvmsg;
mod redirect;
mod refuse;
mod root;
mod rule;
mod sendmsg;
mod setsockopt;
mod source;
mod storage;
mod unix;

#[cfg(not(test))]
#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    // Nothing here panics; the verifier would refuse the endless loop if something could.
    loop {}
}

/// The kernel lends most helpers to GPL-compatible programs only.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
