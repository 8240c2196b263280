use std::{fs, os::unix::fs::FileExt, time::Instant};

use super::*;
use crate::{
    End, SessionStart, SessionWriter,
    frame::MAX_CONTENT,
    samples::{self, read, read_bytes},
};

/// The header of this version: a fixed part, the session, and where it stands in the head file.
const HEADER_LEN: usize = 16 + 16 + 8 + 32;
/// The header of the version before.
const EARLIER: &[u8; 16] = b"weir\x89rec\x02\0\0\0\0\0\0\0";

/// A small record's bytes, its entries, and where its frames end.
fn small() -> (Vec<u8>, Vec<Entry>, Vec<usize>) {
    let dir = samples::dir();
    let start = samples::start();
    samples::record(dir.path(), &start);
    let path = crate::store::path_of(dir.path(), start.id);
    let mut reader = SessionReader::open(&path).unwrap();
    let (mut entries, mut ends) = (Vec::new(), vec![HEADER_LEN]);
    while let Some(entry) = reader.next() {
        entries.push(entry.unwrap());
        ends.push(usize::try_from(reader.frames.offset()).unwrap());
    }
    assert_eq!(entries.len(), 9);
    assert_eq!(reader.tail(), Tail::Whole);
    (fs::read(path).unwrap(), entries, ends)
}

/// Where the frames of a record end, the header first.
fn frame_ends(bytes: &[u8]) -> Vec<usize> {
    let mut frames = Frames::begin(bytes, "x".into()).unwrap();
    let mut ends = vec![HEADER_LEN];
    while frames.next().unwrap().is_some() {
        ends.push(usize::try_from(frames.offset()).unwrap());
    }
    ends
}

/// A record of version 2, of these frames, with a chain that holds.
fn record(frames: &[(u8, &[u8])]) -> Vec<u8> {
    let mut record = EARLIER.to_vec();
    let mut hash = *blake3::hash(&record).as_bytes();
    for (kind, rest) in frames {
        let body = [&[0; 8], *rest].concat();
        let length = u32::try_from(body.len()).unwrap().to_le_bytes();
        hash = *blake3::hash(&[&hash[..], &[*kind], &length, &body].concat()).as_bytes();
        record.extend([&length[..], &[*kind], &body, &hash].concat());
    }
    record
}

fn start_json() -> Vec<u8> {
    serde_json::to_vec(&Event::Start(samples::start())).unwrap()
}

fn problem(bytes: &[u8]) -> String {
    read_bytes(bytes).1.expect("an error").to_string()
}

#[test]
fn a_record_cut_anywhere_gives_the_entries_before_and_tells() {
    let (bytes, entries, ends) = small();
    for cut in 0..=bytes.len() {
        let (got, error, tail) = read_bytes(&bytes[..cut]);
        assert!(error.is_none(), "{cut}: {error:?}");
        let whole = ends.iter().rev().find(|end| **end <= cut);
        let count = ends
            .iter()
            .filter(|end| **end <= cut)
            .count()
            .saturating_sub(1);
        assert_eq!(got, entries[..count], "{cut}");
        let torn = cut - whole.unwrap_or(&0);
        let expected = match (whole, torn) {
            (Some(_), 0) => Tail::Whole,
            _ => Tail::Torn { bytes: torn as u64 },
        };
        assert_eq!(tail, expected, "{cut}");
    }
}

#[test]
fn no_flipped_bit_yields_a_wrong_event() {
    let (mut bytes, entries, ends) = small();
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), &bytes).unwrap();
    for at in 0..bytes.len() {
        let frame = ends.iter().filter(|end| **end <= at).count();
        for bit in 0..8 {
            bytes[at] ^= 1 << bit;
            file.as_file()
                .write_all_at(&bytes[at..=at], at as u64)
                .unwrap();
            let (got, error, tail) = read(file.path());
            bytes[at] ^= 1 << bit;
            assert_eq!(
                got,
                entries[..frame.saturating_sub(1)],
                "byte {at} bit {bit}"
            );
            // Only a raised length can look like a cut.
            let in_length = match frame {
                0 => (12..16).contains(&at),
                _ => at - ends[frame - 1] < 4,
            };
            assert!(
                error.is_some() || (in_length && tail != Tail::Whole),
                "byte {at} bit {bit}: {tail:?}"
            );
        }
        file.as_file()
            .write_all_at(&bytes[at..=at], at as u64)
            .unwrap();
    }
}

#[test]
fn frames_taken_out_doubled_or_swapped_break_the_chain() {
    let (bytes, entries, ends) = small();
    let frame = |n: usize| &bytes[ends[n]..ends[n + 1]];
    let with = |order: &[usize]| {
        let frames = order.iter().flat_map(|n| frame(*n).iter().copied());
        read_bytes(
            &bytes[..HEADER_LEN]
                .iter()
                .copied()
                .chain(frames)
                .collect::<Vec<_>>(),
        )
    };
    for (order, good) in [
        (&[0, 2, 3, 4, 5, 6, 7, 8][..], 1),
        (&[0, 1, 1, 2, 3, 4, 5, 6, 7, 8], 2),
        (&[0, 1, 3, 2, 4, 5, 6, 7, 8], 2),
        (&[1, 2, 3, 4, 5, 6, 7, 8], 0),
        (&[0, 1, 2, 3, 4, 5, 6, 8], 7),
    ] {
        let (got, error, _) = with(order);
        assert_eq!(got, entries[..good], "{order:?}");
        assert!(
            matches!(error, Some(ReadError::Chain { .. })),
            "{order:?}: {error:?}"
        );
    }
}

#[test]
fn a_frame_of_another_record_breaks_the_chain() {
    let (bytes, _, ends) = small();
    let dir = samples::dir();
    let start = SessionStart {
        id: samples::id(1),
        ..samples::start()
    };
    samples::record(dir.path(), &start);
    let mut other = fs::read(crate::store::path_of(dir.path(), start.id)).unwrap();
    // The starts may differ in length, packed.
    let (from, to) = (frame_ends(&other)[1], frame_ends(&other)[2]);
    other.splice(from..to, bytes[ends[1]..ends[2]].iter().copied());
    let (got, error, _) = read_bytes(&other);
    assert_eq!(got.len(), 1);
    let Some(ReadError::Chain { place }) = error else {
        panic!("{error:?}")
    };
    assert_eq!(place.offset, from as u64);
}

#[test]
fn lying_lengths_and_unknown_kinds_name_their_place() {
    let head = |length: u32, kind: u8| {
        [
            &record(&[(1, &start_json())])[..],
            &length.to_le_bytes(),
            &[kind],
        ]
        .concat()
    };
    let offset = record(&[(1, &start_json())]).len();
    let over = u32::try_from(MAX_CONTENT + 1).unwrap();
    for length in [0, 7, over, u32::MAX] {
        let problem = problem(&head(length, 1));
        let expected =
            format!(" at byte {offset} is damaged: a frame can't be {length} bytes long");
        assert!(problem.ends_with(&expected), "{problem}");
    }
    for kind in [0, 4, 15, 255] {
        let problem = problem(&head(64, kind));
        let expected = format!(" at byte {offset} is damaged: unknown frame kind {kind}");
        assert!(problem.ends_with(&expected), "{problem}");
    }
    // As long as a frame may be, and not there.
    let (_, error, tail) = read_bytes(&head(over - 1, 2));
    assert!(error.is_none() && tail == Tail::Torn { bytes: 5 });
}

#[test]
fn a_chain_that_holds_does_not_make_nonsense_an_event() {
    let start = start_json();
    let deep = "[".repeat(1 << 20);
    let nested = format!(r#"{{"event":"end","why":{}"#, r#"{"a":"#.repeat(1 << 20));
    for json in [
        &b""[..],
        b"{}",
        b"null",
        b"\xff\xfe",
        br#"{"event":"later"}"#,
        br#"{"event":"note"}"#,
        br#"{"event":"note","message":"x"} x"#,
        br#"{"event":"outcome","seq":-1}"#,
        br#"{"event":"end","why":"because"}"#,
        deep.as_bytes(),
        nested.as_bytes(),
    ] {
        let (got, error, _) = read_bytes(&record(&[(1, &start), (1, json)]));
        assert_eq!(got.len(), 1);
        assert!(matches!(error, Some(ReadError::Event { .. })), "{error:?}");
    }
    let hostile_id = String::from_utf8(start)
        .unwrap()
        .replace(&samples::start().id.to_string(), "../../../../evil");
    let (_, error, _) = read_bytes(&record(&[(1, hostile_id.as_bytes())]));
    assert!(matches!(error, Some(ReadError::Event { .. })), "{error:?}");
}

#[test]
fn fields_of_a_later_version_are_passed_over() {
    let note = br#"{"event":"note","later":{"x":[1]},"message":"m"}"#;
    let end = br#"{"later":null,"event":"end","why":"closed"}"#;
    let (got, error, _) = read_bytes(&record(&[(1, &start_json()), (1, note), (1, end)]));
    assert!(error.is_none(), "{error:?}");
    assert_eq!(
        got[1],
        Entry::Event(Event::Note {
            message: "m".to_owned()
        })
    );
    assert_eq!(got[2], Entry::Event(Event::End(End::Closed)));
}

/// Frames, and how the problem with them ends.
type Case<'a> = (&'a [(u8, &'a [u8])], &'a str);

#[test]
fn a_session_starts_once_and_ends_once() {
    let start = start_json();
    let note = br#"{"event":"note","message":"m"}"#;
    let end = br#"{"event":"end","why":"closed"}"#;
    let cases: [Case<'_>; 5] = [
        (&[(1, note)], "the record does not begin with its start"),
        (&[(2, &[1; 8])], "the record does not begin with its start"),
        (
            &[(1, &start), (1, &start)],
            "the session starts a second time",
        ),
        (
            &[(1, &start), (1, end), (1, note)],
            "something follows the session's end",
        ),
        (
            &[(1, &start), (1, end), (1, end)],
            "something follows the session's end",
        ),
    ];
    for (frames, expected) in cases {
        let problem = problem(&record(frames));
        assert!(problem.ends_with(expected), "{problem}");
    }
}

#[test]
fn what_is_no_record_is_said_to_be_none() {
    assert!(problem(b"hello, world").ends_with("is not a weir record"));
    assert!(problem(b"w\0").ends_with("is not a weir record"));
    assert!(problem(&[0; 4096]).ends_with("is not a weir record"));
    let (entries, error, tail) = read_bytes(b"");
    assert!(entries.is_empty() && error.is_none() && tail == Tail::Torn { bytes: 0 });
    let dir = samples::dir();
    let missing = read(&dir.path().join("missing")).1;
    assert!(
        matches!(missing, Some(ReadError::Open { .. })),
        "{missing:?}"
    );
    let directory = read(dir.path()).1;
    assert!(
        matches!(directory, Some(ReadError::Read { .. })),
        "{directory:?}"
    );
}

#[test]
fn the_bytes_are_as_format_md_says() {
    let (bytes, entries, ends) = small();
    let id = samples::start().id.to_string();
    let header = [
        &b"weir\x89rec\x04\0\0\0\x38\0\0\0"[..],
        id.as_bytes(),
        &[0; 40],
    ];
    assert_eq!(bytes[..HEADER_LEN], header.concat());
    let mut hash = *blake3::hash(&bytes[..HEADER_LEN]).as_bytes();
    for (entry, frame) in entries.iter().zip(ends.windows(2)) {
        let frame = &bytes[frame[0]..frame[1]];
        let (length, body) = (&frame[..4], &frame[5..frame.len() - 16]);
        let alone = match entry {
            Entry::Event(_) => 8,
            Entry::Response { .. } => 6,
            Entry::Request { .. } => 7,
        };
        assert_eq!(frame[4], alone, "nothing is gathered");
        assert_eq!(length, u32::try_from(body.len()).unwrap().to_le_bytes());
        hash = *blake3::hash(&[&hash[..], &frame[4..5], length, body].concat()).as_bytes();
        assert_eq!(&frame[frame.len() - 16..], &hash[..16]);
        let (kind, content) = match entry {
            Entry::Event(event) => (1, serde_json::to_vec(event).unwrap()),
            Entry::Response { seq, bytes, .. } => {
                (2, [&seq.get().to_le_bytes()[..], bytes].concat())
            }
            Entry::Request { seq, bytes, .. } => {
                (3, [&seq.get().to_le_bytes()[..], bytes].concat())
            }
        };
        let stated = u32::from_le_bytes(body[..4].try_into().unwrap()) as usize;
        let unpacked = zstd::bulk::decompress(&body[4..], stated).unwrap();
        assert_eq!(unpacked.len(), stated);
        if alone == 8 {
            assert_eq!(unpacked[0], kind);
            let length = u32::try_from(8 + content.len()).unwrap().to_le_bytes();
            assert_eq!(unpacked[1..5], length);
            assert_eq!(unpacked[13..], content);
        } else {
            assert_eq!(unpacked[8..], content);
        }
    }
}

/// A record as version 3 had them: an event a frame, all bodies one zstd stream.
fn streamed(events: &[&[u8]]) -> Vec<u8> {
    use zstd::stream::raw::{CParameter, Encoder, InBuffer, Operation, OutBuffer};
    let id = samples::start().id.to_string();
    let mut bytes = [
        &b"weir\x89rec\x03\0\0\0\x38\0\0\0"[..],
        id.as_bytes(),
        &[0; 40],
    ]
    .concat();
    let mut hash = *blake3::hash(&bytes).as_bytes();
    let mut encoder = Encoder::new(1).unwrap();
    encoder.set_parameter(CParameter::WindowLog(15)).unwrap();
    for event in events {
        let content = [&7_i64.to_le_bytes()[..], event].concat();
        let mut packed = vec![0; 1 << 16];
        let mut out = OutBuffer::around(&mut packed[..]);
        let mut input = InBuffer::around(&content);
        encoder.run(&mut input, &mut out).unwrap();
        assert_eq!(encoder.flush(&mut out).unwrap(), 0);
        let stated = u32::try_from(content.len()).unwrap().to_le_bytes();
        let body = [&stated[..], out.as_slice()].concat();
        let length = u32::try_from(body.len()).unwrap().to_le_bytes();
        hash = *blake3::hash(&[&hash[..], &[5], &length, &body].concat()).as_bytes();
        bytes.extend([&length[..], &[5], &body, &hash[..16]].concat());
    }
    bytes
}

#[test]
fn records_of_version_3_are_read_and_read_on() {
    let note = br#"{"event":"note","message":"m"}"#;
    let bytes = streamed(&[&start_json(), note, note]);
    let (entries, error, tail) = read_bytes(&bytes);
    assert!(error.is_none() && tail == Tail::Whole, "{error:?} {tail:?}");
    assert_eq!(entries.len(), 3);
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), &bytes).unwrap();
    let mut reader = SessionReader::open(file.path()).unwrap();
    reader.next().unwrap().unwrap();
    reader.next().unwrap().unwrap();
    let place = reader.position().unwrap();
    let rest: Vec<_> = SessionReader::resume(file.path(), &place)
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(rest, entries[2..]);
}

#[test]
fn records_of_earlier_versions_are_read() {
    let mut first = record(&[(1, &start_json())]);
    assert_eq!(
        read_bytes(&first).0,
        [Entry::Event(Event::Start(samples::start()))]
    );
    // Which differ in nothing else that is here.
    first[8] = 1;
    let hash = first.len() - 32;
    let chain = blake3::hash(&first[..16]);
    let rest = [
        &chain.as_bytes()[..],
        &first[20..21],
        &first[16..20],
        &first[21..hash],
    ];
    let chain = *blake3::hash(&rest.concat()).as_bytes();
    first[hash..].copy_from_slice(&chain);
    let (entries, error, _) = read_bytes(&first);
    assert!(error.is_none(), "{error:?}");
    assert_eq!(entries.len(), 1);
}

#[test]
fn a_record_is_read_while_it_is_written() {
    let dir = samples::dir();
    let mut writer = SessionWriter::create(dir.path(), &samples::start()).unwrap();
    assert_eq!(read(writer.path()).0.len(), 1);
    let (path, before) = (writer.path().to_owned(), Instant::now());
    writer.note("one").unwrap();
    let mut reader = SessionReader::open(&path).unwrap();
    assert_eq!(reader.by_ref().count(), 2);
    assert_eq!(reader.tail(), Tail::Whole);
    let elapsed = i64::try_from(before.elapsed().as_micros()).unwrap();
    assert!(
        reader.at() >= 0 && reader.at() <= elapsed + 1_000_000,
        "{}",
        reader.at()
    );
}

#[test]
fn whoever_wants_no_results_gets_everything_else_and_the_same_places() {
    let dir = samples::dir();
    let mut writer = SessionWriter::create(dir.path(), &samples::start()).unwrap();
    let path = writer.path().to_owned();
    let seq = writer
        .intent(samples::permit(), samples::text("select 1"))
        .unwrap()
        .seq();
    writer.response(seq, &[7; 100_000]).unwrap();
    writer.note("between").unwrap();
    writer.response(seq, b"rows").unwrap();
    writer.end(&End::Closed).unwrap();
    let open = || SessionReader::open(&path).unwrap();
    let mut without = open().without_results();
    let events: Vec<Entry> = without.by_ref().map(Result::unwrap).collect();
    let mut with = open();
    let all = with.by_ref().map(Result::unwrap);
    let expected: Vec<Entry> = all.filter(|one| matches!(one, Entry::Event(_))).collect();
    assert_eq!(events, expected);
    assert_eq!(without.position(), with.position());
    // Damage in what is passed over is still seen.
    let mut bytes = std::fs::read(&path).unwrap();
    let big = bytes.len() / 2;
    bytes[big] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    assert!(open().without_results().any(|entry| entry.is_err()));
}
