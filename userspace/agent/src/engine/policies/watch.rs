//! Takes policies by themselves when their files have changed and then rested.
//!
//! The directory is looked at, not listened to: that also sees what a rename of its parent or a
//! link changes, and needs nothing from the file system. A half-written bundle that is found
//! resting is refused like any other, and told once: nothing is tried again before it has changed.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::time::{MissedTickBehavior, interval};

use crate::engine::Engine;

/// How often it is looked; a change is taken once it looks the same twice.
const EVERY: Duration = Duration::from_secs(1);
/// Most entries that are looked at. A directory with more does not load.
const MOST_ENTRIES: usize = 4000;

/// What the files of a directory look like from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Print(Vec<(PathBuf, [i128; 4])>);

impl Print {
    /// Of what is there now. What can't be looked at looks like nothing.
    pub(super) fn of(directory: &Path) -> Self {
        let entries = fs::read_dir(directory).into_iter().flatten().flatten();
        let mut files: Vec<_> = entries
            .take(MOST_ENTRIES)
            .filter_map(|entry| {
                // Of what a link leads to.
                let about = fs::metadata(entry.path()).ok()?;
                let nanos = |seconds: i64, nanos: i64| {
                    i128::from(seconds) * 1_000_000_000 + i128::from(nanos)
                };
                let looks = [
                    i128::from(about.ino()),
                    i128::from(about.len()),
                    nanos(about.mtime(), about.mtime_nsec()),
                    nanos(about.ctime(), about.ctime_nsec()),
                ];
                about.is_file().then_some((entry.path(), looks))
            })
            .collect();
        files.sort();
        Self(files)
    }
}

/// What has been seen so far.
#[derive(Debug, Default)]
struct Seen {
    taken: Option<Print>,
    before: Option<Print>,
}

impl Seen {
    /// Whether this is new and has rested since the last look.
    fn has_settled(&mut self, now: Print) -> bool {
        let rests = self.before.as_ref() == Some(&now);
        let settled = rests && self.taken.as_ref() != Some(&now);
        if settled {
            self.taken = Some(now.clone());
        }
        self.before = Some(now);
        settled
    }
}

/// Watches an engine's policies for as long as it is polled.
pub(super) async fn watch(engine: Engine) {
    let mut seen = Seen::default();
    let mut looks = interval(EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        let looking = engine.clone();
        let Ok(now) = tokio::task::spawn_blocking(move || looking.policy_print()).await else {
            continue;
        };
        let Some(now) = now else { return };
        if !seen.has_settled(now) {
            continue;
        }
        let reloading = engine.clone();
        match tokio::task::spawn_blocking(move || reloading.reload_changed_policies()).await {
            Ok(Ok(None)) => {}
            Ok(Ok(Some(done))) => tracing::info!(
                from = %done.from, to = %done.to, rejudged = done.rejudged,
                "policies have changed and are reloaded"
            ),
            Ok(Err(error)) => {
                tracing::error!(
                    "policies have changed and do not load, the old ones stay: {error}"
                );
            }
            Err(error) => tracing::error!(%error, "policies not reloaded, the old ones stay"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_counts_once_and_only_when_it_rests() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.cedar");
        let mut seen = Seen::default();
        let mut look = || seen.has_settled(Print::of(dir.path()));
        fs::write(&file, "1").unwrap();
        assert_eq!([look(), look(), look()], [false, true, false]);
        fs::write(&file, "22").unwrap();
        assert!(!look());
        fs::write(&file, "333").unwrap();
        assert_eq!([look(), look(), look()], [false, true, false]);
        // Of the same length, put in its place.
        fs::write(dir.path().join("new"), "444").unwrap();
        fs::rename(dir.path().join("new"), &file).unwrap();
        assert_eq!([look(), look(), look()], [false, true, false]);
        fs::remove_file(&file).unwrap();
        assert_eq!([look(), look(), look()], [false, true, false]);
    }
}
