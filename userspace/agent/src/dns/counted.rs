//! A workload's questions, counted: their signals looked at as each is judged.

use std::{
    collections::{BTreeSet, HashMap},
    fmt, iter,
    sync::{Arc, Mutex, PoisonError},
};

use weir_policy::{Footprint, Policies, PolicyVersion, RaisedSignal, Verdict, Watch, Who};

use crate::signals::Signals;

/// Most subjects of a workload whose view of the signals is kept between their questions. What they
/// have done is kept by the signals themselves.
const MOST: usize = 64;

/// What questions count for.
pub(super) struct Counted {
    signals: Arc<Signals>,
    watches: Mutex<HashMap<String, (PolicyVersion, Watch)>>,
}

impl fmt::Debug for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Counted").finish_non_exhaustive()
    }
}

impl Counted {
    pub(super) fn new(signals: Arc<Signals>) -> Self {
        Self {
            signals,
            watches: Mutex::default(),
        }
    }

    /// Has a question judged by the signals that are raised, and counts it. One question of a
    /// workload after the other, so that no two count as the same one.
    pub(super) fn judge(
        &self,
        policies: &Policies,
        who: Who<'_>,
        judge: impl FnOnce(&BTreeSet<String>) -> Verdict,
    ) -> (Verdict, Vec<RaisedSignal>) {
        let mut watches = self.watches.lock().unwrap_or_else(PoisonError::into_inner);
        if watches.len() >= MOST && !watches.contains_key(who.subject) {
            watches.clear();
        }
        let fresh = || {
            (
                policies.version().clone(),
                self.signals.watch(policies, who),
            )
        };
        let kept = watches.entry(who.subject.to_owned()).or_insert_with(fresh);
        if kept.0 != *policies.version() {
            *kept = fresh();
        }
        let watch = &mut kept.1;
        if !watch.is_active() {
            return (judge(&BTreeSet::new()), Vec::new());
        }
        watch.at(self.signals.now());
        let print = Footprint::of_lookup();
        let prints = iter::once(&print);
        let raised = watch.look(&prints);
        let news = watch.news(raised);
        if !news.is_empty() {
            self.signals.tell(&watch.figures(news), who);
        }
        let verdict = judge(&watch.names(raised).map(str::to_owned).collect());
        match &verdict {
            Verdict::Allow(_) => watch.allowed(&prints),
            Verdict::Deny(_) => watch.refused(&prints),
            // That nobody can say yes is no refusal.
            Verdict::Ask(_) => {}
        }
        watch.settle();
        (verdict, watch.figures(raised))
    }
}
