//! One attempt, made by a free agent and then by a governed one, to its row in the table.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use weir_intercept::{CgroupId, Inbound, InboundFrom, Rules};

use crate::{
    attempt::{Tried, Try},
    bed::{Bed, Event},
    child,
    vector::{Attempt, Ends, Vector},
    verdict::{self, Verdict},
};

/// How long the engine may take to be told.
const TOLD_WITHIN: Duration = Duration::from_millis(600);

/// A row of the table.
pub(crate) struct Row {
    pub(crate) vector: &'static str,
    pub(crate) attempt: &'static str,
    /// What a free agent achieved.
    pub(crate) free: String,
    pub(crate) verdict: Verdict,
}

pub(crate) async fn judge(
    bed: &Bed<'_>,
    vector: &'static Vector,
    attempt: &'static Attempt,
    number: usize,
) -> Row {
    let free = try_in(bed, vector, attempt, &format!("free-{number}"), true).await;
    let cgroup = bed.site.cgroup(&format!("agent-{number}"));
    let id = bed.weir.tag(&cgroup, &rules(attempt)).expect("a tag");
    if attempt.delegated {
        child::delegate(&cgroup);
    }
    bed.forget();
    let action = Try {
        vector,
        attempt,
        cgroup: &cgroup,
        engine: bed.port,
        governed: Some((&bed.weir, id)),
        free: matches!(attempt.ends, Ends::Open(_) | Ends::Declared),
    };
    let (aim, tried) = action.run(bed.site).await;
    let mut events = told(bed, id, attempt, tried.destroyed).await;
    events.extend(std::iter::repeat_n(Event::Destroyed, tried.destroyed));
    cgroup.kill_all().expect("its processes go");
    bed.weir.untag(id).expect("it was tagged");
    cgroup.remove().expect("it is empty");
    Row {
        vector: vector.name,
        attempt: attempt.name,
        free: if free.reached.is_empty() {
            free.end.clone()
        } else {
            "reaches".to_owned()
        },
        verdict: verdict::on(attempt, bed.lacks(attempt), &free, &aim, &tried, &events),
    }
}

/// The same by an agent that nobody governs.
async fn try_in(
    bed: &Bed<'_>,
    vector: &Vector,
    attempt: &Attempt,
    name: &str,
    free: bool,
) -> Tried {
    let cgroup = bed.site.cgroup(name);
    if attempt.delegated {
        child::delegate(&cgroup);
    }
    bed.forget();
    let action = Try {
        vector,
        attempt,
        cgroup: &cgroup,
        engine: bed.port,
        governed: None,
        free,
    };
    let (_, tried) = action.run(bed.site).await;
    cgroup.kill_all().expect("its processes go");
    cgroup.remove().expect("it is empty");
    tried
}

fn rules(attempt: &Attempt) -> Rules {
    let inbound = attempt.inbound.map(|port| Inbound {
        port,
        from: InboundFrom::Anywhere,
    });
    Rules {
        inbound: inbound.into_iter().collect(),
        ..Rules::default()
    }
}

/// What the engine saw of this workload, once it is as much as there must be.
async fn told(bed: &Bed<'_>, id: CgroupId, attempt: &Attempt, known: usize) -> Vec<Event> {
    let until = Instant::now() + TOLD_WITHIN;
    loop {
        let events: Vec<Event> = bed
            .events()
            .into_iter()
            .filter(|event| concerns(event, id))
            .collect();
        let enough = attempt.ends != Ends::Governed || events.len() + known >= attempt.told;
        if enough || Instant::now() > until {
            return events;
        }
        sleep(Duration::from_millis(5)).await;
    }
}

/// A socket that left its workload is told under no workload at all.
fn concerns(event: &Event, id: CgroupId) -> bool {
    match event {
        Event::Handed(workload, _) => *workload == id,
        Event::Dropped | Event::Destroyed => true,
        Event::Refused(refusal) => [id.get(), 0].contains(&refusal.facts.workload.get()),
    }
}
