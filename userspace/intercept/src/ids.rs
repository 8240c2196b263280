//! The numbers and addresses of this room, each as its own type.

use std::{fmt, net::SocketAddr};

macro_rules! id {
    ($(#[$meta:meta])* $name:ident($inner:ty)) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name($inner);

        impl $name {
            /// From the number as the kernel gives it.
            pub const fn new(number: $inner) -> Self {
                Self(number)
            }

            /// The number as the kernel gives it.
            pub const fn get(self) -> $inner {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id! {
    /// A cgroup v2's id: the inode number of its directory, unique until reboot.
    CgroupId(u64)
}
id! {
    /// A socket's cookie (`SO_COOKIE`), unique until reboot.
    SocketCookie(u64)
}
id! {
    /// A network namespace's cookie (`SO_NETNS_COOKIE`), unique until reboot.
    NetnsCookie(u64)
}
id! {
    /// A process or thread id in the initial pid namespace. Recycled by the kernel: on its own it
    /// is not an identity.
    Pid(u32)
}
id! {
    /// A user id in the initial user namespace.
    Uid(u32)
}
id! {
    /// A group id in the initial user namespace.
    Gid(u32)
}

/// Where a client wanted to go before it was redirected. A v4-mapped IPv6 destination is shown as
/// the IPv4 address it stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrigDst(SocketAddr);

impl OrigDst {
    /// From an address and port; a v4-mapped address becomes plain IPv4.
    pub fn new(address: SocketAddr) -> Self {
        Self(SocketAddr::new(address.ip().to_canonical(), address.port()))
    }

    /// The address and port.
    pub const fn get(self) -> SocketAddr {
        self.0
    }
}

impl fmt::Display for OrigDst {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapped_destination_is_its_v4_address() {
        let mapped: SocketAddr = "[::ffff:10.0.0.7]:5432".parse().expect("an address");
        assert_eq!(OrigDst::new(mapped).to_string(), "10.0.0.7:5432");
        let plain: SocketAddr = "[2001:db8::1]:443".parse().expect("an address");
        assert_eq!(OrigDst::new(plain).to_string(), "[2001:db8::1]:443");
    }
}
