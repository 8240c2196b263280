//! Every write and every sync may fail, be cut short, or be the last thing that happens: whatever a
//! target has seen by then is in the record, after a kill and after a power failure.

use std::{
    io::{self, ErrorKind, IoSlice},
    sync::{Mutex, mpsc},
};

use super::*;
use crate::{
    Commit,
    journal::Witness,
    ledger::{Medium, Syncing},
    samples::read_bytes,
};

/// Runs of each kind.
const RUNS: u64 = 1000;

/// A file as the kernel and the disk have it.
#[derive(Clone, Debug, Default)]
struct Disk(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// What was written.
    kernel: Vec<u8>,
    /// How much of it a sync has covered.
    synced: usize,
    /// How many calls are left until one fails, and how it does.
    fuse: u64,
    fault: u64,
    /// A sync has failed: what it should have covered is lost.
    lost: bool,
}

impl State {
    fn burns(&mut self) -> bool {
        self.fuse = self.fuse.saturating_sub(1);
        self.fuse == 0
    }
}

impl Medium for Disk {
    fn append(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut state = self.0.lock().unwrap();
        let whole: Vec<u8> = parts.iter().flat_map(|part| part.to_vec()).collect();
        if !state.burns() {
            state.kernel.extend(&whole);
            return Ok(whole.len());
        }
        let cut = usize::try_from(state.fault).unwrap() % whole.len();
        match state.fault % 4 {
            0 => Err(ErrorKind::StorageFull.into()),
            1 => Err(io::Error::from_raw_os_error(5)),
            // A part of it, and nothing from then on.
            _ if cut > 0 => {
                state.fuse = 1;
                state.kernel.extend(&whole[..cut]);
                Ok(cut)
            }
            _ => Err(ErrorKind::WriteZero.into()),
        }
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        if state.burns() {
            // The kernel tells it once, and would have the next sync succeed.
            state.lost = true;
            return Err(io::Error::from_raw_os_error(5));
        }
        if !state.lost {
            state.synced = state.kernel.len();
        }
        Ok(())
    }
}

struct Random(u64);

impl Random {
    fn next(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }
}

/// Records and forwards commands until something fails. Gives back what the target has seen.
fn run(
    disk: &Disk,
    random: &mut Random,
    strict: bool,
    permit: &weir_policy::Permit,
) -> Vec<String> {
    let (queue, _jobs) = mpsc::channel();
    // In no directory, whose name would have to be synced, too.
    let ledger = Ledger::new(
        "/".into(),
        Box::new(disk.clone()),
        None,
        Some(Syncing {
            queue,
            strict,
            observer: None,
        }),
    );
    let opening = Opening {
        rest: Rest {
            id: start().id,
            anchor: Anchor::default(),
            envelope: None,
        },
        file_key: None,
        witness: Some(Witness {
            key: Arc::new(samples::key(1)),
            heads: None,
        }),
        spools: None,
    };
    let mut seen = Vec::new();
    let Ok(mut writer) = SessionWriter::begin(ledger, None, opening, &start()) else {
        return seen;
    };
    let mut waits: Vec<(Commit, String)> = Vec::new();
    for number in 0..20 + random.next(20) {
        let padding = usize::try_from(random.next(300)).unwrap();
        let sent = format!("select {number}{}", " ".repeat(padding));
        let Ok(recorded) = writer.intent(permit.clone(), text(&sent)) else {
            break;
        };
        waits.push((recorded.commit(), sent));
        if random.next(3) == 0 && writer.response(recorded.seq(), b"rows").is_err() {
            break;
        }
        // The syncer, which comes when it comes.
        if random.next(2) == 0 {
            writer.ledger.sync().ok();
        }
        // The sink: bytes leave in order, as far as they are settled.
        let mut failed = false;
        while let Some((commit, _)) = waits.first() {
            match commit.settled() {
                Ok(true) => seen.push(waits.remove(0).1),
                Ok(false) => break,
                Err(_) => {
                    failed = true;
                    break;
                }
            }
        }
        if failed {
            assert!(writer.note("after a failed sync").is_err());
            break;
        }
    }
    seen
}

fn recorded(bytes: &[u8]) -> Vec<String> {
    let (entries, error, _) = read_bytes(bytes);
    assert!(error.is_none(), "{error:?}");
    let texts = entries.into_iter().filter_map(|entry| match entry {
        Entry::Event(Event::Intent(intent)) => Some(intent.text),
        _ => None,
    });
    texts.collect()
}

fn every_run(strict: bool, what_is_left: impl Fn(&State, &mut Random) -> Vec<u8>) {
    let permit = permit();
    let (mut forwarded, mut stopped) = (0, 0);
    for seed in 1..=RUNS {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let disk = Disk::default();
        {
            let mut state = disk.0.lock().unwrap();
            state.fuse = 1 + random.next(80);
            state.fault = random.next(1 << 20);
        }
        let seen = run(&disk, &mut random, strict, &permit);
        let left = what_is_left(&disk.0.lock().unwrap(), &mut random);
        let recorded = recorded(&left);
        assert!(
            recorded.starts_with(&seen),
            "seed {seed}: the target saw {seen:?}, on record is {recorded:?}"
        );
        forwarded += seen.len();
        stopped += usize::from(seen.len() < 20);
    }
    assert!(forwarded > 5000 && stopped > 300, "{forwarded} {stopped}");
}

#[test]
fn a_writer_that_is_killed_anywhere_has_recorded_what_the_target_saw() {
    for strict in [false, true] {
        every_run(strict, |state, _| state.kernel.clone());
    }
}

#[test]
fn strict_durability_has_it_on_the_disk_when_the_power_fails() {
    // Of what was not synced the disk may have any part.
    every_run(true, |state, random| {
        let unsynced = (state.kernel.len() - state.synced) as u64;
        let more = usize::try_from(random.next(unsynced + 1)).unwrap();
        state.kernel[..state.synced + more].to_vec()
    });
}
