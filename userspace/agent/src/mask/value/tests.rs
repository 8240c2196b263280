use proptest::prelude::*;

use super::*;

fn treatment(method: Method, kind: Kind, format: Format) -> Treatment {
    Treatment {
        hides_null: false,
        class: DataClass::new("email").unwrap(),
        method,
        kind,
        format,
    }
}

fn masked(treatment: &Treatment, value: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    replace(treatment, &MaskKey::fixed(), value, &mut out).then_some(out)
}

const METHODS: [Method; 5] = [
    Method::Redact,
    Method::Partial { keep_last: 4 },
    Method::Hash,
    Method::Tokenise,
    Method::Null,
];

#[test]
fn partial_keeps_the_tail_and_the_shape_but_never_more_than_half() {
    let show = |value: &str, keep| {
        let t = treatment(
            Method::Partial { keep_last: keep },
            Kind::of(25, -1),
            Format::Text,
        );
        String::from_utf8(masked(&t, value.as_bytes()).unwrap()).unwrap()
    };
    assert_eq!(show("4111 1111 1111 1234", 4), "**** **** **** 1234");
    assert_eq!(show("ada@example.com", 3), "***@*******.com");
    assert_eq!(show("abcd", 4), "**cd");
    assert_eq!(show("a", 4), "*");
    assert_eq!(show("", 4), "");
    assert_eq!(show("\u{1b}[2Jsecret", 0), "*[********");
}

#[test]
fn both_formats_of_a_number_give_one_token_and_it_fits_the_type() {
    for (width, oid) in [(2, 21), (4, 23), (8, 20)] {
        for number in [0_i64, 1, -1, 4711, -32768, 32767] {
            let binary = number.to_be_bytes()[8 - width..].to_vec();
            let t = |format| treatment(Method::Tokenise, Kind::of(oid, -1), format);
            let text = masked(&t(Format::Text), number.to_string().as_bytes()).unwrap();
            let text: i64 = String::from_utf8(text).unwrap().parse().unwrap();
            let bytes = masked(&t(Format::Binary), &binary).unwrap();
            assert_eq!(bytes.len(), width);
            let value = bytes
                .iter()
                .fold(0_i64, |sum, byte| (sum << 8) | i64::from(*byte));
            assert_eq!(value, text);
            assert!(value >= 0);
        }
    }
}

#[test]
fn an_integer_that_lies_about_its_width_is_null() {
    let t = treatment(Method::Hash, Kind::of(23, -1), Format::Binary);
    assert_eq!(masked(&t, &[1, 2, 3]), None);
    let t = treatment(Method::Hash, Kind::of(23, -1), Format::Text);
    assert_eq!(masked(&t, b"12; drop"), None);
}

#[test]
fn both_formats_of_a_uuid_give_one_uuid() {
    let text = b"6F9619FF-8B86-D011-B42D-00C04FC964FF";
    let binary: Vec<u8> = (0..16)
        .map(|i| {
            let hex: Vec<u8> = text.iter().copied().filter(|b| *b != b'-').collect();
            u8::from_str_radix(std::str::from_utf8(&hex[i * 2..i * 2 + 2]).unwrap(), 16).unwrap()
        })
        .collect();
    let of = |format, value: &[u8]| {
        masked(&treatment(Method::Hash, Kind::of(2950, -1), format), value).unwrap()
    };
    let (t, b) = (of(Format::Text, text), of(Format::Binary, &binary));
    let hex: String = b.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(String::from_utf8(t.clone()).unwrap().replace('-', ""), hex);
    assert_eq!(t.len(), 36);
    assert_eq!(t[14], b'8');
}

#[test]
fn json_stays_json() {
    for method in METHODS {
        let t = treatment(method, Kind::of(3802, -1), Format::Binary);
        if let Some(out) = masked(&t, b"\x01{\"a\":1}") {
            assert_eq!(out[0], 1);
            assert!(serde_json::from_slice::<serde_json::Value>(&out[1..]).is_ok());
        }
        let t = treatment(method, Kind::of(114, -1), Format::Text);
        if let Some(out) = masked(&t, b"{\"a\":1}") {
            assert!(serde_json::from_slice::<serde_json::Value>(&out).is_ok());
        }
    }
}

#[test]
fn a_declared_length_holds() {
    let t = treatment(Method::Hash, Kind::of(1043, 4 + 5), Format::Text);
    assert_eq!(masked(&t, b"secret").unwrap().len(), 5);
}

proptest! {
    #[test]
    fn no_method_lets_a_value_through(
        value in "[a-z0-9]{6,40}",
        method in proptest::sample::select(&METHODS[..]),
        oid in proptest::sample::select(&[25_u32, 1043, 114, 3802, 21, 23, 20, 2950, 1700, 17, 0][..]),
        binary in any::<bool>(),
    ) {
        let format = if binary { Format::Binary } else { Format::Text };
        let t = treatment(method, Kind::of(oid, -1), format);
        if let Some(out) = masked(&t, value.as_bytes()) {
            let shown = String::from_utf8_lossy(&out);
            prop_assert!(!shown.contains(&value));
        }
    }

    #[test]
    fn any_bytes_are_survived(value in proptest::collection::vec(any::<u8>(), 0..64), oid in any::<u32>(), modifier in any::<i32>()) {
        for method in METHODS {
            for format in [Format::Text, Format::Binary] {
                let t = treatment(method, Kind::of(oid, modifier), format);
                let _shown = masked(&t, &value);
            }
        }
    }
}
