//! Packets as they arrive, of every family and protocol, and whether they concern an attempt.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::aim::Aim;

/// One packet, from its network header on.
#[derive(Clone, Debug)]
pub(crate) struct Packet(pub(crate) Vec<u8>);

impl Packet {
    /// Whether it comes of this attempt: it goes to an address that only this attempt knows, or
    /// holds its token.
    pub(crate) fn is_of(&self, aim: &Aim) -> bool {
        // A part that no other has, and so the whole.
        let part = aim.told_by_group();
        let holds = self.0.windows(part.len()).any(|window| window == part);
        let own = [aim.far4, aim.far6, aim.compatible()].map(|address| address.ip());
        let to_it = self.destination().is_some_and(|to| own.contains(&to));
        holds || (to_it && !self.is_neighbour_discovery())
    }

    fn destination(&self) -> Option<IpAddr> {
        match self.0.first()? >> 4 {
            4 => {
                let octets: [u8; 4] = self.0.get(16..20)?.try_into().ok()?;
                Some(Ipv4Addr::from(octets).into())
            }
            6 => {
                let octets: [u8; 16] = self.0.get(24..40)?.try_into().ok()?;
                Some(Ipv6Addr::from(octets).into())
            }
            _ => None,
        }
    }

    /// RFC 4861, section 4: what the host itself asks before it sends anything.
    fn is_neighbour_discovery(&self) -> bool {
        const ICMPV6: u8 = 58;
        self.0.first().is_some_and(|first| first >> 4 == 6)
            && self.0.get(6) == Some(&ICMPV6)
            && self
                .0
                .get(40)
                .is_some_and(|kind| (133..=137).contains(kind))
    }

    /// The protocol that it carries, for the table.
    pub(crate) fn describe(&self) -> String {
        let protocol = match self.0.first().map(|first| first >> 4) {
            Some(4) => self.0.get(9),
            Some(6) => self.0.get(6),
            _ => None,
        };
        match protocol {
            Some(1 | 58) => "an ICMP packet".to_owned(),
            Some(6) => "a TCP packet".to_owned(),
            Some(17) => "a UDP packet".to_owned(),
            Some(number) => format!("a packet of protocol {number}"),
            None => "a packet that is not IP".to_owned(),
        }
    }
}

#[test]
fn a_packet_is_known_by_its_destination_or_its_token() {
    let aim = Aim::decode(
        "198.18.5.9:80 [fd57::9]:80 127.77.0.1:80 [::1]:80 198.18.4.1 fd57::1 dev \
         token-of-one-only 1 / / /",
    );
    let mut packet = vec![0; 40];
    packet[0] = 0x45;
    packet[16..20].copy_from_slice(&[198, 18, 5, 9]);
    assert!(Packet(packet.clone()).is_of(&aim));
    packet[19] = 8;
    assert!(!Packet(packet.clone()).is_of(&aim));
    packet.extend(b"..token-of-one-only..");
    assert!(Packet(packet).is_of(&aim));

    let IpAddr::V6(to) = aim.far6.ip() else {
        panic!("it is IPv6")
    };
    let mut solicitation = vec![0; 64];
    solicitation[0] = 0x60;
    solicitation[6] = 58;
    solicitation[24..40].copy_from_slice(&to.octets());
    solicitation[40] = 135;
    assert!(!Packet(solicitation.clone()).is_of(&aim));
    solicitation[40] = 128;
    assert!(Packet(solicitation).is_of(&aim), "an echo request is none");
}
