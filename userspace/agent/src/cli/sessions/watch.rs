//! `weir sessions watch`: what goes on, as it goes on.

use std::{
    collections::{BTreeMap, VecDeque},
    io, thread,
};

use weir_record::{Entry, Event, Seq, SessionId, SessionStart, VerdictSummary};

use super::{
    super::{
        error::CliError,
        escape::json_shown,
        line::{Line, Tone},
        moment,
        out::Out,
        runtime,
    },
    args::Pace,
    masks::Masks,
    replay::Replay,
    source::Source,
    story,
};
use crate::control::{Follower, Told, Went, What, watch::LOOK};

/// Most characters of a statement that one line shows.
const LONGEST_TEXT: usize = 160;
/// Most bytes of answers that are held until it is known what of them is masked.
const MOST_HELD: usize = 1 << 20;

/// How what is told is shown.
type Shows = dyn FnMut(Told, &mut Out) -> Result<(), CliError>;

/// Follows one session, or all.
pub(super) fn run(
    source: &Source,
    id: Option<&str>,
    json: bool,
    out: &mut Out,
) -> Result<(), CliError> {
    let mut shown: Box<Shows> = match id {
        _ if json => Box::new(|told, out| {
            let text = serde_json::to_string(&told).map_err(io::Error::other)?;
            Ok(out.line(&Line::plain(json_shown(&text)))?)
        }),
        Some(_) => {
            let mut one = One::default();
            Box::new(move |told, out| one.told(told, out))
        }
        None => {
            let mut all = All::default();
            Box::new(move |told, out| Ok(all.told(&told, out)?))
        }
    };
    match (source, id) {
        (Source::Daemon(client), id) => {
            let watched = runtime::small()?.block_on(client.watch(id, |told| {
                shown(told, out)?;
                out.flush()?;
                Ok::<_, CliError>(true)
            }));
            // A session that is known by its id can be followed in its record.
            watched.map_err(|error| match (error, id) {
                (CliError::Client(error), Some(_)) => CliError::Asked(error),
                (error, _) => error,
            })
        }
        (Source::Records(dir), Some(id)) => {
            let mut follower = Follower::new(weir_record::find(dir, id)?, true);
            loop {
                let followed = follower.look()?;
                followed
                    .told
                    .into_iter()
                    .try_for_each(|told| shown(told, out))?;
                out.flush()?;
                if followed.over {
                    return Ok(());
                }
                if !followed.more {
                    thread::sleep(LOOK);
                }
            }
        }
        // Which are live is known to the daemon alone.
        (Source::Records(_), None) => Err(CliError::WatchesAll),
    }
}

/// A session's story as it is told.
#[derive(Default)]
struct One {
    replay: Option<(SessionStart, Replay)>,
    /// Told once it is known what of the first answer among it is masked.
    held: VecDeque<(Entry, i64)>,
    bytes: usize,
}

impl One {
    fn told(&mut self, told: Told, out: &mut Out) -> Result<(), CliError> {
        let Told { time, what, .. } = told;
        if let What::Event(Event::Start(start)) = &what {
            story::head(start, out)?;
            let replay = Replay::new(start.clone(), Pace::Fast, Masks::default());
            self.replay = Some((start.clone(), replay));
            return Ok(());
        }
        let Some((start, replay)) = &mut self.replay else {
            return Ok(());
        };
        let at = time.as_microsecond() - start.started.as_microsecond();
        let entry = match what {
            What::Event(event) => Entry::Event(event),
            What::Bytes(Went::Response { seq, hex }) => {
                let bytes = bytes(&hex);
                Entry::Response { seq, at, bytes }
            }
            What::Bytes(Went::Request { seq, hex }) => {
                let bytes = bytes(&hex);
                Entry::Request { seq, at, bytes }
            }
        };
        if let Entry::Event(Event::Outcome { seq, outcome }) = &entry {
            replay.expect(*seq, outcome);
        }
        self.bytes += length(&entry);
        self.held.push_back((entry, at));
        while let Some((entry, at)) = self.held.pop_front() {
            if self.bytes < MOST_HELD && self.waits(&entry) {
                self.held.push_front((entry, at));
                break;
            }
            self.bytes -= length(&entry);
            if let Some((_, replay)) = &mut self.replay {
                replay.entry(entry, at, out)?;
            }
        }
        Ok(())
    }

    /// Whether what is masked in it is not known yet, and will be.
    fn waits(&self, entry: &Entry) -> bool {
        let is_read = self
            .replay
            .as_ref()
            .is_some_and(|(_, replay)| replay.is_read());
        let Entry::Response { seq, .. } = entry else {
            return false;
        };
        let settles = |(entry, _): &(Entry, i64)| match entry {
            Entry::Event(Event::Outcome { seq: settled, .. }) => settled == seq,
            Entry::Event(Event::End(_)) => true,
            _ => false,
        };
        is_read && !self.settled(*seq) && !self.held.iter().any(settles)
    }

    fn settled(&self, seq: Seq) -> bool {
        let settled = self
            .replay
            .as_ref()
            .and_then(|(_, replay)| replay.settled());
        settled.is_some_and(|settled| settled >= seq)
    }
}

fn length(entry: &Entry) -> usize {
    match entry {
        Entry::Event(_) => 0,
        Entry::Response { bytes, .. } | Entry::Request { bytes, .. } => bytes.len(),
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    let digit = |c: &u8| {
        char::from(*c)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    let pairs = hex.as_bytes().chunks_exact(2);
    let pairs = pairs.filter_map(|pair| match pair {
        [high, low] => Some(digit(high)? << 4 | digit(low)?),
        _ => None,
    });
    pairs.collect()
}

/// All live sessions, a line a command.
#[derive(Default)]
struct All {
    starts: BTreeMap<SessionId, SessionStart>,
}

impl All {
    fn told(&mut self, told: &Told, out: &mut Out) -> io::Result<()> {
        let What::Event(event) = &told.what else {
            return Ok(());
        };
        let head = Line::of(Tone::Dim, moment::clock(told.time))
            .text(" ")
            .and(Tone::Key, told.session)
            .text(" ");
        match event {
            Event::Start(start) => {
                self.starts.insert(told.session, start.clone());
                out.line(
                    &head
                        .and(Tone::Dim, "open     ")
                        .join(self.who(told.session)),
                )
            }
            Event::Intent(intent) => {
                let mut text = intent.text.split_whitespace().collect::<Vec<_>>().join(" ");
                if text.is_empty() {
                    // Of an encrypted record it is for its recipients.
                    let read = intent.statements.iter().map(story::statement);
                    text = read.collect::<Vec<_>>().join("; ");
                }
                let cut: String = text.chars().take(LONGEST_TEXT).collect();
                let cut = if cut.len() < text.len() {
                    format!("{cut}…")
                } else {
                    cut
                };
                let line = head
                    .join(answer(&intent.verdict))
                    .join(self.who(told.session));
                out.line(&line.and(Tone::Dim, " > ").text(cut))
            }
            Event::End(end) => {
                let line = head
                    .and(Tone::Dim, "over     ")
                    .join(self.who(told.session));
                self.starts.remove(&told.session);
                out.line(&line.text(" ").join(story::end_in_short(end)))
            }
            _ => Ok(()),
        }
    }

    fn who(&self, session: SessionId) -> Line {
        let Some(start) = self.starts.get(&session) else {
            return Line::new();
        };
        let target = start.target.as_ref().unwrap_or(&start.destination);
        Line::plain(&start.subject)
            .and(Tone::Dim, " → ")
            .text(target)
    }
}

/// In one word, as wide as the longest.
fn answer(verdict: &VerdictSummary) -> Line {
    match verdict {
        VerdictSummary::Allow { would_be: None, .. } => Line::of(Tone::Good, "allowed  "),
        VerdictSummary::Allow { .. } => Line::of(Tone::Warn, "observed "),
        VerdictSummary::Deny { .. } => Line::of(Tone::Bad, "refused  "),
        VerdictSummary::Ask { .. } => Line::of(Tone::Warn, "held     "),
    }
}
