use std::{collections::HashMap, path::PathBuf};

use super::*;
use crate::{
    Durability, End, Entry, Event, Options, Recorder, Seq, SessionReader, SessionWriter, Tail,
    batch::EntryKind,
    frames::Frames,
    journal::Sum,
    reader::Kept,
    repeat::MOST,
    samples::{self, permit, text},
    spool::Slot,
};

fn sum(path: &Path) -> Sum {
    let mut frames = Frames::begin(File::open(path).unwrap(), path.to_owned()).unwrap();
    while frames.next().unwrap().is_some() {}
    Sum {
        chain: *frames.chain(),
        frames: frames.number(),
        bytes: frames.offset(),
    }
}

/// A record of which the last note is in a spool, and nobody lives who would write it.
fn killed(dir: &Path, note: &str) -> PathBuf {
    let writer = SessionWriter::create(dir, &samples::start()).unwrap();
    let path = writer.path().to_owned();
    drop(writer);
    let spools = spools(dir).unwrap().unwrap();
    let mut slot: Slot = spools.take(samples::id(0), &sum(&path)).unwrap();
    let json = format!(r#"{{"event":"note","message":"{note}"}}"#);
    assert!(slot.push(EntryKind::Event, [&[0; 8], json.as_bytes(), &[]]));
    path
}

fn notes(path: &Path) -> Vec<String> {
    let mut reader = SessionReader::open(path).unwrap();
    let notes = reader
        .by_ref()
        .filter_map(|entry| match entry.unwrap() {
            Entry::Event(Event::Note { message }) => Some(message),
            _ => None,
        })
        .collect();
    assert_eq!(reader.tail(), Tail::Whole);
    notes
}

fn names(dir: &Path, prefix: &str) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with(prefix)).collect()
}

#[test]
fn what_a_killed_process_had_recorded_is_in_its_record() {
    let dir = samples::dir();
    let path = killed(dir.path(), "one");
    assert_eq!(notes(&path), [] as [&str; 0]);
    let kept = spools(dir.path()).unwrap();
    assert_eq!(notes(&path), ["one"]);
    assert_eq!(
        names(dir.path(), "spool").len(),
        1,
        "the dead one's is gone"
    );
    assert_eq!(names(dir.path(), UNPLACED), [] as [&str; 0]);
    drop(kept);
}

#[test]
fn a_frame_that_was_being_written_is_written_again() {
    let dir = samples::dir();
    let whole = {
        let path = killed(dir.path(), "one");
        let before = fs::read(&path).unwrap();
        drop(spools(dir.path()).unwrap());
        let after = fs::read(&path).unwrap();
        after[before.len()..].to_vec()
    };
    for cut in [0, 1, 7, whole.len() - 1, whole.len()] {
        let dir = samples::dir();
        let path = killed(dir.path(), "one");
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(&whole[..cut]).unwrap();
        drop(spools(dir.path()).unwrap());
        assert_eq!(notes(&path), ["one"], "{cut}");
    }
}

#[test]
fn what_belongs_to_no_record_is_kept_apart() {
    let dir = samples::dir();
    let path = killed(dir.path(), "one");
    fs::remove_file(&path).unwrap();
    drop(spools(dir.path()).unwrap());
    let [name] = names(dir.path(), UNPLACED).try_into().unwrap();
    let kept = fs::read(dir.path().join(name)).unwrap();
    assert!(String::from_utf8_lossy(&kept).contains("one"));
    // A record that is another one, though as long.
    let dir = samples::dir();
    let path = killed(dir.path(), "two");
    let mut bytes = fs::read(&path).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&path, &bytes).unwrap();
    drop(spools(dir.path()).unwrap());
    assert_eq!(fs::read(&path).unwrap(), bytes);
    assert_eq!(names(dir.path(), UNPLACED).len(), 1);
}

#[test]
fn a_spool_of_another_boot_or_of_a_living_process_is_left_alone() {
    let dir = samples::dir();
    let path = killed(dir.path(), "one");
    let [name] = names(dir.path(), "spool").try_into().unwrap();
    let spool = dir.path().join(name);
    let mut bytes = fs::read(&spool).unwrap();
    bytes[16] ^= 1;
    fs::write(&spool, &bytes).unwrap();
    let living = spools(dir.path()).unwrap().unwrap();
    assert_eq!(notes(&path), [] as [&str; 0], "its pages prove nothing");

    let mut slot = living.take(samples::id(0), &sum(&path)).unwrap();
    let json = br#"{"event":"note","message":"two"}"#;
    assert!(slot.push(EntryKind::Event, [&[0; 8], json, &[]]));
    let another = spools(dir.path()).unwrap();
    assert_eq!(notes(&path), [] as [&str; 0]);
    assert_eq!(slot.entries(), 1);
    drop((slot, living, another));
    drop(spools(dir.path()).unwrap());
    assert_eq!(notes(&path), ["two"]);
}

#[test]
fn a_spool_goes_with_its_process_unless_something_is_in_it() {
    let dir = samples::dir();
    let recorder = recorder(dir.path());
    let mut writer = recorder.create(&samples::start()).unwrap();
    writer.note("one").unwrap();
    assert_eq!(names(dir.path(), "spool").len(), 1);
    writer.end(&End::Closed).unwrap();
    drop(recorder);
    assert_eq!(names(dir.path(), "spool").len(), 0);
    let dir = samples::dir();
    killed(dir.path(), "one");
    assert_eq!(names(dir.path(), "spool").len(), 1);
}

#[test]
fn a_slot_holds_what_it_has_room_for_and_there_are_only_so_many() {
    let dir = samples::dir();
    let spools = spools(dir.path()).unwrap().unwrap();
    let nothing = Sum::NOTHING;
    let mut slots: Vec<Slot> =
        std::iter::from_fn(|| spools.take(samples::id(0), &nothing)).collect();
    assert_eq!(slots.len(), 128);
    let mut slot = slots.pop().unwrap();
    let content = vec![7; 1000];
    let mut pushed = 0;
    while slot.push(EntryKind::Response, [&[0; 16], &content, &[]]) {
        pushed += 1;
    }
    assert_eq!(slot.entries(), pushed);
    assert_eq!(slot.bytes().len(), pushed as usize * 1021);
    assert!((60..65).contains(&pushed), "{pushed}");
    slot.clear();
    assert!(spools.take(samples::id(0), &nothing).is_some());
}

fn recorder(dir: &Path) -> Recorder {
    Recorder::open(Options {
        dir: dir.to_owned(),
        key: samples::key(1),
        durability: Durability::Batched,
        recipients: vec![],
        reserve: 0,
        keep: None,
        max_size: None,
    })
    .unwrap()
}

#[test]
fn a_statement_that_comes_again_is_told_in_a_few_bytes_and_read_in_full() {
    let dir = samples::dir();
    let recorder = recorder(dir.path());
    let mut writer = recorder.create(&samples::start()).unwrap();
    let path = writer.path().to_owned();
    let long = "x".repeat(3000);
    let parameters = |number: u32| vec![Some(number.to_string()), None];
    let mut expected = Vec::new();
    for number in 0..500 {
        // Two that take turns, and in between others that differ in their text alone.
        let sent = match number % 3 {
            2 => format!("select {number}"),
            even if even % 2 == 0 => format!("select 1 -- {long}"),
            _ => "select 2".to_owned(),
        };
        let given = parameters(number);
        let mut command = text(&sent);
        command.parameters = if number % 4 == 0 { &[] } else { &given };
        let kept = command.parameters.to_vec();
        let recorded = writer.intent(permit(), command).unwrap();
        writer.response(recorded.seq(), b"rows").unwrap();
        expected.push((recorded.seq(), sent, kept));
    }
    writer.end(&End::Closed).unwrap();
    let intents: Vec<(Seq, String, Vec<Option<String>>)> = SessionReader::open(&path)
        .unwrap()
        .filter_map(|entry| match entry.unwrap() {
            Entry::Event(Event::Intent(intent)) => {
                assert!(
                    intent.verdict
                        != crate::VerdictSummary::Deny {
                            rule: String::new(),
                            message: String::new(),
                            policies: vec![]
                        }
                );
                Some((intent.seq, intent.text, intent.parameters))
            }
            _ => None,
        })
        .collect();
    assert_eq!(intents, expected);
    // How often a batch is written is the clock's to say, so each is looked at by itself: it tells as
    // many in full as are remembered.
    let mut reader = SessionReader::open(&path).unwrap();
    let (mut same, mut own, mut in_full) = (0, 0, HashMap::new());
    while let Some(kept) = reader.next_kept() {
        let frame = reader.position().unwrap().offset();
        match kept.unwrap() {
            Kept::Again(again) if again.text.is_some() => own += 1,
            Kept::Again(_) => same += 1,
            Kept::Entry(Entry::Event(Event::Intent(_))) => *in_full.entry(frame).or_insert(0) += 1,
            Kept::Entry(_) => {}
        }
    }
    let told = format!("{same} same, {own} with their own text, in full: {in_full:?}");
    assert!(in_full.values().all(|count| *count <= MOST), "{told}");
    assert_eq!(same + own + in_full.values().sum::<usize>(), 500, "{told}");
    assert!(same > 0, "{told}");
}

#[test]
fn a_living_record_is_read_on_from_the_middle_of_a_batch() {
    let dir = samples::dir();
    let recorder = recorder(dir.path());
    let mut writer = recorder.create(&samples::start()).unwrap();
    for number in 0..10 {
        let recorded = writer.intent(permit(), text("select 1")).unwrap();
        assert_eq!(recorded.seq().get(), number + 1);
    }
    writer.flush().unwrap();
    let path = writer.path().to_owned();
    let all: Vec<Entry> = SessionReader::open(&path)
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert!(all.len() >= 11);
    let mut reader = SessionReader::open(&path).unwrap();
    for read in 1..all.len() {
        reader.next().unwrap().unwrap();
        let place = reader.position().unwrap();
        let rest: Vec<Entry> = SessionReader::resume(&path, &place)
            .unwrap()
            .map(Result::unwrap)
            .collect();
        assert_eq!(rest, all[read..], "{read}");
    }
    writer.end(&End::Closed).unwrap();
}
