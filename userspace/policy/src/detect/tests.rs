use proptest::prelude::*;

use super::*;

/// Everything that is found in a text, by detector.
fn found(text: &str) -> Vec<(&'static str, &str)> {
    let mut all = Vec::new();
    let mut from = 0;
    while let Some((range, detector)) = find(text.as_bytes(), from, Detectors::all()) {
        from = range.end;
        all.push((detector.name(), text.get(range).unwrap()));
    }
    all
}

/// Each line is a detector, what it must find, and where that stands.
const TRUE: &[(&str, &str)] = &[
    ("card", "4111111111111111"),
    ("card", "4012 8888 8888 1881"),
    ("card", "4222222222222"),
    ("card", "5555-5555-5555-4444"),
    ("card", "2223003122003222"),
    ("card", "378282246310005"),
    ("card", "3782 822463 10005"),
    ("card", "6011111111111117"),
    ("card", "30569309025904"),
    ("card", "3056 930902 5904"),
    ("card", "3530111333300000"),
    ("card", "6200000000000005"),
    ("email", "ada@example.com"),
    ("email", "ada.lovelace+notes@mail.analytical-engine.co.uk"),
    ("email", "o_b@xn--bcher-kva.example"),
    ("email", "josé@exämple.de"),
    ("iban", "GB82 WEST 1234 5698 7654 32"),
    ("iban", "DE89370400440532013000"),
    ("iban", "FR1420041010050500013M02606"),
    ("iban", "NO9386011117947"),
    ("iban", "MT84MALT011000012345MTLCAST001S"),
    ("iban", "de89370400440532013000"),
    ("phone", "+14155552671"),
    ("phone", "+44 20 7946 0958"),
    ("phone", "+49 (0)30 901820"),
    ("phone", "+358-9-123-4567"),
    ("aws-key", "AKIAIOSFODNN7EXAMPLE"),
    ("aws-key", "ASIAIOSFODNN7EXAMPLE"),
    ("github-token", "ghp_16C7e42F292c6912E7710c838347Ae178B4a"),
    (
        "github-token",
        "github_pat_11ABCDEFG0abcdefghijklmn_abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVW",
    ),
    ("gitlab-token", "glpat-aB3_dE6-gH9iJ2kL5mN8"),
    // In parts, so that nobody's scanner takes this file for a leak.
    (
        "slack-token",
        concat!("xoxb-", "123456789012-1234567890123-AbCdEfGhIjKl"),
    ),
    (
        "stripe-key",
        concat!("sk_", "live_4eC39HqLyjWDarjtT1zdp7dc"),
    ),
    (
        "stripe-key",
        concat!("rk_", "live_4eC39HqLyjWDarjtT1zdp7dc"),
    ),
    (
        "google-key",
        concat!("AIza", "SyD-9tSrke72PouQMnMX-a7eZSW0jkFMBWY"),
    ),
    ("ai-key", concat!("sk-", "proj-Ab3dEf6hIj9lMn2pQr5tUv8x")),
    (
        "ai-key",
        concat!("sk-", "ant-api03-Ab3dEf6hIj9lMn2p_Qr5tUv8x-AA"),
    ),
    ("npm-token", "npm_aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789"),
    (
        "pypi-token",
        concat!(
            "pypi-",
            "AgEIcHlwaS5vcmcCJDAwMDAwMDAwLTAwMDAtMDAwMC0wMDAwLTAwMDAwMDAwMDAwMAACKlszLCJhYmMiXQ"
        ),
    ),
    (
        "jwt",
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
    ),
    ("jwt", "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxMjM0NTY3ODkwIn0."),
    (
        "private-key",
        "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\nAQEFAASC==\n-----END PRIVATE KEY-----",
    ),
    (
        "private-key",
        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0A\n\nMIIE\n-----END RSA PRIVATE KEY-----",
    ),
    (
        "private-key",
        "-----BEGIN OPENSSH PRIVATE KEY-----\\nb3BlbnNzaC1rZXktdjEA",
    ),
    ("us-ssn", "123-45-6789"),
    ("us-ssn", "899 99 9999"),
    ("de-tax-id", "86095742719"),
    ("de-tax-id", "65 929 970 489"),
    ("fr-nir", "255081416802538"),
    ("fr-nir", "1 85 05 78 006 084 91"),
    ("fr-nir", "185052A00608435"),
    ("uk-nino", "AB123456C"),
    ("uk-nino", "ab 12 34 56 c"),
    ("nl-bsn", "1112.22.333"),
    ("es-dni", "12345678Z"),
    ("es-dni", "12345678-z"),
    ("es-dni", "X1234567L"),
    ("it-codice-fiscale", "RSSMRA85T10A562S"),
    ("it-codice-fiscale", "MRTMTT91D08F205J"),
    // A digit that two people would share is a letter.
    ("it-codice-fiscale", "MRTMTT91D08F20RE"),
];

const FALSE: &[&str] = &[
    "4111111111111112",
    "1234567812345670",
    "41111111111111111",
    "x4111111111111111",
    "4111111111111111x",
    "0.4111111111111111",
    "4111-1111 1111-1111",
    "41 11 11 11 11 11 11 11",
    "1732868400123456",
    "ada@localhost",
    "@example.com",
    "ada@",
    "ada.@example.com",
    "ada@example.1",
    "a @ b.example",
    "GB82 WEST 1234 5698 7654 33",
    "DE89370400440532013001",
    "US64SVBKUS6S3300958879",
    "DE8937040044053201300",
    "DE893704004405320130000",
    "+2802555267",
    "+0123456789",
    "+123",
    "+1415555267112345678",
    "2024-01-01 10:00:00+02",
    "AKIAIOSFODNN7EXAMPL",
    "AKIAIOSFODNN7EXAMPLEX",
    "AKIAiosfodnn7example",
    "ghp_16C7e42F292c6912E7710c838347Ae178B4",
    "glpat-short",
    "sk-a-name-of-a-css-class-that-is-long",
    "sk-learn",
    "npm_config_registry",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0",
    "eyJub3QiOiJvbmUifQ.eyJzdWIiOiIxIn0.c2ln",
    "eyes.on.you",
    "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----",
    "-----BEGIN CERTIFICATE-----",
    "000-12-3456",
    "666-12-3456",
    "900-12-3456",
    "123-00-4567",
    "123-45-0000",
    "123456789",
    "86095742718",
    "12345678901",
    "11111111111",
    "255081416802539",
    "BG123456A",
    "DA123456A",
    "AB123456E",
    "111222333",
    "1112.22.334",
    "12345678A",
    "X1234567A",
    "W1234567L",
    "RSSMRA85T10A562T",
    "RSSMRA85Z10A562S",
    "d41d8cd98f00b204e9800998ecf8427e",
    "550e8400-e29b-41d4-a716-446655440000",
    "The quick brown fox jumps over the lazy dog, 42 times on 2024-02-29.",
    "",
];

#[test]
fn each_form_is_found_whole_whatever_stands_around_it() {
    for (detector, value) in TRUE {
        let around = [
            ("", ""),
            (" ", " "),
            ("é", "é"),
            ("{\"a\":\"", "\"}"),
            ("x\\n", "\\n"),
            ("key=", ","),
            ("(", ")."),
            ("a, 1: ", "; b"),
        ];
        for (before, behind) in around {
            let text = format!("{before}{value}{behind}");
            // Letters beside an address are of the address, and a key that is cut short goes on.
            let told = found(&text);
            let whole = told
                .iter()
                .any(|(name, range)| name == detector && range.contains(value));
            assert!(whole, "{detector} in {text:?}: {told:?}");
            let exact = before != "é" && !value.contains("\\n");
            assert!(
                !exact || told == [(*detector, *value)],
                "{text:?}: {told:?}"
            );
        }
    }
}

#[test]
fn what_only_looks_like_one_is_not_found() {
    for text in FALSE {
        assert_eq!(found(text), [], "{text:?}");
    }
}

#[test]
fn every_detector_is_tried_by_the_corpus_and_has_a_name_of_its_own() {
    let mut names: Vec<&str> = Detector::all().map(Detector::name).collect();
    for detector in Detector::all() {
        assert_eq!(Detector::named(detector.name()), Some(detector));
        assert!(TRUE.iter().any(|(name, _)| *name == detector.name()));
        let alone: Detectors = [detector].into_iter().collect();
        for (name, value) in TRUE {
            if let Some((_, other)) = find(value.as_bytes(), 0, alone) {
                assert_eq!(other, detector, "{name} {value}");
            } else {
                assert_ne!(*name, detector.name(), "{value}");
            }
        }
    }
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Detector::all().count());
}

#[test]
fn a_bare_number_is_what_the_word_before_it_says() {
    assert_eq!(found("SSN: 123456789"), [("us-ssn", "123456789")]);
    assert_eq!(found("{\"ssn\":\"123456789\"}"), [("us-ssn", "123456789")]);
    assert_eq!(found("her Social Security number is 123456789"), []);
    assert_eq!(found("BSN 111222333"), [("nl-bsn", "111222333")]);
    assert_eq!(found("BSN 111222334"), []);
}

#[test]
fn one_value_after_the_other_is_found() {
    assert_eq!(
        found("4111111111111111 12/27 123, ada@example.com;AKIAIOSFODNN7EXAMPLE"),
        [
            ("card", "4111111111111111"),
            ("email", "ada@example.com"),
            ("aws-key", "AKIAIOSFODNN7EXAMPLE"),
        ]
    );
    assert_eq!(
        found("{ada@example.com,bob@example.org}"),
        [("email", "ada@example.com"), ("email", "bob@example.org")]
    );
    assert_eq!(
        found("postgres://app:hunter2@db.example.com/shop"),
        [("email", "hunter2@db.example.com")]
    );
    assert_eq!(
        found("-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY----- and 123-45-6789"),
        [
            (
                "private-key",
                "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----"
            ),
            ("us-ssn", "123-45-6789"),
        ]
    );
}

#[test]
fn of_drawn_numbers_few_are_taken_for_cards() {
    // One of ten passes Luhn's test, and fewer than one of four are of a scheme.
    let taken = (0..20_000_u64)
        .map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15) % 10_000_000_000_000_000)
        .filter(|number| !found(&format!("{number:016}")).is_empty())
        .count();
    assert!(taken < 600, "{taken} of 20000");
}

/// Texts that would cost a matcher that begins anew at each place the square of their length: hours.
fn hostile() -> Vec<Vec<u8>> {
    let parts: [&[u8]; 22] = [
        b"x",
        b"1",
        b"@",
        b"-",
        b"a@",
        b"@a",
        b"a.",
        b"1 ",
        b"1-",
        b"4111 ",
        b"eyJ",
        b"eyJ-",
        b"eyJ.",
        b"sk-",
        b"+1",
        b"+1 ",
        b"\\n1",
        b"-----BEGIN ",
        b"-----BEGIN PRIVATE KEY-----",
        b"GB82 ",
        b"\xff",
        b"a@b.",
    ];
    // The longer, the surer; unoptimised, a megabyte of words takes a second.
    let all = parts.iter().map(|part| {
        let length = if part.len() == 1 { 1 << 20 } else { 1 << 17 };
        part.iter().copied().cycle().take(length).collect()
    });
    all.collect()
}

#[test]
fn a_long_text_of_anything_is_gone_through() {
    for text in hostile() {
        let mut from = 0;
        while let Some((range, _)) = find(&text, from, Detectors::all()) {
            assert!(range.start >= from && range.end > range.start && range.end <= text.len());
            from = range.end;
        }
    }
}

proptest! {
    #[test]
    fn matches_come_in_order_and_lie_within(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let mut from = 0;
        while let Some((range, _)) = find(&bytes, from, Detectors::all()) {
            prop_assert!(range.start >= from && range.start < range.end && range.end <= bytes.len());
            from = range.end;
        }
    }

    #[test]
    fn what_is_made_of_the_parts_of_values_is_too(
        parts in prop::collection::vec(prop::sample::select(vec![
            "4111", " ", "-", "1111", "@", "a", ".", "com", "eyJhbGciOiJub25lIn0", "sk-", "A1", "+", "49",
            "-----BEGIN ", "PRIVATE KEY", "-----", "-----END ", "\\", "n", "é", "DE89", "AB123456C", "bsn",
        ]), 0..40),
    ) {
        let text = parts.concat();
        let mut from = 0;
        while let Some((range, _)) = find(text.as_bytes(), from, Detectors::all()) {
            prop_assert!(text.is_char_boundary(range.start) && text.is_char_boundary(range.end));
            prop_assert!(range.start >= from && range.start < range.end);
            from = range.end;
        }
    }
}
