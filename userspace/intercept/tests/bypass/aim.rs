//! What an attempt is aimed at, handed to the agent's process in its environment.

use std::{
    net::{IpAddr, Ipv6Addr, SocketAddr},
    os::fd::RawFd,
};

macro_rules! aim {
    ($($(#[$doc:meta])* $field:ident: $type:ty,)+) => {
        /// Addresses that nobody has admitted and that no other attempt uses, and the places that
        /// the agent knows of.
        #[derive(Clone, Debug)]
        pub(crate) struct Aim {
            $($(#[$doc])* pub(crate) $field: $type,)+
        }

        impl Aim {
            /// One line, to be read by [`Aim::decode`].
            pub(crate) fn encode(&self) -> String {
                [$(self.$field.to_string()),+].join(" ")
            }

            pub(crate) fn decode(text: &str) -> Self {
                let mut parts = text.split(' ');
                Self {
                    $($field: parts
                        .next()
                        .and_then(|part| part.parse().ok())
                        .expect(stringify!($field)),)+
                }
            }
        }
    };
}

aim! {
    /// The witness in a network namespace across a veth pair. It sees every packet that comes
    /// there.
    far4: SocketAddr,
    /// The same, over IPv6.
    far6: SocketAddr,
    /// The witness on this host's loopback: TCP and UDP.
    near4: SocketAddr,
    /// The same, over IPv6.
    near6: SocketAddr,
    /// This host's own address towards the far witness.
    host4: IpAddr,
    /// The same, over IPv6.
    host6: IpAddr,
    /// The device that leads to the far witness.
    device: String,
    /// What every payload holds, so that the witness knows it wherever it turns up.
    token: String,
    /// The port that the engine listens on.
    engine: u16,
    /// The agent's cgroup.
    cgroup: String,
    /// A cgroup outside every workload, which belongs to the agent's user.
    outside: String,
    /// A directory that the agent's user can write.
    scratch: String,
}

impl Aim {
    /// One end of a socket pair; an accomplice has the other.
    pub(crate) const PAIR: RawFd = 700;

    pub(crate) fn payload(&self) -> &[u8] {
        self.token.as_bytes()
    }

    /// A multicast group whose address holds as much of the token as there is room for.
    pub(crate) fn group(&self) -> Ipv6Addr {
        let mut octets = [0xff; 16];
        octets[1] = 0x0e;
        octets[2..].copy_from_slice(self.told_by_group());
        octets.into()
    }

    /// What that is: the end, which no other attempt's has.
    pub(crate) fn told_by_group(&self) -> &[u8] {
        let token = self.payload();
        &token[token.len() - 14..]
    }

    /// The path of the Unix socket that the near witness listens on.
    pub(crate) fn unix(&self) -> String {
        format!("{}/witness-{}", self.scratch, self.token)
    }

    /// The far IPv4 address as a "v4-compatible" IPv6 address (RFC 4291, section 2.5.5.1), which is
    /// another address, with a route of its own.
    pub(crate) fn compatible(&self) -> SocketAddr {
        let IpAddr::V4(v4) = self.far4.ip() else {
            return self.far6;
        };
        let [a, b, c, d] = v4.octets();
        let ip = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d];
        SocketAddr::new(ip.into(), self.far4.port())
    }

    /// The far end of the link that leads to the far witness.
    pub(crate) fn next_hop(&self) -> IpAddr {
        let IpAddr::V4(v4) = self.host4 else {
            return self.host4;
        };
        IpAddr::from((u32::from(v4) + 1).to_be_bytes())
    }

    /// Everyone on that link.
    pub(crate) fn broadcast(&self) -> SocketAddr {
        let IpAddr::V4(v4) = self.host4 else {
            return self.far4;
        };
        let all = IpAddr::from((u32::from(v4) | 3).to_be_bytes());
        SocketAddr::new(all, self.far4.port())
    }

    /// Whether an attempt may rightly be said to have wanted to go there.
    pub(crate) fn is_target(&self, to: SocketAddr) -> bool {
        let far = [self.far4, self.far6, self.compatible()];
        let near = [self.host4, self.next_hop()];
        far.contains(&to)
            || near.contains(&to.ip())
            || (to.ip().is_loopback() && to.port() != self.engine)
            || to.port() == 53
    }
}
