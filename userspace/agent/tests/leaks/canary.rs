//! What was planted, and the search for it in whatever form it may come out.

/// Planted as text, and within longer text. It spells no word, so nothing shows it by chance.
pub(crate) const CANARY: &str = "kq7zxv41wm";
/// What holds it in the columns that want an address.
pub(crate) const ADDRESS: &str = "kq7zxv41wm@leak.example";
/// Planted as a number of 16 digits.
pub(crate) const NUMBER: u64 = 7_391_845_620_193_846;
/// Planted as a date, so long ago that no other date of the sample is near.
pub(crate) const DATE: &str = "1931-07-19";
/// The same as the binary format has it: days since 2000-01-01.
const DAYS: i32 = -25_003;
/// Planted as a UUID.
pub(crate) const UUID: &str = "5f0c1d6e-93b7-4a41-8e2d-c4b7aa19f06d";
/// So many characters in a row are a leak, where a mask may leave the last four.
const PART: usize = 7;

/// The forms in which it would be recognised, each with its name.
fn forms() -> Vec<(&'static str, Vec<u8>)> {
    let mut forms = Vec::new();
    let mut add = |name, bytes: Vec<u8>| forms.push((name, bytes));
    for part in CANARY.as_bytes().windows(PART) {
        add("as it is", part.to_vec());
        add("upper case", part.to_ascii_uppercase());
        add("hexadecimal", hex(part).into_bytes());
        add("upper hexadecimal", hex(part).to_uppercase().into_bytes());
        add("reversed", part.iter().rev().copied().collect());
        add("UTF-16", part.iter().flat_map(|byte| [*byte, 0]).collect());
        // Whole groups of three say the same whatever comes around them.
        add("base64", base64(&part[..6]).into_bytes());
    }
    let digits = NUMBER.to_string();
    for part in digits.as_bytes().windows(PART + 1) {
        add("digits", part.to_vec());
    }
    add("a binary int8", NUMBER.to_be_bytes().to_vec());
    add(
        "a binary numeric",
        [7391_u16, 8456, 2019, 3846]
            .into_iter()
            .flat_map(u16::to_be_bytes)
            .collect(),
    );
    add("a date", DATE.as_bytes().to_vec());
    add("a binary date", DAYS.to_be_bytes().to_vec());
    add("a UUID", UUID.as_bytes().to_vec());
    let plain = UUID.replace('-', "");
    let bytes = u128::from_str_radix(&plain, 16).unwrap().to_be_bytes();
    add("a binary UUID", bytes.to_vec());
    for text in [CANARY, ADDRESS] {
        add(
            "an MD5 digest",
            MD5_OF.iter().find(|(of, _)| *of == text).unwrap().1.into(),
        );
    }
    forms
}

/// What the server's `md5` makes of them.
const MD5_OF: [(&str, &str); 2] = [
    (CANARY, "6c9c9e13f22d32194ac57a6c923bd9df"),
    (ADDRESS, "626ee35a6f02c1f4b87634068201dfe8"),
];

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks_exact(3) {
        let bits = three
            .iter()
            .fold(0, |bits, byte| bits << 8 | usize::from(*byte));
        text.extend([18, 12, 6, 0].map(|shift| char::from(LETTERS[bits >> shift & 63])));
    }
    text
}

/// The forms in which `bytes` tell what was planted.
pub(crate) fn found(bytes: &[u8]) -> Vec<&'static str> {
    let mut found: Vec<&str> = forms()
        .into_iter()
        .filter(|(_, form)| bytes.windows(form.len()).any(|window| window == form))
        .map(|(name, _)| name)
        .collect();
    found.dedup();
    found
}

#[test]
fn the_search_finds_what_it_should_and_nothing_else() {
    assert_eq!(
        found(b"name, orders 60, 1990-02-28, ****@****.****mple"),
        [""; 0]
    );
    assert_eq!(found(b"...kq7zxv4..."), ["as it is"]);
    assert_eq!(found(b"mw14vxz7qk"), ["reversed"]);
    assert_eq!(found(hex(CANARY.as_bytes()).as_bytes()), ["hexadecimal"]);
    assert_eq!(found(b"a3E3enh2NDF3bQ=="), ["base64"]);
    assert_eq!(found(b"7391 8456 2019 3846"), [""; 0]);
    assert_eq!(found(b"#7391845620193846"), ["digits"]);
}
