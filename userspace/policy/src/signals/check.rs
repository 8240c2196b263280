//! `signals.toml` from what is written to what holds: every name known, every bound sound.

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use jiff::{civil::Weekday, tz::TimeZone};
use toml::Spanned;

use super::{
    MOST_SIGNALS, distinct, meter, raw,
    rules::{Budget, Hours, Kind, Learn, Novelty, Per, Rule, Schedule, Signal, SignalRules, What},
    span::Span,
};
use crate::{Diagnostic, Diagnostics, Severity, Source, vocabulary::Vocabulary};

/// Longest name of a signal, in bytes.
const MAX_NAME: usize = 64;
/// Most messages that a profile is learned from.
const MOST_MESSAGES: u64 = 1_000_000_000;

/// Reads the signals of one source. With them, where each is.
pub(crate) fn read(
    source: &Source,
    vocabulary: &Vocabulary,
) -> Result<(SignalRules, BTreeMap<String, Range<usize>>), Diagnostics> {
    let file: raw::File = toml::from_str(&source.text).map_err(|e| {
        let span = e.span().unwrap_or(0..0);
        Diagnostics(vec![Diagnostic::at(
            Severity::Error,
            source,
            span,
            e.message(),
            None,
        )])
    })?;
    let mut check = Check {
        source,
        vocabulary,
        found: Vec::new(),
        places: BTreeMap::new(),
    };
    let rules = check.file(file);
    if check.found.is_empty() {
        Ok((rules, check.places))
    } else {
        Err(Diagnostics(check.found))
    }
}

struct Check<'a> {
    source: &'a Source,
    vocabulary: &'a Vocabulary,
    found: Vec<Diagnostic>,
    places: BTreeMap<String, Range<usize>>,
}

impl Check<'_> {
    fn error(&mut self, span: Range<usize>, message: impl Into<String>, help: Option<&str>) {
        self.found.push(Diagnostic::at(
            Severity::Error,
            self.source,
            span,
            message,
            help.map(str::to_owned),
        ));
    }

    fn file(&mut self, file: raw::File) -> SignalRules {
        let mut all = Vec::new();
        for budget in file.budget {
            let rule = self.budget(&budget);
            all.extend(self.signal(
                &budget.name,
                rule.map(|budget| Rule::Budget(Arc::new(budget))),
            ));
        }
        for refusals in file.refusals {
            let rule = self.refusals(&refusals);
            all.extend(self.signal(
                &refusals.name,
                rule.map(|budget| Rule::Budget(Arc::new(budget))),
            ));
        }
        for schedule in file.schedule {
            let rule = self.schedule(&schedule);
            all.extend(self.signal(
                &schedule.name,
                rule.map(|schedule| Rule::Schedule(Arc::new(schedule))),
            ));
        }
        for novelty in file.novelty {
            let rule = self.novelty(&novelty);
            all.extend(self.signal(&novelty.name, rule.map(Rule::Novelty)));
        }
        SignalRules { all }
    }

    fn signal(&mut self, name: &Spanned<String>, rule: Option<Rule>) -> Option<Signal> {
        let (span, text) = (name.span(), name.get_ref());
        let starts = text.starts_with(|c: char| c.is_ascii_lowercase());
        let holds = text
            .bytes()
            .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'));
        if !starts || !holds || text.len() > MAX_NAME {
            self.error(
                span,
                format!("`{}` can't name a signal", text.escape_debug()),
                Some("lower-case letters, digits, `_` and `-`, a letter first, at most 64"),
            );
            return None;
        }
        if self.places.contains_key(text) {
            self.error(span, format!("a signal `{text}` is already there"), None);
            return None;
        }
        if self.places.len() >= MOST_SIGNALS {
            self.error(span, format!("more than {MOST_SIGNALS} signals"), None);
            return None;
        }
        self.places.insert(text.clone(), span);
        Some(Signal {
            name: text.as_str().into(),
            rule: rule?,
        })
    }

    fn budget(&mut self, raw: &raw::Budget) -> Option<Budget> {
        let what = *raw.what.get_ref();
        let cut = raw.cut.as_ref().is_some_and(|cut| *cut.get_ref());
        if let Some(written) = &raw.cut
            && cut
            && !matches!(what, What::Rows | What::Bytes)
        {
            self.error(
                written.span(),
                "only a budget of rows or bytes can cut a result",
                None,
            );
        }
        let actions = match &raw.actions {
            Some(actions) => Some(self.actions(actions)?),
            None => None,
        };
        Some(Budget {
            what,
            per: per(raw.per.as_ref(), Per::SubjectTarget),
            actions,
            limit: self.limit(&raw.limit, what)?,
            window: self.window(&raw.window)?,
            cut,
        })
    }

    fn refusals(&mut self, raw: &raw::Refusals) -> Option<Budget> {
        Some(Budget {
            what: What::Refusals,
            per: per(raw.per.as_ref(), Per::SubjectTarget),
            actions: None,
            limit: self.limit(&raw.limit, What::Refusals)?,
            window: self.window(&raw.window)?,
            cut: false,
        })
    }

    fn limit(&mut self, limit: &Spanned<u64>, what: What) -> Option<u64> {
        let largest = match what {
            What::Tables => distinct::LARGEST_LIMIT,
            _ => meter::LARGEST_LIMIT,
        };
        if (1..=largest).contains(limit.get_ref()) {
            return Some(*limit.get_ref());
        }
        let message = format!("a limit of {} is 1 to {largest}", what.as_str());
        let help = "to forbid something altogether, write a policy without a signal";
        self.error(limit.span(), message, Some(help));
        None
    }

    fn window(&mut self, written: &Spanned<String>) -> Option<Span> {
        let span = self.span(written)?;
        if (Span::SECOND..=Span::WEEK).contains(&span) {
            return Some(span);
        }
        self.error(written.span(), "a window is 1s to 7d long", None);
        None
    }

    fn span(&mut self, written: &Spanned<String>) -> Option<Span> {
        let span = Span::parse(written.get_ref());
        if span.is_none() {
            let text = written.get_ref().escape_debug();
            self.error(
                written.span(),
                format!("`{text}` is not a length of time"),
                Some("write a number and its unit, as \"30s\", \"10m\", \"2h\" or \"14d\""),
            );
        }
        span
    }

    /// The actions, each group as what is in it.
    fn actions(&mut self, written: &Spanned<Vec<Spanned<String>>>) -> Option<Box<[Box<str>]>> {
        if written.get_ref().is_empty() {
            self.error(written.span(), "an empty list counts nothing", None);
            return None;
        }
        let mut all: Vec<Box<str>> = Vec::new();
        for action in written.get_ref() {
            match self.vocabulary.actions_in(action.get_ref()) {
                Some(actions) => all.extend(actions.into_iter().map(Into::into)),
                None => {
                    let help = format!("actions are {}", self.vocabulary.action_names());
                    let name = action.get_ref().escape_debug();
                    let message = format!("there is no action `{name}`");
                    self.error(action.span(), message, Some(&help));
                }
            }
        }
        all.sort_unstable();
        all.dedup();
        Some(all.into())
    }

    fn schedule(&mut self, raw: &raw::Schedule) -> Option<Schedule> {
        let workloads = raw.workloads.as_ref();
        if let Some(empty) = workloads.filter(|names| names.get_ref().is_empty()) {
            self.error(
                empty.span(),
                "an empty list is about no workload",
                Some("leave `workloads` out to mean all"),
            );
        }
        let workloads = workloads.into_iter().flat_map(Spanned::get_ref);
        let zone = self.zone(&raw.zone);
        let days = self.list(&raw.days, "day", days);
        let hours = self.list(&raw.hours, "time of the day", hours);
        Some(Schedule {
            workloads: workloads.map(|name| name.get_ref().clone()).collect(),
            zone: zone?,
            zone_name: raw.zone.get_ref().clone(),
            days: days?.into_iter().flatten().collect(),
            hours: hours?,
        })
    }

    fn zone(&mut self, written: &Spanned<String>) -> Option<TimeZone> {
        let name = written.get_ref();
        if name.eq_ignore_ascii_case("UTC") {
            return Some(TimeZone::UTC);
        }
        let zone = TimeZone::get(name).ok();
        if zone.is_none() {
            self.error(
                written.span(),
                format!("there is no time zone `{}`", name.escape_debug()),
                Some("a name of the system's database, as \"Europe/Berlin\" (Debian's package tzdata), or \"UTC\""),
            );
        }
        zone
    }

    fn list<T>(
        &mut self,
        written: &Spanned<Vec<Spanned<String>>>,
        what: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Option<Vec<T>> {
        let mut all = Vec::new();
        for one in written.get_ref() {
            match read(one.get_ref()) {
                Some(value) => all.push(value),
                None => {
                    let text = one.get_ref().escape_debug();
                    self.error(
                        one.span(),
                        format!("`{text}` is no {what}"),
                        Some(
                            "days are \"mon\" to \"sun\" or \"mon-fri\", hours are \"09:00-17:30\"",
                        ),
                    );
                    return None;
                }
            }
        }
        if all.is_empty() {
            let message = "an empty list makes it raised always";
            self.error(written.span(), message, None);
            return None;
        }
        Some(all)
    }

    fn novelty(&mut self, raw: &raw::Novelty) -> Option<Novelty> {
        let what = *raw.what.get_ref();
        let usual = match what {
            Kind::Target => Per::Subject,
            _ => Per::SubjectTarget,
        };
        let per = per(raw.per.as_ref(), usual);
        if let Some(written) = &raw.per
            && what == Kind::Target
            && per == Per::SubjectTarget
        {
            let message = "one target is never new to itself";
            let help = "say per = \"subject\" or per = \"workload\"";
            self.error(written.span(), message, Some(help));
        }
        let learn = match (&raw.learn, &raw.learn_messages) {
            (Some(span), None) => {
                let learn = self.span(span)?;
                if !(Span::SECOND..=Span::YEAR).contains(&learn) {
                    self.error(span.span(), "a profile is learned 1s to 366d", None);
                }
                Learn::For(learn)
            }
            (None, Some(count)) => {
                if !(1..=MOST_MESSAGES).contains(count.get_ref()) {
                    let message =
                        format!("a profile is learned from 1 to {MOST_MESSAGES} messages");
                    self.error(count.span(), message, None);
                }
                Learn::Messages(*count.get_ref())
            }
            (Some(_), Some(count)) => {
                self.error(count.span(), "`learn` already says how long", None);
                return None;
            }
            (None, None) => {
                self.error(
                    raw.what.span(),
                    "it does not say how long a profile is learned",
                    Some("say learn = \"14d\", or learn_messages = 10000"),
                );
                return None;
            }
        };
        Some(Novelty { what, per, learn })
    }
}

fn per(written: Option<&Spanned<Per>>, usual: Per) -> Per {
    written.map_or(usual, |per| *per.get_ref())
}

const DAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

/// `mon`, or `mon-fri`; `sat-mon` goes over the week's end.
fn days(text: &str) -> Option<Vec<Weekday>> {
    let day = |text: &str| {
        DAYS.iter()
            .find(|(name, _)| *name == text)
            .map(|(_, day)| *day)
    };
    let Some((first, last)) = text.split_once('-') else {
        return Some(vec![day(text)?]);
    };
    let (mut at, last) = (day(first)?, day(last)?);
    let mut all = vec![at];
    while at != last {
        at = at.next();
        all.push(at);
    }
    Some(all)
}

/// `09:00-17:30`; `22:00-06:00` goes over midnight, `00:00-24:00` is all day.
fn hours(text: &str) -> Option<Hours> {
    let minute = |text: &str| {
        let (hour, minute) = text.split_once(':')?;
        let two = |text: &str| (text.len() == 2).then(|| text.parse::<u16>().ok())?;
        let (hour, minute) = (two(hour)?, two(minute)?);
        (minute < 60 && hour * 60 + minute <= 24 * 60).then_some(hour * 60 + minute)
    };
    let (from, to) = text.split_once('-')?;
    let (from, to) = (minute(from)?, minute(to)?);
    (from != to && from < 24 * 60).then_some(Hours { from, to })
}
