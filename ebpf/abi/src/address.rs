//! An IP address of either family in one shape.

/// An IPv6 address, or an IPv4 one in its v4-mapped form (`::ffff:a.b.c.d`), as four words whose
/// bytes in memory are in network order: exactly what the socket contexts hold.
///
/// One shape for both families means one map key and one comparison, and no second spelling of an
/// address by which a rule could be missed.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Address([u32; 4]);

const V4_PREFIX: u32 = u32::from_ne_bytes([0, 0, 0xff, 0xff]);
const V4_LOOPBACK_WORD: u32 = u32::from_ne_bytes([127, 0, 0, 1]);
const V6_LOOPBACK_WORD: u32 = u32::from_ne_bytes([0, 0, 0, 1]);

/// 127.0.0.1, where a redirected IPv4 socket is sent.
pub const LOOPBACK_V4: Address = Address::from_v4_word(V4_LOOPBACK_WORD);
/// `::1`, where a redirected IPv6 socket is sent.
pub const LOOPBACK_V6: Address = Address([0, 0, 0, V6_LOOPBACK_WORD]);

impl Address {
    /// No address: what an event shows where no destination was named.
    pub const UNSPECIFIED: Self = Self([0; 4]);

    /// From an IPv4 address as the kernel's contexts hold it (`user_ip4`).
    #[inline(always)]
    pub const fn from_v4_word(word: u32) -> Self {
        Self([0, 0, V4_PREFIX, word])
    }

    /// From the four words of an IPv6 address as the kernel's contexts hold them (`user_ip6`).
    #[inline(always)]
    pub const fn from_words(words: [u32; 4]) -> Self {
        Self(words)
    }

    /// The four words, in the same order.
    #[inline(always)]
    pub const fn words(self) -> [u32; 4] {
        self.0
    }

    /// The last word: the IPv4 address, when [`is_v4`](Self::is_v4) holds.
    #[inline(always)]
    pub const fn v4_word(self) -> u32 {
        let [_, _, _, word] = self.0;
        word
    }

    /// Whether this is an IPv4 address in its mapped form.
    #[inline(always)]
    pub const fn is_v4(self) -> bool {
        let [a, b, prefix, _] = self.0;
        a == 0 && b == 0 && prefix == V4_PREFIX
    }

    /// What the kernel means by this address as a destination: `0.0.0.0` and `::` are this host.
    ///
    /// Done once, at capture, so that a rule about 127.0.0.1 can't be missed by dialling 0.0.0.0.
    #[inline(always)]
    pub const fn as_destination(self) -> Self {
        let [a, b, c, d] = self.0;
        if d != 0 || a != 0 || b != 0 {
            self
        } else if c == V4_PREFIX {
            LOOPBACK_V4
        } else if c == 0 {
            LOOPBACK_V6
        } else {
            self
        }
    }

    /// Whether a packet to this address stays on the host by its own number: 127.0.0.0/8 or `::1`.
    #[inline(always)]
    pub const fn is_loopback(self) -> bool {
        let [a, b, c, d] = self.0;
        let [first, ..] = d.to_ne_bytes();
        a == 0 && b == 0 && ((c == V4_PREFIX && first == 127) || (c == 0 && d == V6_LOOPBACK_WORD))
    }
}

const _: () = assert!(size_of::<Address>() == 16 && align_of::<Address>() == 4);

#[cfg(test)]
mod tests {
    use super::*;

    fn v4(octets: [u8; 4]) -> Address {
        Address::from_v4_word(u32::from_ne_bytes(octets))
    }

    #[test]
    fn unspecified_destinations_are_this_host() {
        assert_eq!(v4([0, 0, 0, 0]).as_destination(), LOOPBACK_V4);
        assert_eq!(Address::UNSPECIFIED.as_destination(), LOOPBACK_V6);
    }

    #[test]
    fn other_destinations_stay_as_they_are() {
        let near_misses = [
            v4([10, 0, 0, 1]),
            v4([0, 0, 0, 1]),
            LOOPBACK_V6,
            Address::from_words([0, 0, 1, 0]),
            Address::from_words([1, 0, 0, 0]),
            Address::from_words([0, 1, V4_PREFIX, 0]),
        ];
        for address in near_misses {
            assert_eq!(address.as_destination(), address);
        }
    }

    #[test]
    fn loopback_is_the_whole_v4_block_and_one_v6_address() {
        assert!(v4([127, 0, 0, 1]).is_loopback());
        assert!(v4([127, 255, 1, 2]).is_loopback());
        assert!(LOOPBACK_V6.is_loopback());
        assert!(!v4([128, 0, 0, 1]).is_loopback());
        assert!(!Address::UNSPECIFIED.is_loopback());
        assert!(!Address::from_words([1, 0, 0, V6_LOOPBACK_WORD]).is_loopback());
    }

    #[test]
    fn only_the_mapped_prefix_is_v4() {
        assert!(v4([1, 2, 3, 4]).is_v4());
        assert!(!LOOPBACK_V6.is_v4());
        assert!(!Address::from_words([0, 1, V4_PREFIX, 0]).is_v4());
    }
}
