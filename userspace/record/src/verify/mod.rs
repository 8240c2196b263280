//! Whether records are what the host wrote, told from the files and its public keys alone.
//!
//! Each record is held against its own chain and checkpoints, against what the head file says that
//! it came to, and the head file against what each session says that it was when the session began,
//! at its checkpoints, and as it ended.
//!
//! Known limits: who has the host's private key can write what they like. Whoever takes away every
//! record that was written to after some moment, and the head file's entries since, leaves an older
//! state that is sound in itself: compare [`HeadReport::entries`] and [`HeadReport::chain`] with
//! what they were, or ship the records. The last frames of a session that is still going on may
//! not be signed yet.

mod problem;
mod report;
pub(crate) mod session;

use std::{
    collections::{BTreeSet, HashMap},
    fs,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use jiff::Timestamp;

pub use self::{
    problem::Problem,
    report::{HeadReport, Report, SessionReport, State, Which},
};
use crate::{
    ReadError, SessionId, Tail, TrustedKeys,
    header::{Anchor, PACKED},
    heads::{self, Entry, How, ReadHeads, Total},
    journal::Sum,
    sign::Hex,
    store,
};

/// So long after its record's last frame a session's end is told of, and how often it is looked.
const TOLD: Duration = Duration::from_secs(1);
const LOOK: Duration = Duration::from_millis(50);

/// Verifies the records of a directory.
///
/// # Errors
/// When the directory or the head file can't be read.
pub fn verify(dir: &Path, keys: &TrustedKeys, which: &Which) -> Result<Report, ReadError> {
    let read = heads::read(dir).map_err(|source| ReadError::Open {
        path: dir.join(heads::FILE),
        source,
    })?;
    let mut head = HeadReport::default();
    let told = match &read {
        Some(read) => told(read, keys, &mut head),
        None => {
            head.problems.push(Problem::NoHeadFile);
            Told::default()
        }
    };
    let files: BTreeSet<_> = store::names(dir)?.ids.into_iter().collect();
    let listed = told.sessions.keys().copied();
    let all: BTreeSet<_> = files.iter().copied().chain(listed).collect();
    let (mut sessions, mut unended) = (Vec::new(), Vec::new());
    for id in all.into_iter().filter(|id| which.wants(*id)) {
        let known = told.sessions.get(&id).copied();
        let report = if files.contains(&id) {
            let path = store::path_of(dir, id);
            let Recorded {
                report,
                anchors,
                sealed,
            } = record(&path, id, known, &told, keys)?;
            for anchor in anchors {
                anchored(anchor, id, &told, &mut head);
            }
            if sealed && report.state == State::Open {
                unended.push(id);
            }
            report
        } else {
            absent(id, known)
        };
        sessions.push(report);
    }
    if let Which::Only(ids) = which {
        for id in ids {
            if !sessions.iter().any(|session| session.id == *id) {
                return Err(ReadError::Open {
                    path: store::path_of(dir, *id),
                    source: std::io::ErrorKind::NotFound.into(),
                });
            }
        }
    }
    // What follows an entry that isn't sound is told by nothing; that it isn't is told already.
    if head.problems.is_empty() {
        let unended = unended.into_iter().filter(|id| !ends_meanwhile(dir, *id));
        let unended = unended.map(|id| id.to_string());
        let unended = unended.map(|session| Problem::HeadUnended { session });
        head.problems.extend(unended);
    }
    Ok(Report { head, sessions })
}

/// Whether the head file tells by now that a session is over. It is told right behind the record's
/// last frame: whoever looks in between waits for a moment.
fn ends_meanwhile(dir: &Path, id: SessionId) -> bool {
    let is_told = || {
        let read = heads::read(dir).ok().flatten();
        let mut entries = read.iter().flat_map(|read| &read.entries);
        entries.any(|signed| signed.entry.ends(id))
    };
    let ended = fs::metadata(store::path_of(dir, id)).and_then(|meta| meta.modified());
    // A clock that was set back makes nobody wait for long.
    let is_over = |began: Instant| {
        let since = ended.as_ref().ok().and_then(|ended| ended.elapsed().ok());
        since.is_none_or(|since| since > TOLD) || began.elapsed() > TOLD
    };
    let began = Instant::now();
    while !is_told() {
        if is_over(began) {
            return is_told();
        }
        thread::sleep(LOOK);
    }
    true
}

/// What the head file tells.
#[derive(Default)]
struct Told {
    sessions: HashMap<SessionId, Known>,
    /// When it was begun.
    since: Option<Timestamp>,
    /// The chain's hash before the first entry, and after each.
    chains: Vec<[u8; 32]>,
}

#[derive(Clone, Copy)]
struct Known {
    state: State,
    total: Option<Total>,
}

fn told(read: &ReadHeads, keys: &TrustedKeys, head: &mut HeadReport) -> Told {
    head.entries = read.entries.len() as u64;
    head.chain = read
        .chains
        .last()
        .map(|chain| Hex(chain).to_string())
        .unwrap_or_default();
    head.torn = torn(read.tail);
    let mut told = Told {
        chains: read.chains.clone(),
        ..Told::default()
    };
    for (entry, signed) in (0_u64..).zip(&read.entries) {
        match signed.holds(keys) {
            Ok(true) => {}
            Ok(false) => {
                head.problems.push(Problem::HeadForged { entry });
                return told;
            }
            Err(key) => {
                let key = key.to_string();
                head.problems.push(Problem::HeadForeignKey { entry, key });
                return told;
            }
        }
        match &signed.entry {
            Entry::Key { at, .. } => {
                told.since.get_or_insert(*at);
            }
            Entry::Start { session, .. } => told.put(*session, State::Open, None),
            Entry::End {
                session,
                how,
                total,
                ..
            } => {
                let state = match how {
                    How::Ended => State::Ended,
                    How::Stopped => State::Stopped,
                };
                told.put(*session, state, Some(*total));
            }
            Entry::Removed { session, total, .. } => {
                told.put(*session, State::Removed, Some(*total));
            }
            Entry::Torn { .. } => {}
        }
    }
    if let Some(byte) = read.broken {
        let entry = head.entries;
        head.problems.push(Problem::HeadChanged { entry, byte });
    }
    told
}

impl Told {
    fn put(&mut self, session: SessionId, state: State, total: Option<Total>) {
        self.sessions.insert(session, Known { state, total });
    }
}

fn absent(id: SessionId, known: Option<Known>) -> SessionReport {
    let state = known.map_or(State::Unlisted, |known| known.state);
    let never_begun = known
        .and_then(|known| known.total)
        .is_some_and(|total| total.frames == 0);
    let problems = match state {
        State::Removed => Vec::new(),
        State::Stopped if never_begun => Vec::new(),
        _ => vec![Problem::Gone],
    };
    SessionReport {
        id,
        state,
        frames: 0,
        signed: 0,
        bytes: 0,
        torn: 0,
        encrypted: false,
        problems,
    }
}

/// What was found of one record.
struct Recorded {
    report: SessionReport,
    /// What it says that the head file was.
    anchors: Vec<Anchor>,
    /// It is signed to the session's end.
    sealed: bool,
}

impl Recorded {
    fn of(report: SessionReport) -> Self {
        Self {
            report,
            anchors: Vec::new(),
            sealed: false,
        }
    }
}

fn record(
    path: &Path,
    id: SessionId,
    known: Option<Known>,
    told: &Told,
    keys: &TrustedKeys,
) -> Result<Recorded, ReadError> {
    let state = known.map_or(State::Unlisted, |known| known.state);
    let total = known.and_then(|known| known.total);
    let mut at_total = false;
    let seen = |sum: &Sum| at_total |= total.is_some_and(|total| total == Total::from(*sum));
    let stated = total.map(|total| total.frames);
    let mut report = SessionReport {
        state,
        ..absent(id, None)
    };
    report.problems.clear();
    let read = match session::read(path, Some(keys), stated, seen) {
        Ok(read) => read,
        Err(error @ (ReadError::Open { .. } | ReadError::Read { .. })) => return Err(error),
        Err(error) => {
            let why = error.to_string();
            report.problems.push(Problem::Unreadable { why });
            return Ok(Recorded::of(report));
        }
    };
    report.frames = read.sum.frames;
    report.bytes = read.sum.bytes;
    report.signed = read.signed;
    report.torn = torn(read.tail);
    report.encrypted = read.encrypted;
    let sealed = read.is_sealed();
    let later = read.told.map(|told| told.heads);
    let anchors = read.anchor.into_iter().chain(later).collect();
    if let Some(problem) = read.problem {
        report.problems.push(problem);
        return Ok(Recorded {
            report,
            anchors,
            sealed,
        });
    }
    if let Some(is) = read.id.filter(|is| *is != id) {
        let is = is.to_string();
        report.problems.push(Problem::OtherSession { is });
        return Ok(Recorded::of(report));
    }
    // Nothing of it was written yet.
    let begun = read.sum.bytes > 0 || known.is_none();
    let vouched = read.version >= PACKED && read.anchor.is_some_and(|anchor| anchor.entries > 0);
    // Those that were recorded before there was a head file can't be vouched for.
    let earlier = known.is_none() && told.since.is_some_and(|since| id.began() < since);
    if begun && !vouched && !earlier {
        report.problems.push(Problem::Unsigned);
    } else if known.is_none() && !earlier && !told.chains.is_empty() {
        report.problems.push(Problem::Unlisted);
    }
    if let Some(total) = total {
        match against(total, &read.sum, at_total, report.torn, state) {
            // The head file's signature covers them all.
            None => report.signed = report.frames,
            Some(problem) => report.problems.push(problem),
        }
    }
    Ok(Recorded {
        report,
        anchors,
        sealed,
    })
}

/// A record that is sound in itself, against what it came to.
fn against(total: Total, sum: &Sum, met: bool, torn: u64, state: State) -> Option<Problem> {
    let whole = total == Total::from(*sum);
    if whole && (torn == 0 || state == State::Stopped) {
        return None;
    }
    Some(if sum.frames < total.frames {
        Problem::Truncated {
            frames: sum.frames,
            stated: total.frames,
        }
    } else if whole || met {
        Problem::Extended {
            bytes: sum.bytes + torn,
            stated: total.bytes,
        }
    } else {
        Problem::Replaced
    })
}

/// What a session says that the head file was, against what it is.
fn anchored(anchor: Anchor, id: SessionId, told: &Told, head: &mut HeadReport) {
    // Of a record of no host.
    if anchor.entries == 0 {
        return;
    }
    let session = id.to_string();
    let index = usize::try_from(anchor.entries).unwrap_or(usize::MAX);
    let cut = |problem: &Problem| {
        matches!(
            problem,
            Problem::HeadTruncated { .. } | Problem::HeadReplaced { .. } | Problem::NoHeadFile
        )
    };
    let problem = match told.chains.get(index) {
        Some(chain) if *chain == anchor.chain => return,
        Some(_) => Problem::HeadReplaced { session },
        None => Problem::HeadTruncated {
            entries: head.entries,
            stated: anchor.entries,
            session,
        },
    };
    // One session is enough to tell.
    if !head.problems.iter().any(cut) {
        head.problems.push(problem);
    }
}

fn torn(tail: Tail) -> u64 {
    match tail {
        Tail::Whole => 0,
        Tail::Torn { bytes } => bytes,
    }
}

#[cfg(test)]
mod tests;
