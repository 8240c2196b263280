//! The rule of what may leave, said once for `connect` and `sendmsg`.

use core::ffi::c_void;

use aya_ebpf::helpers::generated::bpf_get_netns_cookie;
use weir_abi::{Address, INITIAL_NETNS, LOOPBACK_V4, LOOPBACK_V6, Reason, Settings};

use crate::{
    caller,
    context::Asked,
    datagram,
    maps::{self, SERVED},
};

/// What to do with a socket that names a destination.
pub enum Ruling {
    /// Send it to the engine, at this port, on behalf of this workload.
    Redirect {
        /// The engine's port.
        port: u16,
        /// The tagged cgroup.
        workload: u64,
    },
    /// Refuse it.
    Refuse {
        /// Why.
        reason: Reason,
        /// The tagged cgroup; 0 if the caller is in none.
        workload: u64,
    },
}

/// Rules on a destination asked for through the socket-address context `ctx`.
#[inline(always)]
pub fn on(ctx: *mut c_void, asked: &Asked) -> Ruling {
    let settings = maps::settings();
    let Some(workload) = caller::workload() else {
        return Ruling::Refuse {
            reason: Reason::HandedOut,
            workload: 0,
        };
    };
    let refuse = |reason| Ruling::Refuse { reason, workload };
    if settings.port == 0 {
        return refuse(Reason::NoEngine);
    }
    if !is_served(caller::netns(ctx)) {
        return refuse(Reason::ForeignNamespace);
    }
    if asked.is_tcp() || datagram::may_leave(asked, workload) {
        // Redirecting this one would make the engine dial itself.
        if asked.port == settings.port && asked.address.is_loopback() {
            return refuse(Reason::EnginePort);
        }
        return Ruling::Redirect {
            port: settings.port,
            workload,
        };
    }
    refuse(Reason::Protocol)
}

/// Whether the engine listens in the network namespace of this cookie. An engine that can't ask for
/// its own namespace's cookie serves the initial one, under a key of its own.
#[inline(always)]
pub fn is_served(netns: u64) -> bool {
    if SERVED.get_ptr(netns).is_some() {
        return true;
    }
    // SAFETY: a null context asks for the initial namespace.
    netns == unsafe { bpf_get_netns_cookie(core::ptr::null_mut()) }
        && SERVED.get_ptr(INITIAL_NETNS).is_some()
}

/// Whether this is where the engine listens: what has been redirected goes nowhere else.
#[inline(always)]
pub fn is_engine(settings: &Settings, address: Address, port: u16) -> bool {
    settings.port != 0 && port == settings.port && is_engine_address(address)
}

/// Whether the engine listens at this address.
#[inline(always)]
pub fn is_engine_address(address: Address) -> bool {
    address == LOOPBACK_V4 || address == LOOPBACK_V6
}
