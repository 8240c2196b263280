use std::net::{IpAddr, SocketAddr};

use proptest::prelude::*;

use super::{GivenNames, NoRoute, Reason, ResolvedHosts, Route, Routes};
use crate::config::{Config, HostName, Place, Target, TargetName, WorkloadName};

/// One workload `all` that reaches every target, `some` that reaches only `only`, and targets of
/// these names and places.
fn config(only: &[&str], targets: &[(&str, &str)]) -> Config {
    let mut text = String::from("[[identity]]\nname = \"bot\"\nkind = \"unix\"\n");
    for (name, extra) in [
        ("all", String::new()),
        ("some", format!("targets = {only:?}\n")),
    ] {
        text.push_str(&format!(
            "[[workload]]\nname = \"{name}\"\ncgroup = \"/weir/{name}\"\nidentity = \"bot\"\n{extra}"
        ));
    }
    for (name, places) in targets {
        text.push_str(&format!(
            "[[target]]\nname = \"{name}\"\nprotocol = \"postgres\"\nports = [5432]\n\
             upstream = \"db:5432\"\n{places}\n\
             credential = {{ user = \"app\", password_credential = \"a\" }}\n"
        ));
    }
    Config::parse("weir.toml", &text).unwrap_or_else(|errors| panic!("{errors}"))
}

fn routes(config: &Config, answers: &[(&str, &str)]) -> Routes {
    let mut routes = Routes::new(config);
    let parse = |(name, address): &(&str, &str)| -> (HostName, IpAddr) {
        (name.parse().unwrap(), address.parse().unwrap())
    };
    routes.resolved = answers.iter().map(parse).collect();
    routes
}

fn workload(name: &str) -> WorkloadName {
    name.parse().unwrap()
}

fn told(route: &Route) -> String {
    match route {
        Route::Govern(governed) => governed.target().name.to_string(),
        Route::Pass(passed) => format!("passed: {}", passed.refusal().destination),
        Route::Refuse(nowhere) => match &nowhere.reason {
            Reason::Undeclared => "undeclared".to_owned(),
            Reason::NotForWorkload { target } => format!("not for workload: {target}"),
            Reason::Ambiguous { targets } => {
                let names: Vec<&str> = targets.iter().map(TargetName::as_str).collect();
                format!("ambiguous: {}", names.join(" "))
            }
        },
    }
}

#[test]
fn the_closest_target_wins_whatever_the_order() {
    let mut targets = [
        ("any", "cidrs = [\"0.0.0.0/0\"]"),
        ("ten", "cidrs = [\"10.0.0.0/8\"]"),
        ("ten-one", "cidrs = [\"10.1.0.0/16\"]"),
        ("host", "hosts = [\"10.1.2.3\"]"),
        ("single", "cidrs = [\"10.1.2.4/32\"]"),
        ("named", "hosts = [\"db.internal\"]"),
        ("six", "cidrs = [\"2001:db8::/32\"]"),
        ("loop", "hosts = [\"::1\"]"),
    ];
    let answers = [
        ("db.internal", "10.1.2.3"),
        ("db.internal", "10.1.2.4"),
        ("db.internal", "10.1.9.9"),
        ("db.internal", "::ffff:198.51.100.1"),
        ("db.internal", "2001:db8::7"),
    ];
    for _ in 0..targets.len() {
        targets.rotate_left(1);
        let routes = routes(&config(&[], &targets), &answers);
        for (destination, expected) in [
            ("192.0.2.1:5432", "any"),
            ("10.9.9.9:5432", "ten"),
            ("10.1.9.8:5432", "ten-one"),
            ("10.1.2.3:5432", "host"),
            ("[::ffff:10.1.2.3]:5432", "host"),
            ("10.1.2.4:5432", "single"),
            ("10.1.9.9:5432", "named"),
            ("198.51.100.1:5432", "named"),
            ("[2001:db8::7]:5432", "named"),
            ("[2001:db8::8]:5432", "six"),
            ("[::1]:5432", "loop"),
            ("[::2]:5432", "undeclared"),
            ("10.1.2.3:5433", "undeclared"),
            ("10.1.2.3:0", "undeclared"),
        ] {
            let route = routes.route(&workload("all"), destination.parse().unwrap());
            assert_eq!(told(&route), expected, "{destination}");
        }
    }
}

#[test]
fn a_name_leads_nowhere_before_it_is_resolved() {
    let config = config(&[], &[("named", "hosts = [\"db.internal\"]")]);
    let destination = "10.1.9.9:5432".parse().unwrap();
    let before = routes(&config, &[]).route(&workload("all"), destination);
    assert_eq!(told(&before), "undeclared");
    let other = routes(&config, &[("other.internal", "10.1.9.9")]);
    assert_eq!(
        told(&other.route(&workload("all"), destination)),
        "undeclared"
    );
}

#[test]
fn a_workload_never_falls_back_to_a_target_that_matches_less_closely() {
    let config = config(
        &["ten"],
        &[
            ("ten", "cidrs = [\"10.0.0.0/8\"]"),
            ("host", "hosts = [\"10.1.2.3\"]"),
        ],
    );
    let routes = routes(&config, &[]);
    for (name, destination, expected) in [
        ("some", "10.9.9.9:5432", "ten"),
        ("some", "10.1.2.3:5432", "not for workload: host"),
        ("all", "10.1.2.3:5432", "host"),
        ("stranger", "10.1.2.3:5432", "not for workload: host"),
        ("stranger", "10.9.9.9:5432", "not for workload: ten"),
        ("stranger", "192.0.2.1:5432", "undeclared"),
    ] {
        let route = routes.route(&workload(name), destination.parse().unwrap());
        assert_eq!(told(&route), expected, "{name} {destination}");
    }
}

#[test]
fn names_for_one_address_are_ambiguous_unless_the_workload_reaches_only_one() {
    let config = config(
        &["b"],
        &[
            ("a", "hosts = [\"a.internal\"]"),
            ("b", "hosts = [\"b.internal\"]"),
        ],
    );
    let routes = routes(
        &config,
        &[("a.internal", "10.0.0.1"), ("b.internal", "10.0.0.1")],
    );
    let destination = "10.0.0.1:5432".parse().unwrap();
    assert_eq!(
        told(&routes.route(&workload("all"), destination)),
        "ambiguous: a b"
    );
    assert_eq!(told(&routes.route(&workload("some"), destination)), "b");
}

#[tokio::test]
async fn names_are_resolved_anew_and_a_failure_keeps_what_was_known() {
    // `.invalid` never resolves (RFC 6761, section 6.4).
    let config = config(
        &[],
        &[
            ("here", "hosts = [\"localhost\"]"),
            ("nowhere", "hosts = [\"db.invalid\"]"),
        ],
    );
    let mut routes = routes(
        &config,
        &[("localhost", "192.0.2.1"), ("db.invalid", "10.0.0.1")],
    );
    let failed = routes.resolve().await;
    let failed: Vec<&str> = failed.iter().map(|f| f.name.as_str()).collect();
    assert_eq!(failed, ["db.invalid"]);
    for (destination, expected) in [
        ("127.0.0.1:5432", "here"),
        ("192.0.2.1:5432", "undeclared"),
        ("10.0.0.1:5432", "nowhere"),
    ] {
        let route = routes.route(&workload("all"), destination.parse().unwrap());
        assert_eq!(told(&route), expected, "{destination}");
    }
    assert_eq!(routes.resolved().iter().count(), 2);

    // A refresh is a task of its own.
    let mut fresh = Routes::new(&config);
    let task = tokio::spawn(async move { (fresh.resolve().await, fresh) });
    let (failed, fresh) = task.await.unwrap();
    assert!(
        failed[0]
            .to_string()
            .starts_with("can't resolve db.invalid: "),
        "{}",
        failed[0]
    );
    assert_eq!(fresh.resolved().iter().count(), 1);
}

/// Small worlds, so that places meet: a few bits of address, two ports.
fn address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        3 => (0u8..2, 0u8..4).prop_map(|(a, b)| IpAddr::from([10, 0, a, b])),
        1 => (0u16..2).prop_map(|a| IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, a])),
    ]
}

fn places() -> impl Strategy<Value = String> {
    let place = prop_oneof![
        address().prop_map(|a| ("hosts", a.to_string())),
        (0u8..4).prop_map(|n| ("hosts", format!("h{n}.internal"))),
        (address(), 16u8..=32).prop_map(|(a, length)| match a {
            IpAddr::V4(v4) => {
                let bits = v4.to_bits() & (u32::MAX << (32 - length));
                (
                    "cidrs",
                    format!("{}/{length}", std::net::Ipv4Addr::from_bits(bits)),
                )
            }
            IpAddr::V6(_) => ("cidrs", "2001:db8::/64".to_owned()),
        }),
    ];
    proptest::collection::btree_set(place, 1..4).prop_map(|places| {
        let of = |key| {
            let these: Vec<&String> = places.iter().filter(|p| p.0 == key).map(|p| &p.1).collect();
            if these.is_empty() {
                String::new()
            } else {
                format!("{key} = {these:?}\n")
            }
        };
        of("hosts") + &of("cidrs")
    })
}

/// The rule once more, in the plainest words, to hold the real one against.
fn contains(target: &Target, resolved: &ResolvedHosts, destination: SocketAddr) -> Option<u16> {
    let address = destination.ip().to_canonical();
    let rank = |place: Place<'_>| match place {
        Place::Address(a) if a == address => Some(1000),
        Place::Name(name) if resolved.holds(name, address) => {
            (!super::is_link_local(address)).then_some(500)
        }
        Place::Network(cidr) if cidr.contains(address) => Some(u16::from(cidr.length())),
        _ => None,
    };
    let rank = target.matches.places().filter_map(rank).max()?;
    target
        .matches
        .ports
        .contains(&destination.port())
        .then_some(rank)
}

#[test]
fn no_name_leads_to_a_link_local_address() {
    let both = [
        ("a", "hosts = [\"a.example\"]"),
        ("b", "hosts = [\"b.example\", \"169.254.10.1\"]"),
    ];
    let lies = ["169.254.169.254", "fe80::1", "169.254.10.1"].map(|ip| ("a.example", ip));
    let routes = routes(&config(&["a", "b"], &both), &lies);
    for (_, address) in lies {
        let destination = match address.parse::<IpAddr>().unwrap() {
            IpAddr::V4(_) => format!("{address}:5432"),
            IpAddr::V6(_) => format!("[{address}]:5432"),
        };
        let expected = match address {
            // Written down by the operator.
            "169.254.10.1" => "b",
            _ => "Undeclared",
        };
        assert_eq!(named(&routes, &destination, &["a.example"], &[]), expected);
        assert_eq!(named(&routes, &destination, &[], &["a.example"]), expected);
    }
}

fn named(routes: &Routes, destination: &str, current: &[&str], former: &[&str]) -> String {
    let names = |names: &[&str]| names.iter().map(|name| name.parse().unwrap()).collect();
    let names = GivenNames {
        current: names(current),
        former: names(former),
    };
    match routes.route_named(&workload("some"), destination.parse().unwrap(), &names) {
        Route::Govern(governed) => governed.target().name.to_string(),
        Route::Refuse(NoRoute { reason, .. }) => format!("{reason:?}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_address_that_a_workload_was_given_for_a_name_belongs_to_its_target() {
    let config = config(
        &["a", "b", "net"],
        &[
            ("a", "hosts = [\"a.internal\"]"),
            ("b", "hosts = [\"b.internal\"]"),
            ("net", "cidrs = [\"10.0.0.0/8\"]"),
            ("fixed", "hosts = [\"10.0.0.9\"]"),
            ("far", "hosts = [\"far.internal\"]"),
        ],
    );
    let routes = routes(&config, &[("b.internal", "10.0.0.2")]);
    let to = |host: &str, current: &[&str], former: &[&str]| {
        named(&routes, &format!("{host}:5432"), current, former)
    };
    // Another part of a rotating set than weir's own look-up has.
    assert_eq!(to("10.0.0.1", &["a.internal"], &[]), "a");
    // Remembered is closer than a network, and farther than what counts now.
    assert_eq!(to("10.0.0.1", &[], &["a.internal"]), "a");
    assert_eq!(to("10.0.0.1", &["b.internal"], &["a.internal"]), "b");
    assert_eq!(to("10.0.0.2", &[], &["a.internal"]), "b");
    assert_eq!(to("10.0.0.2", &[], &["b.internal"]), "b");
    assert!(to("10.0.0.1", &[], &["a.internal", "b.internal"]).starts_with("Ambiguous"));
    assert!(to("10.0.0.2", &["a.internal"], &[]).starts_with("Ambiguous"));
    // A name that nobody declared says nothing; one out of reach stays out of reach.
    assert_eq!(to("10.0.0.1", &["evil.example"], &[]), "net");
    assert!(to("10.0.0.1", &["far.internal"], &[]).starts_with("NotForWorkload"));
    // No answer of the DNS takes over what the operator wrote down.
    assert!(to("10.0.0.9", &["a.internal"], &[]).starts_with("NotForWorkload"));
    // The port has to be the target's.
    assert_eq!(
        named(&routes, "192.0.2.1:5433", &["a.internal"], &[]),
        "Undeclared"
    );
}

proptest! {
    #[test]
    fn the_chosen_target_holds_the_destination_and_none_holds_it_closer(
        all in proptest::collection::vec(places(), 1..5),
        reached in prop_oneof![Just(u8::MAX), any::<u8>()],
        answers in proptest::collection::vec((0u8..4, address()), 0..12),
        destinations in proptest::collection::vec((address(), prop_oneof![9 => Just(5432u16), 1 => Just(5433)]), 1..8),
    ) {
        let names = ["a", "b", "c", "d"];
        let only: Vec<&str> = names.iter().take(all.len()).enumerate()
            .filter(|(i, _)| reached & (1 << i) != 0).map(|(_, name)| *name).collect();
        let mut text = format!(
            "[[identity]]\nname = \"bot\"\nkind = \"unix\"\n[[workload]]\nname = \"some\"\n\
             cgroup = \"/weir\"\nidentity = \"bot\"\ntargets = {only:?}\n"
        );
        for (name, places) in names.iter().zip(&all) {
            text.push_str(&format!(
                "[[target]]\nname = \"{name}\"\nprotocol = \"postgres\"\nports = [5432]\n\
                 upstream = \"db:5432\"\n{places}\
                 credential = {{ user = \"app\", password_credential = \"a\" }}\n"
            ));
        }
        // What the file alone shows to be ambiguous is refused at load.
        let Ok(config) = Config::parse("weir.toml", &text) else { return Ok(()) };
        let mut routes = Routes::new(&config);
        routes.resolved = answers.iter()
            .map(|(n, address)| (format!("h{n}.internal").parse().unwrap(), *address)).collect();
        for (address, port) in destinations {
            let destination = SocketAddr::new(address, port);
            let route = routes.route(&workload("some"), destination);
            let rank = |t: &Target| contains(t, &routes.resolved, destination);
            let best = config.targets.iter().filter_map(|t| rank(t)).max();
            let equals = config.targets.iter().filter(|t| best.is_some() && rank(t) == best);
            let within: Vec<&str> =
                equals.map(|t| t.name.as_str()).filter(|name| only.contains(name)).collect();
            match route {
                Route::Govern(governed) => {
                    prop_assert_eq!(within, [governed.target().name.as_str()]);
                    prop_assert_eq!(governed.destination(), destination);
                    prop_assert_eq!(governed.workload(), &workload("some"));
                }
                Route::Pass(_) => prop_assert!(false, "nobody is observed"),
                Route::Refuse(nowhere) => match nowhere.reason {
                    Reason::Undeclared => prop_assert_eq!(best, None),
                    Reason::NotForWorkload { target } => {
                        prop_assert!(within.is_empty() && !only.contains(&target.as_str()));
                        prop_assert!(best.is_some());
                    }
                    Reason::Ambiguous { targets } => {
                        // Only names can do that: the rest shows at load.
                        prop_assert_eq!(best, Some(500));
                        let targets: Vec<&str> = targets.iter().map(TargetName::as_str).collect();
                        prop_assert_eq!(targets, within);
                    }
                },
            }
        }
    }
}
