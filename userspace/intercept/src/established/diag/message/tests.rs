use super::*;

fn header(length: usize, kind: u16, flags: u16) -> Vec<u8> {
    let mut bytes = u32::try_from(length).expect("short").to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(flags.to_ne_bytes());
    bytes.extend(7u32.to_ne_bytes());
    bytes.extend(0u32.to_ne_bytes());
    bytes
}

/// An IPv4 socket from 10.0.0.1:80 to 10.0.0.2:443, inode 99, in cgroup 5.
fn entry_bytes() -> Vec<u8> {
    let mut body = vec![2, 1, 0, 0, 0, 80, 1, 187];
    for address in [[10, 0, 0, 1], [10, 0, 0, 2]] {
        body.extend(address);
        body.extend([0; 12]);
    }
    body.extend([0; 4 + 8 + 16]);
    body.extend(99u32.to_ne_bytes());
    assert_eq!(body.len(), ENTRY);
    // An attribute of five bytes and its padding, then the cgroup's.
    body.extend([5, 0, 8, 0, 1, 0, 0, 0]);
    body.extend([12, 0, 21, 0]);
    body.extend(5u64.to_ne_bytes());
    let mut bytes = header(HEADER + body.len(), SOCK_DIAG_BY_FAMILY, 2);
    bytes.extend(body);
    bytes
}

fn done() -> Vec<u8> {
    let mut bytes = header(HEADER + 4, NLMSG_DONE, 2 | NLM_F_DUMP_INTR);
    bytes.extend(0i32.to_ne_bytes());
    bytes
}

#[test]
fn a_dump_is_read_to_its_end() {
    let bytes = [entry_bytes(), entry_bytes(), done()].concat();
    let messages: Vec<Message> = parse(&bytes).map(|m| m.expect("well-formed")).collect();
    let [first, second, end] = messages.as_slice() else {
        panic!("{messages:?}");
    };
    assert_eq!(first, second);
    let Said::Entry(entry) = &first.said else {
        panic!("{first:?}");
    };
    assert_eq!(entry.local.to_string(), "10.0.0.1:80");
    assert_eq!(entry.remote.to_string(), "10.0.0.2:443");
    assert_eq!((entry.inode, entry.state), (99, 1));
    assert_eq!(entry.cgroup, Some(CgroupId::new(5)));
    assert_eq!((&end.said, end.interrupted), (&Said::End(0), true));
    assert!(!first.interrupted);
}

#[test]
fn an_error_is_its_number() {
    let mut bytes = header(HEADER + 4, NLMSG_ERROR, 0);
    bytes.extend((-libc::EOPNOTSUPP).to_ne_bytes());
    let message = parse(&bytes).next().expect("one").expect("well-formed");
    assert_eq!(message.said, Said::End(libc::EOPNOTSUPP));
    assert_eq!(message.sequence, 7);
    // A number that has no opposite.
    let mut bytes = header(HEADER + 4, NLMSG_ERROR, 0);
    bytes.extend(i32::MIN.to_ne_bytes());
    assert_eq!(parse(&bytes).next(), Some(Err(Malformed)));
}

#[test]
fn a_mapped_address_is_the_v4_one() {
    let mut bytes = entry_bytes();
    let local = HEADER + 4 + 4;
    bytes[HEADER] = 10;
    bytes[local..local + 16].copy_from_slice(&Ipv4Addr::LOCALHOST.to_ipv6_mapped().octets());
    let message = parse(&bytes).next().expect("one").expect("well-formed");
    let Said::Entry(entry) = message.said else {
        panic!("{message:?}");
    };
    assert_eq!(entry.local.to_string(), "127.0.0.1:80");
}

#[test]
fn what_is_cut_off_anywhere_is_malformed_or_has_no_attribute() {
    let whole = entry_bytes();
    for length in 1..whole.len() {
        let cut = parse(&whole[..length]).next();
        assert_eq!(cut, Some(Err(Malformed)), "{length}");
    }
    // The same with a length that agrees: the fixed part must be whole, attributes may be none.
    for length in HEADER..whole.len() {
        let mut bytes = whole[..length].to_vec();
        bytes[..4].copy_from_slice(&u32::try_from(length).expect("short").to_ne_bytes());
        if let Some(Ok(message)) = parse(&bytes).next() {
            let Said::Entry(entry) = message.said else {
                panic!("{message:?}");
            };
            assert!(
                length >= HEADER + ENTRY && entry.cgroup.is_none(),
                "{length}"
            );
        }
    }
}

#[test]
fn lengths_that_would_loop_or_overflow_are_malformed() {
    for length in [0, 1, 15, u32::MAX - 1, u32::MAX] {
        let mut bytes = entry_bytes();
        bytes[..4].copy_from_slice(&length.to_ne_bytes());
        let all: Vec<_> = parse(&bytes).collect();
        assert_eq!(all, [Err(Malformed)], "{length}");
    }
    for length in 0..4u16 {
        let mut bytes = entry_bytes();
        let at = HEADER + ENTRY;
        bytes[at..at + 2].copy_from_slice(&length.to_ne_bytes());
        assert_eq!(parse(&bytes).next(), Some(Err(Malformed)), "{length}");
    }
}

#[test]
fn a_family_that_was_not_asked_for_is_malformed() {
    let mut bytes = entry_bytes();
    bytes[HEADER] = 1;
    assert_eq!(parse(&bytes).next(), Some(Err(Malformed)));
}

#[test]
fn requests_have_the_kernels_shape() {
    let bytes = dump(3, 2, 6);
    assert_eq!(bytes.len(), 72);
    assert_eq!(u32_at(&bytes, 0), Some(72));
    assert_eq!(
        (u16_at(&bytes, 4), u16_at(&bytes, 6)),
        (Some(20), Some(0x301))
    );
    assert_eq!(bytes[16..18], [2, 6]);
    let states = u32_at(&bytes, 20).expect("states");
    assert_eq!(
        states & ((1 << 6) | (1 << 12) | 1),
        0,
        "no state without a socket"
    );
    assert_ne!(states & (1 << u32::from(LISTEN)), 0);
    let id = [9; SOCKID];
    let bytes = destroy(3, 2, 6, &id);
    assert_eq!(u16_at(&bytes, 4), Some(21));
    assert_eq!(bytes[24..], id);
}
