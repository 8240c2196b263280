//! Descriptions made by hand, right and wrong, and the running kernel's own.

use super::*;

const INT: u32 = 1;
const POINTER: u32 = 2;
const ARRAY: u32 = 3;
const STRUCT: u32 = 4;
const UNION: u32 = 5;
const TYPEDEF: u32 = 8;
const FUNCTION: u32 = 12;

/// Writes a description.
#[derive(Default)]
struct Writer {
    types: Vec<u8>,
    names: Vec<u8>,
    count: u32,
}

impl Writer {
    fn new() -> Self {
        Self {
            names: vec![0],
            ..Self::default()
        }
    }

    fn name(&mut self, name: &str) -> u32 {
        if name.is_empty() {
            return 0;
        }
        let at = self.names.len();
        self.names.extend(name.bytes().chain([0]));
        u32::try_from(at).expect("a short list")
    }

    fn words(&mut self, words: &[u32]) {
        self.types
            .extend(words.iter().flat_map(|w| w.to_ne_bytes()));
    }

    fn add(&mut self, name: &str, kind: u32, count: u32, size_or_type: u32) -> u32 {
        let name = self.name(name);
        self.words(&[name, (kind << 24) | count, size_or_type]);
        self.count += 1;
        self.count
    }

    fn int(&mut self, bytes: u32) -> u32 {
        let id = self.add("int", INT, 0, bytes);
        self.words(&[bytes * 8]);
        id
    }

    fn group(&mut self, name: &str, kind: u32, bytes: u32, members: &[(&str, u32, u32)]) -> u32 {
        let count = u32::try_from(members.len()).expect("few");
        let id = self.add(name, kind, count, bytes);
        for (name, type_id, offset) in members {
            let name = self.name(name);
            self.words(&[name, *type_id, *offset]);
        }
        id
    }

    fn structure(&mut self, name: &str, bytes: u32, members: &[(&str, u32, u32)]) -> u32 {
        self.group(name, STRUCT, bytes, members)
    }

    fn array(&mut self, of: u32, count: u32) -> u32 {
        let id = self.add("", ARRAY, 0, 0);
        self.words(&[of, 0, count]);
        id
    }

    fn done(self) -> Vec<u8> {
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).expect("short").to_ne_bytes();
        let mut out = Vec::new();
        out.extend(0xeb9fu16.to_ne_bytes());
        out.extend([1, 0]);
        out.extend(24u32.to_ne_bytes());
        out.extend(0u32.to_ne_bytes());
        out.extend(length(&self.types));
        out.extend(length(&self.types));
        out.extend(length(&self.names));
        out.extend(self.types);
        out.extend(self.names);
        out
    }
}

fn offset(
    bytes: &[u8],
    structure: &'static str,
    field: &'static str,
    width: u32,
) -> Result<u32, BtfError> {
    Btf::parse(bytes)?.offset(structure, field, width)
}

/// A `struct task` with an integer, a name, a pointer behind two nameless groups, and a bit field.
fn sample() -> Vec<u8> {
    let mut writer = Writer::new();
    let int = writer.int(4);
    let byte = writer.int(1);
    let alias = writer.add("pid_t", TYPEDEF, 0, int);
    let pointer = writer.add("", POINTER, 0, 0);
    let name = writer.array(byte, 16);
    let inner = writer.structure("", 16, &[("low", int, 0), ("far", pointer, 64)]);
    let either = writer.group("", UNION, 16, &[("all", pointer, 0), ("", inner, 0)]);
    let path = writer.structure("path", 16, &[("mnt", pointer, 0), ("dentry", pointer, 64)]);
    writer.structure(
        "task",
        80,
        &[
            ("pid", alias, 0),
            ("comm", name, 32),
            ("", either, 192),
            ("path", path, 320),
        ],
    );
    // With the flag that says that offsets hold widths.
    writer.add("bits", STRUCT | 0x80, 2, 8);
    let (flag, plain) = (writer.name("flag"), writer.name("plain"));
    writer.words(&[flag, int, (3 << 24) | 5, plain, int, 32]);
    writer.done()
}

#[test]
fn fields_are_found_where_they_lie() {
    let btf = sample();
    for (field, width, wanted) in [
        ("pid", 4, 0),
        ("comm", 16, 4),
        ("all", 8, 24),
        ("low", 4, 24),
        ("far", 8, 32),
        ("path", 16, 40),
        ("path.mnt", 8, 40),
        ("path.dentry", 8, 48),
    ] {
        let found = offset(&btf, "task", field, width).expect(field);
        assert_eq!(found, wanted, "{field}");
    }
    assert_eq!(offset(&btf, "bits", "plain", 4).expect("plain"), 4);
}

#[test]
fn what_is_not_there_or_of_another_width_is_told() {
    let btf = sample();
    let said = |structure, field, width| {
        offset(&btf, structure, field, width)
            .expect_err("nothing there")
            .to_string()
    };
    assert_eq!(said("tusk", "pid", 4), "the kernel has no `struct tusk`");
    for field in ["pit", "path.name", "pid.low", "", ".", "path.", "pid\0"] {
        assert!(said("task", field, 4).contains("has no field"), "{field:?}");
    }
    assert!(said("task", "pid", 8).contains("is not 8 bytes wide"));
    assert!(said("task", "comm", 15).contains("is not 15 bytes wide"));
    assert!(said("bits", "flag", 4).contains("has no field"));
}

#[test]
fn a_description_cut_anywhere_is_an_error_and_no_panic() {
    let whole = sample();
    for length in 0..whole.len() {
        let cut = whole.get(..length).expect("a prefix");
        assert!(Btf::parse(cut).is_err(), "{length} of {}", whole.len());
    }
}

#[test]
fn a_description_with_any_byte_changed_does_not_panic() {
    let whole = sample();
    for at in 0..whole.len() {
        for value in [0, 1, 0x7f, 0x80, 0xff] {
            let mut bytes = whole.clone();
            bytes[at] = value;
            for field in ["pid", "comm", "far", "path.dentry"] {
                let _outcome = offset(&bytes, "task", field, 8);
            }
        }
    }
}

#[test]
fn circles_end() {
    let mut writer = Writer::new();
    // Three aliases of each other, a structure that lies in itself, an array of itself.
    writer.add("a", TYPEDEF, 0, 2);
    writer.add("b", TYPEDEF, 0, 1);
    writer.structure("snake", 8, &[("", 3, 0), ("alias", 1, 0)]);
    writer.structure("odd", 8, &[("alias", 1, 0), ("array", 5, 0)]);
    writer.array(5, 1);
    let btf = writer.done();
    for (structure, field) in [("snake", "x"), ("odd", "alias"), ("odd", "array")] {
        let outcome = offset(&btf, structure, field, 8);
        assert!(matches!(outcome, Err(BtfError::Depth)), "{outcome:?}");
    }
}

#[test]
fn a_kind_of_the_future_is_refused() {
    let mut writer = Writer::new();
    writer.add("new", 20, 0, 0);
    let outcome = Btf::parse(&writer.done()).map(drop);
    assert!(matches!(outcome, Err(BtfError::Kind(20))), "{outcome:?}");
}

#[test]
fn what_is_no_btf_is_refused() {
    let swapped = {
        let mut bytes = sample();
        bytes.swap(0, 1);
        bytes
    };
    for bytes in [&b""[..], &[0; 64], b"\x7fELF", &swapped] {
        assert!(matches!(Btf::parse(bytes).map(drop), Err(BtfError::Header)));
    }
}

#[test]
fn an_array_too_large_to_count_has_no_width() {
    let mut writer = Writer::new();
    let int = writer.int(4);
    let huge = writer.array(int, u32::MAX);
    writer.structure("s", 8, &[("huge", huge, 0)]);
    let outcome = offset(&writer.done(), "s", "huge", u32::MAX - 3);
    assert!(
        matches!(outcome, Err(BtfError::Width { .. })),
        "{outcome:?}"
    );
}

#[test]
fn a_function_is_known_by_its_name_and_a_structure_of_that_name_is_none() {
    let mut writer = Writer::new();
    let int = writer.int(4);
    writer.structure("create", 4, &[("x", int, 0)]);
    writer.add("socket", FUNCTION, 0, int);
    let create = writer.add("create", FUNCTION, 0, int);
    let bytes = writer.done();
    let btf = Btf::parse(&bytes).expect("well made");
    assert_eq!(btf.function("create").ok(), Some(create));
    assert!(matches!(
        btf.function("creat"),
        Err(BtfError::NoFunction("creat"))
    ));
}
