//! What only userspace needs: permission to read the types as raw bytes, and std's addresses.

use std::net::{IpAddr, Ipv6Addr};

use crate::{
    Address, ConnectFacts, DatagramKey, DatagramTargetKey, FlowKey, InboundKey, Layout,
    ProcessFacts, ProcessKey, Refusal, Settings, SourceKey, SourceNote, UnixKey, UnixLayout,
};

// SAFETY: transparent over [u32; 4]; any bytes are a value.
unsafe impl aya::Pod for Address {}
// SAFETY: repr(C), no implicit padding (its size is the sum of its fields'), integers only.
unsafe impl aya::Pod for ConnectFacts {}
// SAFETY: as above.
unsafe impl aya::Pod for FlowKey {}
// SAFETY: as above; the enums cross as plain numbers.
unsafe impl aya::Pod for Refusal {}
// SAFETY: as above.
unsafe impl aya::Pod for Settings {}
// SAFETY: as above.
unsafe impl aya::Pod for DatagramKey {}
// SAFETY: as above.
unsafe impl aya::Pod for DatagramTargetKey {}
// SAFETY: as above.
unsafe impl aya::Pod for SourceKey {}
// SAFETY: as above.
unsafe impl aya::Pod for SourceNote {}
// SAFETY: as above.
unsafe impl aya::Pod for InboundKey {}
// SAFETY: as above.
unsafe impl aya::Pod for UnixKey {}
// SAFETY: as above.
unsafe impl aya::Pod for ProcessKey {}
// SAFETY: as above.
unsafe impl aya::Pod for Layout {}
// SAFETY: as above.
unsafe impl aya::Pod for UnixLayout {}
// SAFETY: as above; an ancestor is integers without implicit padding, too.
unsafe impl aya::Pod for ProcessFacts {}

impl Address {
    /// The address as std has it: a v4-mapped one as the IPv4 address it stands for.
    pub fn to_ip(self) -> IpAddr {
        let [a, b, c, d] = self.words().map(u32::from_be);
        let bits =
            (u128::from(a) << 96) | (u128::from(b) << 64) | (u128::from(c) << 32) | u128::from(d);
        Ipv6Addr::from(bits).to_canonical()
    }
}

impl Refusal {
    /// From the bytes of a ring buffer entry; `None` when they are not as many as a refusal has.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != size_of::<Self>() {
            return None;
        }
        // SAFETY: as many bytes as the type has, any bytes are a value, no alignment is assumed.
        Some(unsafe { bytes.as_ptr().cast::<Self>().read_unaligned() })
    }
}

impl From<IpAddr> for Address {
    fn from(ip: IpAddr) -> Self {
        let v6 = match ip {
            IpAddr::V4(v4) => v4.to_ipv6_mapped(),
            IpAddr::V6(v6) => v6,
        };
        let [a, b, c, d, e, f, g, h] = v6.segments();
        let word = |high: u16, low: u16| ((u32::from(high) << 16) | u32::from(low)).to_be();
        Self::from_words([word(a, b), word(c, d), word(e, f), word(g, h)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LOOPBACK_V4, LOOPBACK_V6};

    #[test]
    fn addresses_cross_and_come_back() {
        for text in [
            "127.0.0.1",
            "10.1.2.3",
            "255.255.255.255",
            "::1",
            "2001:db8::7:8",
            "fe80::1",
        ] {
            let ip: IpAddr = text.parse().expect("an address");
            assert_eq!(Address::from(ip).to_ip(), ip, "{text}");
        }
    }

    #[test]
    fn mapped_and_plain_v4_are_one_address() {
        let mapped: IpAddr = "::ffff:10.1.2.3".parse().expect("an address");
        let plain: IpAddr = "10.1.2.3".parse().expect("an address");
        assert_eq!(Address::from(mapped), Address::from(plain));
        assert_eq!(Address::from(mapped).to_ip(), plain);
    }

    #[test]
    fn a_refusal_of_the_wrong_length_is_none() {
        let length = size_of::<Refusal>();
        for wrong in [0, 1, length - 1, length + 1] {
            assert_eq!(Refusal::from_bytes(&vec![0; wrong]), None, "{wrong}");
        }
        // From an odd address, as a ring buffer's wrap may give it.
        let bytes = vec![7; length + 1];
        let refusal = Refusal::from_bytes(&bytes[1..]).expect("the right length");
        assert_eq!((refusal.hook, refusal.facts.port), (7, 0x0707));
    }

    #[test]
    fn std_and_the_programs_agree_on_loopback() {
        assert_eq!(Address::from(IpAddr::from([127, 0, 0, 1])), LOOPBACK_V4);
        assert_eq!(LOOPBACK_V6.to_ip(), IpAddr::from(Ipv6Addr::LOCALHOST));
    }
}
