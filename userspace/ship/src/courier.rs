//! Takes one sink's events from the feed to the sink, and moves its cursor once they are there.
//!
//! Each sink has its own: an outage of one holds up no other. What a receiver refuses for good is
//! parked in a file beside the cursor, found by halving the batch, so that it doesn't block what comes
//! after it.

use std::{
    collections::VecDeque,
    fs::OpenOptions,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use tokio::{sync::watch, task::spawn_blocking, time::sleep};

use crate::{
    backoff::Backoff,
    cursor::{Cursor, Mark},
    feed::{Event, Feed},
    sink::{Failure, Sink},
    status::State,
};

/// How often it is looked for something new.
const LOOK: Duration = Duration::from_millis(500);

#[derive(Debug)]
pub(crate) struct Courier {
    /// `None` while it is asked.
    pub(crate) feed: Option<Feed>,
    pub(crate) cursor: Cursor,
    pub(crate) sink: Sink,
    pub(crate) state: Arc<State>,
    /// The file of what is parked.
    pub(crate) parked: PathBuf,
    pub(crate) stop: watch::Receiver<bool>,
    /// Delivered, and not acknowledged while the receiver may lose it: what it is, and its time.
    pub(crate) under_way: VecDeque<(Mark, i64)>,
}

/// It is to stop.
struct Stopped;

impl Courier {
    /// Runs until it is told to stop. What is under way then comes again after the next start.
    pub(crate) async fn run(mut self) {
        while let Ok(()) = self.step().await {}
    }

    async fn step(&mut self) -> Result<(), Stopped> {
        let batch = self.look().await?;
        if batch.is_empty() {
            if let Err(failure) = self.sink.tend().await {
                self.state.failed(&failure.to_string());
            }
            self.acknowledge();
            return self.pause(LOOK).await;
        }
        self.deliver(&batch).await?;
        self.acknowledge();
        Ok(())
    }

    async fn look(&mut self) -> Result<Vec<Event>, Stopped> {
        // Reading is lent to a thread that may block; a feed that panicked is not asked again.
        let Some(mut feed) = self.feed.take() else {
            return Err(Stopped);
        };
        let looked = spawn_blocking(move || {
            let batch = feed.batch(Instant::now());
            (feed, batch)
        });
        let (feed, batch) = looked.await.map_err(|error| {
            self.state.failed(&format!("reading what to send: {error}"));
            Stopped
        })?;
        self.feed = Some(feed);
        match batch {
            Ok(batch) => Ok(batch),
            Err(error) => {
                self.state
                    .failed(&format!("can't read what to send: {error}"));
                Ok(Vec::new())
            }
        }
    }

    /// Delivers a batch, however long it takes.
    async fn deliver(&mut self, batch: &[Event]) -> Result<(), Stopped> {
        let mut parts = VecDeque::from([batch]);
        let mut backoff = Backoff::new();
        while let Some(part) = parts.pop_front() {
            let tried = tokio::select! {
                tried = self.sink.deliver(part) => tried,
                () = stopped(&mut self.stop) => return Err(Stopped),
            };
            match tried {
                Ok(()) => {
                    backoff = Backoff::new();
                    self.state.delivered(part.len());
                    self.sent(part);
                }
                Err(Failure::Later(why)) => {
                    parts.push_front(part);
                    self.state.failed(&why);
                    self.told(part.first());
                    self.pause(backoff.next()).await?;
                }
                Err(Failure::Refused(why)) => match part {
                    [event] => {
                        if let Err(error) = self.park(event) {
                            let why = format!("can't write {}: {error}", self.parked.display());
                            parts.push_front(part);
                            self.state.failed(&why);
                            self.pause(backoff.next()).await?;
                            continue;
                        }
                        self.state.parked(&why);
                        self.sent(part);
                    }
                    _ => {
                        let (first, second) = part.split_at(part.len() / 2);
                        parts.push_front(second);
                        parts.push_front(first);
                    }
                },
            }
        }
        Ok(())
    }

    fn sent(&mut self, part: &[Event]) {
        let marks = part.iter().map(|event| (event.mark, event.time));
        self.under_way.extend(marks);
    }

    /// Moves the cursor past what the receiver has for good.
    fn acknowledge(&mut self) {
        let unsure = self.sink.unsure(Instant::now());
        let sure = self.under_way.len().saturating_sub(unsure);
        let marks: Vec<Mark> = self.under_way.drain(..sure).map(|(mark, _)| mark).collect();
        if let Err(error) = self.cursor.acknowledge(&marks) {
            // They would be sent once more after a restart.
            tracing::warn!(%error, "a sink's cursor can't be written");
        }
        self.told(None);
    }

    /// Tells how much waits, `next` being what is to be delivered.
    fn told(&self, next: Option<&Event>) {
        let oldest = self.under_way.front().map(|(_, time)| *time);
        let oldest = oldest.or(next.map(|event| event.time));
        let oldest = oldest.and_then(|time| Timestamp::from_millisecond(time).ok());
        let waiting = self
            .feed
            .as_ref()
            .map_or(0, |feed| feed.waiting(Instant::now()));
        self.state.queue(self.under_way.len(), oldest, waiting);
    }

    fn park(&self, event: &Event) -> io::Result<()> {
        let mut file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&self.parked)?;
        file.write_all(format!("{}\n", event.json).as_bytes())?;
        file.sync_data()
    }

    async fn pause(&mut self, wait: Duration) -> Result<(), Stopped> {
        tokio::select! {
            () = sleep(wait) => Ok(()),
            () = stopped(&mut self.stop) => Err(Stopped),
        }
    }
}

/// Resolves once it is to stop, or whoever would say so is gone.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error is that nobody can say so any more.
    let _gone = stop.wait_for(|stop| *stop).await.is_err();
}
