//! Portals, and what the names in a message stand for.

use std::{
    iter,
    sync::{Arc, OnceLock, atomic::AtomicU64},
    time::Instant,
};

use weir_command::{Control, Verb};
use weir_policy::{Footprint, Raised, RowCounts};
use weir_record::RecordedPermit;
use weir_wire::postgres::Formats;

use super::{held::Lease, hidden::Runs, names::Segment, prepared::Prepared};
use crate::mask::{exposure::Exposure, lineage::Lineage, plan::Plan};

/// What the names in a text stand for.
#[derive(Debug, Default)]
pub(super) struct Behind {
    /// The statements that it executes by name.
    pub statements: Vec<Arc<Prepared>>,
    /// What the cursors that it fetches from may show.
    pub exposure: Exposure,
    /// Whether another statement may have been prepared in its place.
    pub another: bool,
    /// Whether there is anything behind it, so that the answer can't be remembered.
    pub any: bool,
}

impl Behind {
    /// Whether carrying out `prepared`, with this behind it, runs code that no text shows, and such as
    /// may change the database's shape.
    #[must_use]
    pub(super) fn runs_code(&self, prepared: &Prepared, lineage: &Arc<Lineage>) -> (bool, bool) {
        let all = self.with(prepared).map(|prepared| prepared.traits(lineage));
        all.fold((false, false), |(runs, reshapes), traits| {
            (runs | traits.runs_code, reshapes | traits.reshapes)
        })
    }

    /// All that is carried out: `prepared`, and this behind it.
    pub(super) fn with<'a>(&'a self, prepared: &'a Prepared) -> impl Iterator<Item = &'a Prepared> {
        iter::once(prepared).chain(self.statements.iter().map(AsRef::as_ref))
    }

    /// What signals count of it.
    pub(super) fn footprints(&self) -> impl Iterator<Item = &Footprint> + Clone {
        self.statements.iter().map(|prepared| prepared.footprint())
    }
}

/// A portal: a statement with its parameters, permitted and on record.
#[derive(Debug)]
pub(super) struct Portal {
    /// The proof that it may be executed.
    pub permit: Arc<RecordedPermit>,
    /// What it may show.
    pub exposure: Arc<Exposure>,
    /// The formats that its results come in; `None` for a cursor made by `DECLARE`, whose
    /// description says.
    pub formats: Option<Formats>,
    /// How its columns are treated, once the target has described it.
    pub plan: OnceLock<Arc<Plan>>,
    /// The statement that it runs.
    pub prepared: Arc<Prepared>,
    /// When it was bound, as [`Governed::turn`](super::governed::Governed) counts.
    pub bound: u64,
    /// And by the clock.
    pub at: Instant,
    /// Whether its execution has begun.
    pub begun: OnceLock<()>,
    /// The signals that it was judged under.
    pub judged: Raised,
    /// How many rows it was judged to concern.
    pub rows: RowCounts,
    /// What was known of the database when it was opened.
    pub lineage: Arc<Lineage>,
    /// Between which Syncs it was bound.
    pub segment: Segment,
    /// What code it runs that no text shows.
    pub runs: Runs,
    /// The last turn in which its name was sure to stand for it.
    pub sure: AtomicU64,
    /// What it counts as among what the session holds.
    pub lease: Lease,
    /// By whom, as [`Judge::changes`](crate::session::judge::Judge::changes) counts.
    pub by: u64,
}

impl Portal {
    /// Whether what it will run is found by name only when it runs, so that it may be something
    /// else than what was judged and described when it was bound.
    #[must_use]
    pub(super) fn runs_by_name(&self) -> bool {
        self.formats.is_some() && self.prepared.looks_up_names()
    }

    /// Notes how its columns are treated. A portal's description never changes: the first stands.
    pub(super) fn is_described(&self, plan: Arc<Plan>) {
        let columns = plan.width();
        if self.plan.set(plan).is_ok() {
            self.lease.describes(columns);
        }
    }

    /// Whether executing it does more than to show rows or to change some: something that names or
    /// copies hang on.
    #[must_use]
    pub(super) fn does_more(&self) -> bool {
        let mut controls = self.prepared.controls();
        controls.any(|control| *control != Control::None)
            || self.prepared.copies_out()
            || self.prepared.may(Verb::CopyIn)
    }
}
