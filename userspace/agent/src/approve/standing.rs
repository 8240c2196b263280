//! Yeses that stand: for a session, or for a shape and some minutes.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use weir_policy::{Answer, Approver, Binding};

/// Longest that a yes for a shape may stand.
pub const MOST_MINUTES: u64 = 240;
/// Most yeses that stand at once.
const MOST: usize = 1000;

/// All that stand.
#[derive(Debug, Default)]
pub(super) struct Standing(HashMap<Binding, Vec<Yes>>);

#[derive(Debug)]
struct Yes {
    by: Approver,
    until: Until,
}

/// How long one stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Until {
    /// Until this session ends.
    Session(String),
    /// Until this moment.
    Moment(Instant),
}

impl Until {
    /// For so many minutes from now.
    pub(super) fn minutes(minutes: u64, now: Instant) -> Option<Self> {
        let allowed = (1..=MOST_MINUTES).contains(&minutes);
        allowed.then(|| Self::Moment(now + Duration::from_secs(60 * minutes)))
    }
}

impl Standing {
    /// Whether there is room for one more.
    pub(super) fn has_room(&mut self, now: Instant) -> bool {
        self.forget(|until| matches!(until, Until::Moment(moment) if *moment <= now));
        self.0.values().map(Vec::len).sum::<usize>() < MOST
    }

    /// From here on this yes stands.
    pub(super) fn add(&mut self, to: Binding, by: Approver, until: Until) {
        self.0.entry(to).or_default().push(Yes { by, until });
    }

    /// A session has ended, and what stood for it with it.
    pub(super) fn ended(&mut self, session: &str) {
        self.forget(|until| matches!(until, Until::Session(id) if id == session));
    }

    /// What stands for this now, as answers.
    pub(super) fn answers(&self, to: Binding, now: Instant) -> impl Iterator<Item = Answer> {
        let yeses = self.0.get(&to).into_iter().flatten();
        yeses
            .filter(move |yes| match &yes.until {
                Until::Session(_) => true,
                Until::Moment(moment) => *moment > now,
            })
            .map(move |yes| Answer::new(yes.by.clone(), to))
    }

    fn forget(&mut self, is_over: impl Fn(&Until) -> bool) {
        self.0.retain(|_, yeses| {
            yeses.retain(|yes| !is_over(&yes.until));
            !yeses.is_empty()
        });
    }
}
