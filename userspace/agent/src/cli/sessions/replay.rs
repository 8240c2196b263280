//! `weir sessions replay`: what was asked, by whom, judged how, and what the agent saw.

use std::{
    io::{self, BufRead as _},
    time::Duration,
};

use weir_record::{Entry, Event, Outcome, Seq, SessionStart, Side};

use super::{
    super::{
        error::CliError,
        line::{Line, Tone},
        moment,
        out::Out,
    },
    args::Pace,
    masks::Masks,
    postgres::Screen,
    source::Recorded,
    story, stream,
};

/// At the pace of the original, a longer silence is cut to this and told.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Replays a session.
pub(super) fn print(recorded: Recorded, pace: Pace, out: &mut Out) -> Result<(), CliError> {
    let masks = recorded.masks();
    let Recorded {
        start, mut entries, ..
    } = recorded;
    let mut replay = Replay::new(start, pace, masks);
    story::head(&replay.start, out)?;
    let mut broken = None;
    while let Some(entry) = entries.next() {
        match entry {
            Ok(entry) => replay.entry(entry, entries.at(), out)?,
            Err(error) => broken = Some(error),
        }
    }
    replay.screen.finish(out)?;
    if !replay.ended && broken.is_none() {
        out.blank()?;
        out.line(&story::unfinished(entries.tail()))?;
    }
    broken.map_or(Ok(()), |error| Err(error.into()))
}

pub(super) struct Replay {
    start: SessionStart,
    pace: Pace,
    screen: Screen,
    /// The command whose story is being told.
    current: Option<Seq>,
    /// When the last entry was recorded, in microseconds since the start.
    at: i64,
    ended: bool,
    /// The last command whose outcome was told.
    settled: Option<Seq>,
}

impl Replay {
    pub(super) fn new(start: SessionStart, pace: Pace, masks: Masks) -> Self {
        Self {
            start,
            pace,
            screen: Screen::new(masks),
            current: None,
            at: 0,
            ended: false,
            settled: None,
        }
    }

    /// Notes what of the answers to a command is masked, before they are told.
    pub(super) fn expect(&mut self, seq: Seq, outcome: &Outcome) {
        self.screen.masks().expect(seq, outcome);
    }

    /// The last command whose outcome was told.
    pub(super) fn settled(&self) -> Option<Seq> {
        self.settled
    }

    /// Tells one more entry, recorded `at` so many microseconds after the start.
    pub(super) fn entry(&mut self, entry: Entry, at: i64, out: &mut Out) -> io::Result<()> {
        self.wait(&entry, at, out)?;
        match entry {
            Entry::Response { seq, bytes, .. } => {
                self.turn_to(seq, out)?;
                if self.is_read() {
                    self.screen.feed(seq, &bytes, out)
                } else {
                    stream::print(Side::Server, &bytes, out)
                }
            }
            Entry::Request { seq, bytes, .. } => {
                self.turn_to(seq, out)?;
                stream::print(Side::Client, &bytes, out)
            }
            Entry::Event(event) => self.event(event, out),
        }
    }

    /// Whether weir read what was said in this session.
    pub(super) fn is_read(&self) -> bool {
        self.start.protocol.as_deref() == Some("postgres")
    }

    fn event(&mut self, event: Event, out: &mut Out) -> io::Result<()> {
        match event {
            Event::Start(_) => Ok(()),
            Event::Opened { database, user, .. } => {
                let label = Line::of(Tone::Dim, "  opened   ");
                out.line(&label.text(format!("database {database} as {user}")))
            }
            Event::Process(process) => {
                self.screen.finish(out)?;
                story::speaker(&process, out)
            }
            Event::Intent(intent) => {
                self.screen.finish(out)?;
                self.current = Some(intent.seq);
                story::command(&self.start, &intent, out)
            }
            Event::Outcome { seq, outcome } => {
                self.turn_to(seq, out)?;
                self.screen.finish(out)?;
                self.screen.settle(seq);
                self.settled = self.settled.max(Some(seq));
                out.line(&Line::plain("  ").join(story::outcome(&outcome)))
            }
            Event::Approval { seq, at, approval } => {
                self.screen.finish(out)?;
                out.line(&story::approval(&self.start.started, seq, at, &approval))
            }
            Event::Note { message } => {
                self.screen.finish(out)?;
                out.line(&Line::of(Tone::Warn, "note: ").text(message))
            }
            Event::End(end) => {
                self.ended = true;
                self.screen.finish(out)?;
                out.blank()?;
                out.line(&story::end(&end))
            }
        }
    }

    /// Drivers send several commands before the first is answered, so the story may go back.
    fn turn_to(&mut self, seq: Seq, out: &mut Out) -> io::Result<()> {
        if self.current != Some(seq) {
            self.screen.finish(out)?;
            self.current = Some(seq);
            out.blank()?;
            out.line(&Line::of(Tone::Strong, format!("#{seq}")).and(Tone::Dim, "  answered"))?;
        }
        Ok(())
    }

    fn wait(&mut self, entry: &Entry, at: i64, out: &mut Out) -> io::Result<()> {
        let passed = Duration::from_micros(u64::try_from(at - self.at).unwrap_or(0));
        self.at = at;
        match self.pace {
            Pace::Fast => Ok(()),
            Pace::Step => match entry {
                Entry::Event(Event::Intent(_)) => step(out),
                _ => Ok(()),
            },
            Pace::Times(times) => {
                let passed = passed / times.max(1);
                out.flush()?;
                if passed > LONGEST_WAIT {
                    let micros = i64::try_from(passed.as_micros()).unwrap_or(i64::MAX);
                    let text = format!("… {} later", moment::duration(micros));
                    out.line(&Line::of(Tone::Dim, text))?;
                }
                std::thread::sleep(passed.min(LONGEST_WAIT));
                Ok(())
            }
        }
    }
}

/// Waits for the Enter key; the end of the input goes on without waiting.
fn step(out: &mut Out) -> io::Result<()> {
    out.line(&Line::of(Tone::Dim, "[Enter]"))?;
    out.flush()?;
    io::stdin().lock().read_line(&mut String::new()).map(drop)
}

#[cfg(test)]
mod tests;
