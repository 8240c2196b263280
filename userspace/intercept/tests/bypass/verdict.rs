//! Whether an attempt ended as it must.

use weir_intercept::doctor::Probe;

use crate::{
    aim::Aim,
    attempt::Tried,
    bed::Event,
    vector::{Attempt, Ends},
};

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

/// Judges what became of a governed attempt, by what became of the free one.
pub(crate) fn on(
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
        (Ends::ByKernel, None) if worked => failed("only weir refuses it, unheard".to_owned()),
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

#[cfg(test)]
mod tests {
    use weir_intercept::CgroupId;

    use super::*;

    const PLAIN: Attempt = Attempt::new("plain", |_| Ok(()));

    fn tried(end: &str, reached: &[&str]) -> Tried {
        Tried {
            end: end.to_owned(),
            reached: reached.iter().map(|one| (*one).to_owned()).collect(),
            destroyed: 0,
        }
    }

    fn aim() -> Aim {
        Aim::decode(
            "198.18.5.9:80 [fd57::9]:80 127.77.0.1:80 [::1]:80 198.18.4.1 fd57::1 dev token 1 / / /",
        )
    }

    fn handed(to: &str) -> Event {
        Event::Handed(CgroupId::new(1), to.parse().expect("an address"))
    }

    fn fails(attempt: &Attempt, free: &Tried, governed: &Tried, events: &[Event]) -> bool {
        matches!(
            on(attempt, None, free, &aim(), governed, events),
            Verdict::Failed(_)
        )
    }

    #[test]
    fn a_byte_at_the_witness_fails_whatever_else_was_told() {
        let free = tried("OK", &["a packet"]);
        let events = [handed("198.18.5.9:80")];
        assert!(!fails(&PLAIN, &free, &tried("OK", &[]), &events));
        assert!(fails(&PLAIN, &free, &tried("OK", &["a packet"]), &events));
    }

    #[test]
    fn silence_fails_also_where_the_call_failed() {
        let free = tried("OK", &["a packet"]);
        assert!(fails(&PLAIN, &free, &tried("OK", &[]), &[]));
        assert!(fails(&PLAIN, &free, &tried("EPERM", &[]), &[]));
        let twice = PLAIN.told(2);
        let events = [handed("198.18.5.9:80")];
        assert!(fails(&twice, &free, &tried("OK", &[]), &events));
    }

    #[test]
    fn another_destination_than_was_dialled_fails() {
        let free = tried("OK", &["a packet"]);
        let events = [handed("198.18.5.8:80")];
        assert!(fails(&PLAIN, &free, &tried("OK", &[]), &events));
    }

    #[test]
    fn a_trick_that_proves_nothing_fails() {
        let events = [handed("198.18.5.9:80")];
        let vainly = tried("EPERM", &[]);
        assert!(fails(&PLAIN, &vainly, &tried("EPERM", &[]), &events));
        let vain = PLAIN.vain("for a reason");
        assert!(!fails(&vain, &vainly, &tried("EPERM", &[]), &events));
        let works = tried("OK", &["a packet"]);
        assert!(fails(&vain, &works, &tried("EPERM", &[]), &events));
        let kernel = PLAIN.ends(Ends::ByKernel);
        assert!(!fails(&kernel, &vainly, &tried("EPERM", &[]), &[]));
        assert!(fails(&kernel, &works, &tried("EPERM", &[]), &[]));
    }

    #[test]
    fn what_is_said_to_be_open_must_be() {
        let free = tried("OK", &["a packet"]);
        let open = PLAIN.ends(Ends::Open("by a filter"));
        assert!(fails(&open, &free, &tried("EPERM", &[]), &[]));
        assert!(!fails(&open, &free, &tried("OK", &["a packet"]), &[]));
    }

    #[test]
    fn an_agent_that_hangs_fails() {
        let free = tried("OK", &["a packet"]);
        let events = [handed("198.18.5.9:80")];
        assert!(fails(&PLAIN, &free, &tried("HANGS", &[]), &events));
    }
}
