//! From what is written to what is raised.

use weir_command::{
    Access, ColumnUse, Command, Control, Object, Opaque, OpaqueReason, Predicate, Statement, Verb,
};

use super::*;
use crate::{Policies, Source};

const START: u64 = 1_795_773_600_000; // Friday, 2026-11-27 10:00 UTC

fn bundle(signals: &str) -> Result<Policies, String> {
    let mut sources = vec![Source {
        name: "a.cedar".into(),
        text: "@id(\"a\") permit (principal, action, resource) when { context.signals.isEmpty() };"
            .into(),
    }];
    sources.push(Source {
        name: "signals.toml".into(),
        text: signals.into(),
    });
    Policies::load(&sources).map_err(|found| found.to_string())
}

fn statement(verb: Verb, table: Option<&str>) -> Footprint {
    Footprint::of([&command(verb, table)])
}

fn command(verb: Verb, table: Option<&str>) -> Statement {
    let objects = table.map(|name| Object {
        database: None,
        schema: None,
        name: name.into(),
        access: Access::Read,
    });
    Statement::Command(Box::new(Command {
        verb,
        objects: objects.into_iter().collect(),
        columns: ColumnUse::default(),
        predicate: Predicate::NotApplicable,
        effects: Default::default(),
        functions: Default::default(),
        control: Control::None,
    }))
}

struct Bench {
    policies: Policies,
    ledger: Ledger,
}

impl Bench {
    fn new(signals: &str) -> Self {
        Self {
            policies: bundle(signals).unwrap(),
            ledger: Ledger::default(),
        }
    }

    fn session(&self, subject: &str) -> Watch {
        self.to(subject, "orders")
    }

    fn to(&self, subject: &str, target: &str) -> Watch {
        let who = Who {
            subject,
            workload: "ci",
            target: Some(target),
        };
        self.ledger.watch(self.policies.signals(), who, at(0))
    }
}

fn at(seconds: u64) -> UnixMillis {
    UnixMillis::from_millis(START + seconds * 1000)
}

fn look(watch: &mut Watch, seconds: u64, print: &Footprint) -> Vec<String> {
    watch.at(at(seconds));
    let raised = watch.look(&[print].into_iter());
    watch.names(raised).map(str::to_owned).collect()
}

/// Allowed where nothing is raised, as a policy would have it.
fn try_it(watch: &mut Watch, seconds: u64, print: &Footprint) -> bool {
    let fine = look(watch, seconds, print).is_empty();
    if fine {
        watch.allowed(&[print].into_iter());
    } else {
        watch.refused(&[print].into_iter());
    }
    fine
}

#[test]
fn what_is_wrong_is_told_where_it_is() {
    for (text, told) in [
        (
            "[[budget]]\nname = \"a\"\nwhat = \"rows\"\nlimit = 1\nwindow = \"10m\"\nper_subject = true",
            "per_subject",
        ),
        (
            "[[budget]]\nname = \"A\"\nwhat = \"rows\"\nlimit = 1\nwindow = \"10m\"",
            "`A` can't name a signal",
        ),
        (
            "[[budget]]\nname = \"a\"\nwhat = \"cows\"\nlimit = 1\nwindow = \"10m\"",
            "cows",
        ),
        (
            "[[budget]]\nname = \"a\"\nwhat = \"rows\"\nlimit = 0\nwindow = \"10m\"",
            "a limit of rows is 1 to",
        ),
        (
            "[[budget]]\nname = \"a\"\nwhat = \"tables\"\nlimit = 10001\nwindow = \"10m\"",
            "a limit of tables is 1 to 10000",
        ),
        (
            "[[budget]]\nname = \"a\"\nwhat = \"rows\"\nlimit = 1\nwindow = \"10\"",
            "`10` is not a length of time",
        ),
        (
            "[[budget]]\nname = \"a\"\nwhat = \"rows\"\nlimit = 1\nwindow = \"8d\"",
            "a window is 1s to 7d long",
        ),
        (
            "[[budget]]\nname = \"a\"\nwhat = \"rows\"\nlimit = 1\nwindow = \"1m\"\nactions = [\"reed\"]",
            "there is no action `reed`",
        ),
        (
            "[[budget]]\nname = \"a\"\nwhat = \"rows\"\nlimit = 1\nwindow = \"1m\"\nactions = []",
            "an empty list counts nothing",
        ),
        (
            "[[budget]]\nname = \"a\"\nwhat = \"statements\"\nlimit = 1\nwindow = \"1m\"\ncut = true",
            "only a budget of rows or bytes can cut",
        ),
        (
            "[[schedule]]\nname = \"a\"\nzone = \"Mars/Olympus\"\ndays = [\"mon\"]\nhours = [\"09:00-17:00\"]",
            "there is no time zone `Mars/Olympus`",
        ),
        (
            "[[schedule]]\nname = \"a\"\nzone = \"UTC\"\ndays = [\"monday\"]\nhours = [\"09:00-17:00\"]",
            "`monday` is no day",
        ),
        (
            "[[schedule]]\nname = \"a\"\nzone = \"UTC\"\ndays = [\"mon\"]\nhours = [\"9-17\"]",
            "`9-17` is no time of the day",
        ),
        (
            "[[schedule]]\nname = \"a\"\nzone = \"UTC\"\ndays = [\"mon\"]\nhours = [\"24:00-25:00\"]",
            "is no time of the day",
        ),
        (
            "[[schedule]]\nname = \"a\"\nzone = \"UTC\"\ndays = []\nhours = [\"09:00-17:00\"]",
            "an empty list makes it raised always",
        ),
        (
            "[[novelty]]\nname = \"a\"\nwhat = \"table\"",
            "does not say how long",
        ),
        (
            "[[novelty]]\nname = \"a\"\nwhat = \"target\"\nper = \"subject+target\"\nlearn = \"1d\"",
            "never new to itself",
        ),
        (
            "[[refusals]]\nname = \"a\"\nlimit = 1\nwindow = \"1m\"\n[[refusals]]\nname = \"a\"\nlimit = 1\nwindow = \"1m\"",
            "already there",
        ),
    ] {
        let error = bundle(text).unwrap_err();
        assert!(error.contains(told), "{text}\n{error}");
        assert!(
            error.contains("signals.toml:") && error.contains('^'),
            "{error}"
        );
    }
    let many: String = (0..=MOST_SIGNALS)
        .map(|n| format!("[[refusals]]\nname = \"n{n}\"\nlimit = 1\nwindow = \"1m\"\n"))
        .collect();
    assert!(bundle(&many).unwrap_err().contains("more than 64 signals"));
}

#[test]
fn a_name_that_is_not_declared_is_an_error_and_one_that_is_not_used_a_warning() {
    let load = |policy: &str| {
        Policies::load(&[
            Source {
                name: "a.cedar".into(),
                text: format!(
                    "@id(\"a\") permit (principal, action in Weir::Action::\"command\", resource) when {{ {policy} }};"
                ),
            },
            Source {
                name: "signals.toml".into(),
                text: "[[refusals]]\nname = \"used\"\nlimit = 1\nwindow = \"1m\"".into(),
            },
        ])
    };
    for wrong in [
        "context.signals.contains(\"typo\")",
        "!context.signals.containsAny([\"used\", \"typo\"])",
        "context.signals.containsAll([\"typo\"])",
        "[\"typo\"].containsAll(context.signals)",
        "context.signals == [\"typo\"]",
    ] {
        let error = load(wrong).unwrap_err().to_string();
        assert!(
            error.contains("no signal is called `typo`"),
            "{wrong}: {error}"
        );
        assert!(
            error.contains("declares: used") && error.contains("a.cedar:1"),
            "{error}"
        );
    }
    let fine = load("context.signals.contains(\"used\")").unwrap();
    assert_eq!(fine.warnings(), []);
    assert_eq!(load("context.signals.isEmpty()").unwrap().warnings(), []);
    let unused = load("context.in_transaction").unwrap();
    assert!(
        unused.warnings()[0]
            .to_string()
            .contains("no policy looks at the signal `used`")
    );
    assert_ne!(fine.version(), unused.version());
}

#[test]
fn the_version_names_the_signals_too() {
    let with = |limit| format!("[[refusals]]\nname = \"a\"\nlimit = {limit}\nwindow = \"1m\"");
    let (one, two) = (bundle(&with(1)).unwrap(), bundle(&with(2)).unwrap());
    assert_ne!(one.version(), two.version());
}

#[test]
fn statements_are_counted_for_all_sessions_of_a_subject_on_a_target() {
    let bench =
        Bench::new("[[budget]]\nname = \"s\"\nwhat = \"statements\"\nlimit = 3\nwindow = \"1m\"");
    let select = statement(Verb::Select, Some("t"));
    let (mut one, mut two) = (bench.session("bot"), bench.session("bot"));
    assert!(try_it(&mut one, 0, &select));
    assert!(try_it(&mut two, 1, &select));
    // Two more in one message are one too many, and one is not.
    let both = Footprint::of([&command(Verb::Select, None), &command(Verb::Select, None)]);
    assert_eq!(look(&mut one, 2, &both), ["s"]);
    assert!(try_it(&mut one, 2, &select));
    assert!(!try_it(&mut two, 3, &select));
    assert!(try_it(&mut bench.session("other"), 3, &select));
    assert!(try_it(&mut bench.to("bot", "crm"), 3, &select));
    // What is refused isn't counted, so time brings them back.
    assert!(try_it(&mut two, 70, &select));
}

#[test]
fn a_budget_of_some_actions_counts_them_and_what_may_be_them() {
    let bench = Bench::new(
        "[[budget]]\nname = \"w\"\nwhat = \"statements\"\nactions = [\"write\"]\nlimit = 1\nwindow = \"1m\"",
    );
    let mut session = bench.session("bot");
    for harmless in [Verb::Select, Verb::Transaction, Verb::Show] {
        for _ in 0..5 {
            assert!(try_it(&mut session, 0, &statement(harmless, None)));
        }
    }
    let opaque = Footprint::of([&Statement::Opaque(Opaque {
        reason: OpaqueReason::Syntax,
        detail: "no".into(),
    })]);
    let hidden = [
        Verb::Execute,
        Verb::Fetch,
        Verb::Call,
        Verb::Do,
        Verb::FunctionCall,
    ];
    for (number, print) in hidden
        .map(|verb| statement(verb, None))
        .into_iter()
        .chain([opaque, statement(Verb::Delete, None)])
        .enumerate()
    {
        let mut session = bench.session(&format!("bot{number}"));
        assert!(try_it(&mut session, 0, &print));
        assert!(!try_it(&mut session, 0, &print), "{print:?}");
    }
    // A write's rows count, a read's don't, and what is of no statement doesn't either.
    let bench = Bench::new(
        "[[budget]]\nname = \"w\"\nwhat = \"rows\"\nactions = [\"write\"]\nlimit = 10\nwindow = \"1m\"",
    );
    let mut session = bench.session("bot");
    let _ = session.count(
        Amount::Rows(50),
        Some(&statement(Verb::Select, None)),
        Raised::default(),
    );
    let _ = session.count(Amount::Rows(50), None, Raised::default());
    let update = statement(Verb::Update, None);
    assert_eq!(look(&mut session, 0, &update), [""; 0]);
    let _ = session.count(Amount::Rows(10), Some(&update), Raised::default());
    assert_eq!(look(&mut session, 0, &update), ["w"]);
}

#[test]
fn rows_cut_where_they_exceed_unless_they_were_allowed_so() {
    let bench = Bench::new(
        "[[budget]]\nname = \"r\"\nwhat = \"rows\"\ncut = true\nlimit = 3\nwindow = \"1m\"",
    );
    let (mut one, mut two) = (bench.session("bot"), bench.session("bot"));
    let select = statement(Verb::Select, None);
    one.at(at(0));
    two.at(at(0));
    let judged = one.look(&[&select].into_iter());
    assert!(judged.is_empty());
    for session in [&one, &two, &one] {
        assert!(
            session
                .count(Amount::Rows(1), Some(&select), judged)
                .is_empty()
        );
    }
    let cut = two.count(Amount::Rows(1), Some(&select), judged);
    assert_eq!(
        two.figures(cut)[0].figures,
        "rows: 4 in 1m of at most 3, for bot on orders"
    );
    let judged = one.look(&[&select].into_iter());
    assert!(!judged.is_empty());
    assert!(
        one.count(Amount::Rows(1000), Some(&select), judged)
            .is_empty()
    );
}

#[test]
fn tables_are_told_apart_and_new_ones_are_judged_before_they_are_read() {
    let bench =
        Bench::new("[[budget]]\nname = \"t\"\nwhat = \"tables\"\nlimit = 2\nwindow = \"1m\"");
    let (mut one, mut two) = (bench.session("bot"), bench.session("bot"));
    let read = |table: &str| statement(Verb::Select, Some(table));
    for _ in 0..3 {
        assert!(try_it(&mut one, 0, &read("a")));
        assert!(try_it(&mut two, 0, &read("b")));
    }
    assert!(!try_it(&mut one, 1, &read("c")));
    assert!(
        try_it(&mut one, 1, &read("b")),
        "one that is known is no more"
    );
    assert!(!try_it(&mut two, 50, &read("c")));
    assert!(try_it(&mut two, 62, &read("c")), "b and c");
}

#[test]
fn refusals_are_counted_and_knocking_does_not_prolong_them() {
    let bench = Bench::new("[[refusals]]\nname = \"r\"\nlimit = 3\nwindow = \"1m\"");
    let mut session = bench.session("bot");
    let drop = statement(Verb::Drop, None);
    for second in 0..3 {
        assert_eq!(look(&mut session, second, &drop), [""; 0]);
        session.refused(&[&drop].into_iter());
    }
    for second in 3..59 {
        assert_eq!(look(&mut session, second, &drop), ["r"], "{second}");
        session.refused(&[&drop].into_iter());
    }
    assert_eq!(look(&mut session, 63, &drop), [""; 0]);
}

#[test]
fn sessions_are_counted_as_they_open() {
    let bench =
        Bench::new("[[budget]]\nname = \"s\"\nwhat = \"sessions\"\nlimit = 2\nwindow = \"1m\"");
    let connect = statement(Verb::Connect, None);
    for open in [true, true, false] {
        let mut session = bench.session("bot");
        assert_eq!(try_it(&mut session, 0, &connect), open);
        // In a session that stands, nothing is asked.
        assert_eq!(
            look(&mut session, 0, &statement(Verb::Select, None)),
            [""; 0]
        );
    }
}

#[test]
fn questions_to_the_dns_count_only_where_they_are_asked_for() {
    let bench = Bench::new(
        "[[budget]]\nname = \"all\"\nwhat = \"statements\"\nlimit = 1\nwindow = \"1m\"\n[[budget]]\nname = \"dns\"\nper = \"subject\"\nwhat = \"statements\"\nactions = [\"resolve\"]\nlimit = 2\nwindow = \"1m\"",
    );
    let mut session = bench.session("bot");
    let lookup = Footprint::of_lookup();
    assert!(try_it(&mut session, 0, &lookup));
    assert!(try_it(&mut session, 0, &lookup));
    assert_eq!(look(&mut session, 0, &lookup), ["dns"]);
}

#[test]
fn a_schedule_holds_in_its_own_zone_and_over_midnight() {
    let bench = Bench::new(
        "[[schedule]]\nname = \"day\"\nzone = \"Europe/Berlin\"\ndays = [\"mon-fri\"]\nhours = [\"09:00-12:00\", \"13:00-17:30\"]\n[[schedule]]\nname = \"night\"\nworkloads = [\"ci\"]\nzone = \"UTC\"\ndays = [\"fri\"]\nhours = [\"22:00-06:00\"]\n[[schedule]]\nname = \"theirs\"\nworkloads = [\"web\"]\nzone = \"UTC\"\ndays = [\"sun\"]\nhours = [\"00:00-00:01\"]",
    );
    let mut session = bench.session("bot");
    let print = Footprint::default();
    let hour = 3600;
    // Berlin is an hour ahead in November: 10:00 UTC is 11:00.
    for (seconds, raised) in [
        (0, vec!["night"]),
        (hour, vec!["day", "night"]),
        (2 * hour, vec!["night"]),
        (6 * hour + 1800 - 1, vec!["night"]),
        (6 * hour + 1800, vec!["day", "night"]),
        (12 * hour, vec!["day"]),
        (20 * hour - 1, vec!["day"]),
        (20 * hour, vec!["day", "night"]),
        (24 * hour, vec!["day", "night"]),
    ] {
        assert_eq!(look(&mut session, seconds, &print), raised, "{seconds}");
    }
    let raised = session.look(&[&print].into_iter());
    assert_eq!(
        session.figures(raised)[0].figures,
        "Saturday 11:00 Europe/Berlin is outside of the hours"
    );
}

#[test]
fn what_is_new_stays_new_until_it_is_learned_anew() {
    let bench = Bench::new(
        "[[novelty]]\nname = \"n\"\nwhat = \"table\"\nlearn = \"1d\"\n[[novelty]]\nname = \"v\"\nwhat = \"verb\"\nlearn_messages = 2\n[[novelty]]\nname = \"t\"\nwhat = \"target\"\nlearn = \"1d\"",
    );
    let mut session = bench.session("bot");
    let read = |table: &str| statement(Verb::Select, Some(table));
    let day = 24 * 3600;
    assert!(try_it(&mut session, 0, &read("a")));
    assert!(try_it(&mut session, 1, &read("b")));
    assert_eq!(
        look(&mut session, 2, &statement(Verb::Delete, Some("a"))),
        ["v"]
    );
    assert!(try_it(&mut session, day + 1, &read("a")));
    for _ in 0..3 {
        assert_eq!(look(&mut session, day + 1, &read("c")), ["n"]);
        // Allowed nevertheless: that teaches nothing.
        session.allowed(&[&read("c")].into_iter());
    }
    let raised = session.look(&[&read("c")].into_iter());
    assert_eq!(
        session.figures(raised)[0].figures,
        "table c: first seen, for bot on orders"
    );
    // Another target is new to the subject; its own profile there is being learned.
    let who = Who {
        subject: "bot",
        workload: "ci",
        target: Some("crm"),
    };
    let signals = bench.policies.signals();
    let mut elsewhere = bench.ledger.watch(signals, who, at(day + 2));
    assert_eq!(look(&mut elsewhere, day + 2, &read("c")), ["t"]);
    assert_eq!(
        bench
            .ledger
            .reset_profiles(Some("n"), Some("bot on orders"), at(day + 3)),
        1
    );
    assert_eq!(look(&mut session, day + 4, &read("c")), [""; 0]);
    let profiles = bench.ledger.profiles(at(day + 5));
    assert!(
        profiles
            .iter()
            .any(|p| p.signal == "n" && p.of == "bot on orders" && p.learning)
    );
}

#[test]
fn news_is_told_once_until_it_is_no_more() {
    let bench = Bench::new("[[budget]]\nname = \"r\"\nwhat = \"rows\"\nlimit = 1\nwindow = \"1m\"");
    let (mut one, mut two) = (bench.session("bot"), bench.session("bot"));
    let select = statement(Verb::Select, None);
    let news = |watch: &mut Watch, seconds| {
        watch.at(at(seconds));
        let raised = watch.look(&[&select].into_iter());
        !watch.news(raised).is_empty()
    };
    assert!(!news(&mut one, 0));
    let _ = one.count(Amount::Rows(5), None, Raised::default());
    assert!(news(&mut one, 1));
    assert!(!news(&mut one, 2));
    assert!(!news(&mut two, 2));
    assert!(!news(&mut two, 100));
    let _ = two.count(Amount::Rows(5), None, Raised::default());
    assert!(news(&mut one, 100));
}

#[test]
fn a_restart_keeps_what_was_counted_and_learned() {
    let bench = Bench::new(
        "[[budget]]\nname = \"r\"\nwhat = \"rows\"\nlimit = 5\nwindow = \"1h\"\n[[budget]]\nname = \"t\"\nwhat = \"tables\"\nlimit = 1\nwindow = \"1h\"\n[[novelty]]\nname = \"n\"\nwhat = \"table\"\nlearn_messages = 1",
    );
    let mut session = bench.session("bot");
    let select = statement(Verb::Select, Some("a"));
    assert!(try_it(&mut session, 0, &select));
    let _ = session.count(Amount::Rows(5), Some(&select), Raised::default());
    let text = serde_json::to_string(&bench.ledger.snapshot(at(1))).unwrap();
    let snapshot: Snapshot = serde_json::from_str(&text).unwrap();
    for seconds in [2, 1800] {
        let again = Bench {
            ledger: Ledger::restored(&snapshot, at(seconds)),
            policies: bundle_of(&bench),
        };
        let mut session = again.session("bot");
        assert_eq!(look(&mut session, seconds, &select), ["r"]);
        assert_eq!(
            look(&mut session, seconds, &statement(Verb::Select, Some("b"))),
            ["r", "t", "n"]
        );
        assert_eq!(again.ledger.snapshot(at(seconds)), snapshot);
    }
}

fn bundle_of(bench: &Bench) -> Policies {
    let _ = bench;
    bundle("[[budget]]\nname = \"r\"\nwhat = \"rows\"\nlimit = 5\nwindow = \"1h\"\n[[budget]]\nname = \"t\"\nwhat = \"tables\"\nlimit = 1\nwindow = \"1h\"\n[[novelty]]\nname = \"n\"\nwhat = \"table\"\nlearn_messages = 1").unwrap()
}

#[test]
fn a_full_ledger_makes_no_budget_easier() {
    let bench = Bench::new(
        "[[budget]]\nname = \"s\"\nwhat = \"statements\"\nlimit = 5\nwindow = \"1m\"\n[[novelty]]\nname = \"n\"\nwhat = \"table\"\nlearn = \"1d\"",
    );
    let select = statement(Verb::Select, Some("t"));
    for number in 0..16_384 {
        bench
            .session(&format!("bot{number}"))
            .allowed(&[&select].into_iter());
    }
    // Newcomers share one counter, and find everything new.
    for number in 0..6 {
        let mut session = bench.session(&format!("new{number}"));
        let raised = look(&mut session, 0, &select);
        assert_eq!(raised.contains(&"s".to_owned()), number == 5, "{raised:?}");
        assert!(raised.contains(&"n".to_owned()));
        session.allowed(&[&select].into_iter());
    }
    assert_eq!(
        bench.ledger.budgets(bench.policies.signals(), at(0)).len(),
        16_385
    );
    // An hour later all that is out of its window makes room, and the profiles stay.
    let who = Who {
        subject: "late",
        workload: "ci",
        target: Some("orders"),
    };
    let _late = bench.ledger.watch(bench.policies.signals(), who, at(3600));
    assert_eq!(
        bench
            .ledger
            .budgets(bench.policies.signals(), at(3600))
            .len(),
        0
    );
    assert_eq!(bench.ledger.profiles(at(3600)).len(), 4096);
}

#[test]
fn the_shipped_signals_are_used_by_the_shipped_policies() {
    let policies = Policies::shipped().unwrap();
    assert_eq!(policies.warnings(), []);
    assert!(policies.signals().names().count() >= 4);
}
