//! One record: whether it is as the host vouched for it, and if not, what was done to it where.

use std::{
    fs::File,
    io::{BufReader, Seek, SeekFrom},
    path::Path,
};

use super::Problem;
use crate::{
    Place, ReadError, SessionId, Tail, TrustedKeys,
    checkpoint::{Checkpoint, Told},
    frame::Kind,
    frames::{Frames, Loose},
    header::Anchor,
    journal::Sum,
};

/// Most frames behind a break that are looked at for what happened there.
const MOST_LOOKED_AT: usize = 1 << 20;

/// What a record's own frames say.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) version: u16,
    pub(crate) id: Option<SessionId>,
    pub(crate) anchor: Option<Anchor>,
    pub(crate) encrypted: bool,
    pub(crate) sum: Sum,
    /// How many of the first frames are signed by a trusted key.
    pub(crate) signed: u64,
    /// What the last of these signatures tells of beside the record.
    pub(crate) told: Option<Told>,
    pub(crate) tail: Tail,
    pub(crate) problem: Option<Problem>,
}

impl Read {
    fn new(frames: &Frames<BufReader<File>>) -> Self {
        let rest = frames.rest();
        Self {
            version: frames.version(),
            id: rest.map(|rest| rest.id),
            anchor: rest.map(|rest| rest.anchor),
            encrypted: rest.is_some_and(|rest| rest.envelope.is_some()),
            sum: sum(frames),
            signed: 0,
            told: None,
            tail: Tail::Whole,
            problem: None,
        }
    }

    /// Whether the host vouches for it to the session's end, and nothing follows.
    pub(crate) fn is_sealed(&self) -> bool {
        self.problem.is_none()
            && self.tail == Tail::Whole
            && self.signed == self.sum.frames
            && self.told.is_some_and(|told| told.last)
    }
}

/// Reads a record from end to end, without looking at its contents. `stated` is how many frames
/// the head file says there are. `seen` gets the sum after each frame. Without keys the checkpoints
/// are passed over.
///
/// # Errors
/// When the file can't be read, or is no record at all.
pub(crate) fn read(
    path: &Path,
    keys: Option<&TrustedKeys>,
    stated: Option<u64>,
    mut seen: impl FnMut(&Sum),
) -> Result<Read, ReadError> {
    let file = File::open(path).map_err(|source| ReadError::Open {
        path: path.to_owned(),
        source,
    })?;
    let mut frames = Frames::begin(BufReader::new(file), path.to_owned())?;
    let mut read = Read::new(&frames);
    while frames.tail() == Tail::Whole {
        let before = sum(&frames);
        seen(&before);
        let frame = match frames.next() {
            Ok(Some(frame)) => frame,
            Ok(None) => break,
            Err(error @ (ReadError::Read { .. } | ReadError::Open { .. })) => return Err(error),
            Err(error) => {
                read.problem = Some(diagnose(path, &before, &frames, stated, &error));
                break;
            }
        };
        if let (Kind::Checkpoint, Some(keys)) = (frame.kind, keys) {
            match checked(&frame.body, read.id, &before, keys) {
                Ok(told) => {
                    read.signed = frames.number();
                    read.told = told;
                }
                Err(problem) => {
                    read.problem = Some(problem);
                    break;
                }
            }
        }
    }
    read.sum = sum(&frames);
    seen(&read.sum);
    read.tail = frames.tail();
    Ok(read)
}

fn sum(frames: &Frames<BufReader<File>>) -> Sum {
    Sum {
        chain: *frames.chain(),
        frames: frames.number(),
        bytes: frames.offset(),
    }
}

fn checked(
    body: &[u8],
    id: Option<SessionId>,
    before: &Sum,
    keys: &TrustedKeys,
) -> Result<Option<Told>, Problem> {
    let (frame, byte) = (before.frames, before.bytes);
    let forged = Problem::Forged { frame, byte };
    let (Some(checkpoint), Some(id)) = (Checkpoint::parse(body), id) else {
        return Err(forged);
    };
    let key = checkpoint.key;
    let public = keys.get(key).ok_or_else(|| Problem::ForeignKey {
        frame,
        byte,
        key: key.to_string(),
    })?;
    if checkpoint.frames != before.frames || !checkpoint.holds(id, &before.chain, public) {
        return Err(forged);
    }
    Ok(checkpoint.told)
}

/// What happened where the chain breaks: the frames behind it are laid against what is before it,
/// and the next checkpoint, or the head file, says how many there should be.
fn diagnose(
    path: &Path,
    before: &Sum,
    frames: &Frames<BufReader<File>>,
    stated: Option<u64>,
    error: &ReadError,
) -> Problem {
    let (frame, byte) = (before.frames, before.bytes);
    let unknown = Problem::Damaged {
        frame,
        byte,
        what: what(error),
    };
    let Ok(Seen {
        fits,
        follows,
        counted,
    }) = look(path, before, frames)
    else {
        return unknown;
    };
    let stated = counted
        .stated
        .or(stated)
        .map(|stated| (stated, counted.frames));
    match (fits, stated) {
        (Some(found), Some((stated, counted))) if counted > stated => Problem::Added {
            frame,
            byte,
            until: found,
            count: counted - stated,
        },
        (Some(found), _) if follows => Problem::Swapped { frame, byte, found },
        (Some(found), _) => Problem::Moved { frame, byte, found },
        (None, Some((stated, counted))) if counted < stated => Problem::Cut {
            frame,
            byte,
            count: stated - counted,
        },
        (None, Some((stated, counted))) if counted == stated => Problem::Changed { frame, byte },
        _ => unknown,
    }
}

/// What is wrong, without the place.
fn what(error: &ReadError) -> String {
    match error {
        ReadError::Length { length, .. } => format!("a frame can't be {length} bytes long"),
        ReadError::Kind { kind, .. } => format!("there is no frame of kind {kind}"),
        _ => "it was changed, or frames before it were cut out".to_owned(),
    }
}

struct Seen {
    /// Where the frame is that belongs here.
    fits: Option<u64>,
    /// The frame that is here belongs right behind that one.
    follows: bool,
    counted: Counted,
}

struct Counted {
    /// Up to the next checkpoint, or to the end.
    frames: u64,
    /// As that checkpoint has it.
    stated: Option<u64>,
}

fn look(path: &Path, before: &Sum, frames: &Frames<BufReader<File>>) -> Result<Seen, ReadError> {
    let chain = frames.last_chain();
    let blame = |source| ReadError::Read {
        place: Place {
            path: path.to_owned(),
            offset: before.bytes,
        },
        source,
    };
    let mut input = BufReader::new(File::open(path).map_err(blame)?);
    input.seek(SeekFrom::Start(before.bytes)).map_err(blame)?;
    let mut loose = Loose::new(input, frames.version(), before.bytes);
    let mut seen = Seen {
        fits: None,
        follows: false,
        counted: Counted {
            frames: before.frames,
            stated: None,
        },
    };
    let mut first: Option<crate::frames::Laid> = None;
    let mut offset = before.bytes;
    for _ in 0..MOST_LOOKED_AT {
        let Some(laid) = loose.next().map_err(blame)? else {
            break;
        };
        if seen.fits.is_none() && laid.fits(chain) {
            seen.fits = Some(offset);
            let after = laid.after(chain);
            seen.follows = first.as_ref().is_some_and(|first| first.fits(after));
        }
        if seen.counted.stated.is_none() {
            match laid.checkpoint() {
                Some(checkpoint) => seen.counted.stated = Some(checkpoint.frames),
                None => seen.counted.frames += 1,
            }
        } else if seen.fits.is_some() {
            break;
        }
        first.get_or_insert(laid);
        offset = loose.offset();
    }
    Ok(seen)
}
