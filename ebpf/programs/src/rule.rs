//! The rule of what may leave, said once for `connect` and `sendmsg`.

use core::ffi::c_void;

use aya_ebpf::helpers::generated::bpf_get_netns_cookie;
use weir_abi::{DNS_PORT, INITIAL_NETNS, Reason, Settings};

use crate::{
    caller,
    context::Asked,
    maps::{self, RESOLVERS},
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
    /// Let it be: a datagram for a configured resolver.
    Pass,
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
    if caller::netns(ctx) != engine_netns(&settings) {
        return refuse(Reason::ForeignNamespace);
    }
    if asked.is_tcp() {
        // Redirecting this one would make the engine dial itself.
        if asked.port == settings.port && asked.address.is_loopback() {
            return refuse(Reason::EnginePort);
        }
        return Ruling::Redirect {
            port: settings.port,
            workload,
        };
    }
    if asked.is_udp() && asked.port == DNS_PORT && RESOLVERS.get_ptr(asked.address).is_some() {
        return Ruling::Pass;
    }
    refuse(Reason::Protocol)
}

/// The network namespace that the engine listens in.
#[inline(always)]
fn engine_netns(settings: &Settings) -> u64 {
    if settings.netns != INITIAL_NETNS {
        return settings.netns;
    }
    // SAFETY: a null context asks for the initial namespace.
    unsafe { bpf_get_netns_cookie(core::ptr::null_mut()) }
}
