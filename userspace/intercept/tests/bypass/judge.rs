//! The verdict on one attempt: made by a free agent, then by a governed one.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use weir_intercept::{CgroupId, Inbound, InboundFrom, Rules, doctor::Probe};

use crate::{
    aim::Aim,
    attempt::{Tried, Try},
    bed::{Bed, Event},
    child,
    vector::{Attempt, Ends, Vector},
};

/// How long the engine may take to be told.
const TOLD_WITHIN: Duration = Duration::from_millis(600);

/// How an attempt ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// As it must. How, in words.
    Closed(String),
    /// As this tier must admit. What closes it.
    Open(String),
    /// Not as it must. Why.
    Failed(String),
}

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
        governed: true,
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
        verdict: verdict(attempt, bed.lacks(attempt), &free, &aim, &tried, &events),
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
        governed: false,
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

fn verdict(
    attempt: &Attempt,
    lacks: Option<&Probe>,
    free: &Tried,
    aim: &Aim,
    tried: &Tried,
    events: &[Event],
) -> Verdict {
    let failed = |why: String| Verdict::Failed(why);
    if let Some(wrong) = events.iter().find_map(|event| match event {
        Event::Handed(_, to) if !aim.is_target(*to) => Some(to),
        _ => None,
    }) {
        return failed(format!("handed over as if it went to {wrong}"));
    }
    if tried.end == "HANGS" || tried.end == "DIED" {
        return failed(format!("the agent {}", tried.end.to_lowercase()));
    }
    if let (Some(probe), false) = (lacks, tried.reached.is_empty()) {
        return Verdict::Open(format!("the doctor: {}: {}", probe.name, probe.detail));
    }
    let worked = !free.reached.is_empty();
    if worked && attempt.vain.is_some() {
        return failed("said to be vain, but works without weir".to_owned());
    }
    if let (false, Some(what)) = (worked, attempt.wants) {
        return if tried.reached.is_empty() {
            Verdict::Closed(format!("this kernel has no {what}: {}", tried.end))
        } else {
            failed(format!("has {what} only behind weir"))
        };
    }
    if !worked && attempt.vain.is_none() && attempt.ends != Ends::ByKernel {
        return failed(format!(
            "proves nothing: without weir it ends with {} and reaches nobody",
            free.end
        ));
    }
    let reached = tried.reached.first();
    match (attempt.ends, reached) {
        (Ends::Open(what), Some(_)) => Verdict::Open(what.to_owned()),
        (Ends::Declared, Some(_)) => Verdict::Closed("admitted, as declared".to_owned()),
        (Ends::Governed | Ends::ByKernel | Ends::Lost(_), Some(seen)) => {
            failed(format!("REACHED: {seen}"))
        }
        (Ends::Open(_), None) if worked => {
            failed(format!("said to be open, but closed: {}", words(events)))
        }
        (Ends::Declared, None) => failed(format!("declared, but closed: {}", words(events))),
        (Ends::Lost(_), None) if tried.end == "OK" => failed("nothing stopped it".to_owned()),
        (Ends::Lost(why), None) => Verdict::Closed(format!("{}: {why}", tried.end)),
        (Ends::ByKernel, None) if tried.end == "OK" => failed("nothing refused it".to_owned()),
        (Ends::ByKernel, None) => Verdict::Closed(format!("the kernel itself: {}", tried.end)),
        (Ends::Open(_) | Ends::Governed, None) if events.len() >= attempt.told => {
            Verdict::Closed(words(events))
        }
        (Ends::Open(_) | Ends::Governed, None) => match attempt.vain {
            Some(why) if tried.end != "OK" => Verdict::Closed(format!("{why}: {}", tried.end)),
            _ => failed(format!(
                "silent: it ended with {} and the engine was told {} of {} times ({})",
                tried.end,
                events.len(),
                attempt.told,
                words(events),
            )),
        },
    }
}

/// Each kind of event once.
fn words(events: &[Event]) -> String {
    let mut all: Vec<String> = events
        .iter()
        .map(|event| match event {
            Event::Handed(..) => "handed over".to_owned(),
            Event::Destroyed => "destroyed by the scan for established connections".to_owned(),
            Event::Dropped => "dropped by the engine".to_owned(),
            Event::Refused(refusal) => format!("{}: {}", refusal.hook, refusal.reason),
        })
        .collect();
    all.sort_unstable();
    all.dedup();
    all.join("; ")
}
