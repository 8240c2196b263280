//! What the programs tell when they refuse.

use crate::ConnectFacts;

/// A refusal as it lies in the ring buffer.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Who wanted what.
    pub facts: ConnectFacts,
    /// A [`Hook`], as its number.
    pub hook: u8,
    /// A [`Reason`], as its number.
    pub reason: u8,
    /// Always zero.
    pub padding: [u8; 6],
}

const _: () = assert!(size_of::<Refusal>() == 112 && align_of::<Refusal>() == 8);

macro_rules! numbered {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $number:literal => $text:literal,)+ }) => {
        $(#[$meta])*
        #[repr(u8)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$doc])* $variant = $number,)+ }

        impl $name {
            /// The variant of this number, if there is one.
            pub const fn from_number(number: u8) -> Option<Self> {
                match number {
                    $($number => Some(Self::$variant),)+
                    _ => None,
                }
            }

            /// The number that crosses the boundary.
            #[inline(always)]
            pub const fn number(self) -> u8 {
                match self { $(Self::$variant => $number,)+ }
            }

            /// What a person reads.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

numbered! {
    /// Where in a socket's life it was refused.
    Hook {
        /// `socket()`.
        SocketCreate = 1 => "socket",
        /// `bind()`.
        Bind = 2 => "bind",
        /// `connect()`, or what implies one.
        Connect = 3 => "connect",
        /// `sendto()`, `sendmsg()`, `sendmmsg()` on an unconnected datagram socket.
        SendMessage = 4 => "sendmsg",
        /// A packet on its way out that no other hook had admitted.
        Egress = 5 => "egress",
        /// The hand-over of a redirected connection to the engine.
        Handover = 6 => "handover",
        /// `connect()` or `sendmsg()` on a Unix socket.
        Unix = 7 => "unix",
        /// `setsockopt()`.
        SocketOption = 8 => "setsockopt",
    }
}

numbered! {
    /// Why it was refused.
    Reason {
        /// Not TCP, not a question to a resolver, and no datagram to a target that is declared for it.
        Protocol = 1 => "only TCP, questions to resolvers and datagrams to declared targets may leave",
        /// The settings name no port: no engine has listened since the programs were attached.
        NoEngine = 2 => "no engine is listening",
        /// The calling task is in no tagged cgroup: the socket was handed to it.
        HandedOut = 3 => "the socket was handed to a process outside its workload",
        /// The engine has no listener in the socket's network namespace.
        ForeignNamespace = 4 => "the socket belongs to a network namespace that is not served",
        /// The destination, or the port to bind, is the engine's own listener.
        EnginePort = 5 => "that is the engine's own port",
        /// A map was full or the kernel had no memory: nothing could be noted, so nothing passes.
        NoRoom = 6 => "the kernel had no room to note the connection",
        /// The socket's binding to a device could not be undone.
        BoundToDevice = 7 => "the socket is bound to a device",
        /// The calling task is in a tagged cgroup, its socket is not: it was handed to it, or made
        /// before the task was moved there.
        HandedIn = 8 => "the socket was made outside the workload",
        /// A Unix socket that the workload may not reach.
        UnixSocket = 9 => "the workload may not reach this Unix socket",
        /// An answer to a connection from outside, at a port that is not declared.
        Inbound = 10 => "nothing may connect to the workload at this port",
        /// The socket speaks from an IPv6 address other than `::1`. Anyone may bind one that is not
        /// the host's own; what the engine answered would then leave the host.
        OtherSource = 11 => "the socket is bound to an IPv6 address other than ::1",
        /// A family of sockets, or a netlink protocol, that weir can't judge.
        Family = 12 => "only IP, Unix sockets and the netlink of routes may be had",
        /// A datagram from a source that has just sent to another target, or from a socket connected
        /// to another: neither it nor its answer could be told from the other's.
        OtherTarget = 13 => "the socket has just sent datagrams to another target",
        /// A multicast or anycast group to join, of which the kernel itself would tell the network.
        Group = 14 => "the kernel would tell the network of the group",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_as_what_they_were() {
        for number in 0..=u8::MAX {
            if let Some(hook) = Hook::from_number(number) {
                assert_eq!(hook.number(), number);
            }
            if let Some(reason) = Reason::from_number(number) {
                assert_eq!(reason.number(), number);
            }
        }
        assert_eq!(Hook::from_number(Hook::Egress.number()), Some(Hook::Egress));
        assert_eq!(Hook::from_number(0), None, "a zeroed event names no hook");
        assert_eq!(
            Reason::from_number(0),
            None,
            "a zeroed event names no reason"
        );
    }
}
