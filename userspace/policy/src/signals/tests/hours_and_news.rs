//! Outside of its hours, new against what was learned, and told once.

use weir_command::Verb;

use super::*;

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
            .any(|p| p.signal == "n" && p.of == "bot on orders" && p.learning && p.learn == "1d")
    );
    session.allowed(&[&read("c")].into_iter());
    let profile = |of| bench.ledger.profile_of("n", of, at(day + 5));
    let (standing, usual) = profile("bot on orders").unwrap();
    assert_eq!((standing.things, usual), (1, vec!["c".to_owned()]));
    assert!(profile("bot").is_none());
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
    one.settle();
    assert!(news(&mut one, 1));
    assert!(!news(&mut one, 2));
    assert!(!news(&mut two, 2));
    assert!(!news(&mut two, 100));
    let _ = two.count(Amount::Rows(5), None, Raised::default());
    two.settle();
    assert!(news(&mut one, 100));
}
