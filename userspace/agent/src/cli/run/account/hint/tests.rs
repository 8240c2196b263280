use super::{super::super::super::out::capture, *};
use crate::config::{Config, Protocol};

fn told(undeclared: &[Undeclared]) -> String {
    capture::plain(|out| declare(&undeclared.iter().cloned().collect(), out))
}

/// What is printed to be declared, with its blanks filled in.
fn loaded(told: &str) -> Config {
    let (_, stanzas) = told.split_once("--config FILE:\n").unwrap();
    let stanzas = stanzas.split("  likewise").next().unwrap();
    let filled = stanzas.replace("[…]", "[443]").replace('…', "app");
    Config::parse("hint", &filled).unwrap_or_else(|errors| panic!("{errors}\n{told}"))
}

#[test]
fn the_protocol_follows_from_the_port() {
    for (port, protocol) in [
        (5432, Protocol::Postgres),
        (5433, Protocol::Postgres),
        (6432, Protocol::Postgres),
        (443, Protocol::Tcp),
        (6379, Protocol::Tcp),
        (1, Protocol::Tcp),
    ] {
        for host in ["192.0.2.7", "2001:db8::7", "::1", "db.internal"] {
            let told = told(&[Undeclared::dialled(host.into(), port)]);
            let [target] = &loaded(&told).targets[..] else {
                panic!("{told}")
            };
            assert_eq!(target.protocol(), protocol, "{told}");
            assert_eq!(target.matches.ports, [port]);
            assert_eq!(target.matches.places().count(), 1);
            let credential = told.contains("[target.credential]");
            assert_eq!(credential, protocol == Protocol::Postgres, "{told}");
            assert!(!told.contains("likewise"), "{told}");
        }
    }
}

#[test]
fn a_name_says_what_it_is_and_leaves_the_port_blank() {
    for (host, name) in [
        ("db.internal", "db.internal"),
        ("_sip.example", "host-_sip.example"),
        ("1.example", "host-1.example"),
    ] {
        let told = told(&[Undeclared::name(host)]);
        assert!(told.contains("ports = […]"), "{told}");
        let config = loaded(&told);
        assert_eq!(config.targets[0].name.as_str(), name);
        assert_eq!(config.targets[0].matches.hosts.len(), 1);
    }
    let long = vec!["abcdefgh"; 20].join(".");
    assert_eq!(loaded(&told(&[Undeclared::name(&long)])).targets.len(), 1);
}

#[test]
fn many_take_few_lines() {
    let mut many: Vec<Undeclared> = (0..100)
        .map(|n| Undeclared::dialled(format!("192.0.2.{n}"), 5432))
        .collect();
    many.extend((0..100).map(|n| Undeclared::dialled(format!("h{n:03}.example"), 443)));
    many.extend((0..100).map(|n| Undeclared::name(&format!("n{n:03}.example"))));
    let told = told(&many);
    assert_eq!(loaded(&told).targets.len(), 3, "one of each kind");
    assert!(told.lines().count() < 25, "{told}");
    assert!(told.ends_with(" and 292 more\n"), "{told}");
}

#[test]
fn a_command_to_paste_is_words_of_a_shell() {
    assert_eq!(word("/var/lib/weir/records"), "/var/lib/weir/records");
    assert_eq!(word("/a b/$(x)'y"), r"'/a b/$(x)'\''y'");
    let began = "2026-11-21T10:00:00.123456789Z".parse().unwrap();
    let told = capture::plain(|out| suggest(Path::new("/a b"), "run", began, out));
    let command = "weir policy suggest --records '/a b' --workload run --since \
                   2026-11-21T10:00:00.123Z\n";
    assert!(told.ends_with(command), "{told}");
}
