use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::Path,
    time::Duration,
};

use weir_policy::Mode;

use super::{
    AgentTls, Config, ConfigErrors, Dns, Host, IdentityKind, PasswordSource, Place, Postgres,
    Protocol, Reach, Resolvers, Service, Target, Tcp, Udp, UpstreamTls,
};

/// What a target says of PostgreSQL.
fn postgres(target: &Target) -> &Postgres {
    match &target.service {
        Service::Postgres(postgres) => postgres,
        other => panic!("{other:?}"),
    }
}

fn parsed(text: &str) -> Config {
    Config::parse("weir.toml", text).unwrap_or_else(|errors| panic!("{errors}"))
}

/// Every mistake in `tests/wrong.txt` is told as it stands there below the `---`.
#[test]
fn mistakes_are_told_with_their_place_and_the_way_out() {
    let mut told = String::new();
    let expected = include_str!("tests/wrong.txt");
    let (preface, cases) = expected.split_once("### ").unwrap();
    told.push_str(preface);
    for case in cases.split("\n### ") {
        let (title, rest) = case.split_once('\n').unwrap();
        let (text, _) = rest.split_once("\n---\n").unwrap();
        let errors = match Config::parse("weir.toml", text) {
            Ok(_) => "it is taken".to_owned(),
            Err(errors) => errors.to_string(),
        };
        let lines: Vec<&str> = errors.lines().map(str::trim_end).collect();
        told.push_str(&format!(
            "### {title}\n{text}\n---\n{}\n\n",
            lines.join("\n")
        ));
    }
    assert!(
        told.trim_end() == expected.trim_end(),
        "told is now:\n{told}"
    );
}

#[test]
fn the_example_loads_and_means_what_it_says() {
    let text = include_str!("../../../../weir.example.toml");
    let config = parsed(text);
    assert_eq!(config.dns, Dns::default());
    assert_eq!(config.records, super::Records::default());
    let [ci, assistant] = config.workloads.as_slice() else {
        panic!("{config:#?}")
    };
    assert_eq!(ci.cgroup.as_str(), "/weir/ci");
    assert!(ci.create && !assistant.create);
    assert_eq!(
        ci.identity.kind,
        IdentityKind::Static {
            groups: vec!["ci".to_owned()]
        }
    );
    assert_eq!(
        ci.identity.on_behalf_of.as_deref(),
        Some("alice@example.com")
    );
    assert_eq!(assistant.identity.kind, IdentityKind::Unix);
    assert_eq!(
        assistant.cgroup.as_str(),
        "/agents.slice/agents-assistant.slice"
    );
    assert_eq!(assistant.reach, Reach::All);
    let [target] = config.targets.as_slice() else {
        panic!("{config:#?}")
    };
    assert!(matches!(&ci.reach, Reach::Only(only) if only.iter().eq([&target.name])));
    assert_eq!(target.protocol(), Protocol::Postgres);
    let places: Vec<String> = target.matches.places().map(|p| p.to_string()).collect();
    assert_eq!(places, ["db.internal", "10.0.0.0/8", "::1"]);
    assert_eq!(target.matches.ports, [5432]);
    assert_eq!(
        target.upstream.as_ref().unwrap().to_string(),
        "127.0.0.1:5432"
    );
    assert_eq!(postgres(target).agent_tls, AgentTls::Offer);
    assert_eq!(
        postgres(target).tls,
        UpstreamTls::Verify {
            ca: Some("/etc/weir/orders-ca.pem".into()),
            server_name: Some("db.internal".to_owned()),
            hostname: true
        }
    );
    assert_eq!(postgres(target).credential.user, "app");
    assert_eq!(
        postgres(target).credential.password,
        PasswordSource::File("/etc/weir/secrets/orders".into())
    );
    assert_eq!(config.engine.records(), Path::new("/var/lib/weir/records"));
    assert_eq!(config.engine.authority(), Path::new("/var/lib/weir/ca"));
    assert_eq!(config.engine.socket, Path::new("/run/weir/weir.sock"));
    assert_eq!(config.engine.max_message, 64 << 20);
    let other = text.replace("# policies =", "policies =");
    let other = parsed(&other.replace("# resolvers =", "resolvers ="));
    assert_eq!(
        other.engine.policies.as_deref(),
        Some(Path::new("/etc/weir/policies"))
    );
    assert_eq!(
        other.engine.resolvers,
        Resolvers::Declared(vec!["192.0.2.53".parse().unwrap()])
    );

    // What it calls a default is one, and its commented alternative is taken.
    let bare = parsed("");
    assert_eq!(
        (&bare.engine.state, &bare.engine.socket),
        (&config.engine.state, &config.engine.socket)
    );
    assert_eq!(bare.engine.max_message, config.engine.max_message);
    assert_eq!(bare.engine.io_uring, config.engine.io_uring);
    assert!(!parsed("[engine]\nio_uring = false").engine.io_uring);
    assert_eq!(
        (bare.engine.policies, bare.engine.resolvers),
        (None, Resolvers::System)
    );
    let other = text
        .replace("\npassword_file", "\n# password_file")
        .replace("\n# password_credential", "\npassword_credential");
    assert_eq!(
        postgres(&parsed(&other).targets[0]).credential.password,
        PasswordSource::Credential("orders".to_owned())
    );
}

fn target(lines: &str) -> String {
    format!(
        "[[target]]\nname = \"a\"\nprotocol = \"postgres\"\nports = [5432]\n\
         credential = {{ user = \"app\", password_credential = \"a\" }}\n{lines}"
    )
}

#[test]
fn what_is_left_out_is_the_strictest() {
    let target = &parsed(&target("hosts = [\"DB.internal\"]")).targets[0];
    assert_eq!(postgres(target).agent_tls, AgentTls::Offer);
    assert_eq!(target.upstream, None);
    let UpstreamTls::Verify {
        ca: None,
        server_name: Some(name),
        hostname: true,
    } = &postgres(target).tls
    else {
        panic!("{target:?}")
    };
    assert_eq!(name, "db.internal");
}

#[test]
fn the_servers_name_is_never_a_guess() {
    for (lines, expected) in [
        ("hosts = [\"a.b\"]\nupstream = \"c.d:1\"", Some("c.d")),
        ("hosts = [\"a.b\"]\nupstream = \"[::1]:1\"", Some("::1")),
        (
            "hosts = [\"a.b\"]\nupstream = \"c.d:1\"\ntls = { server_name = \"E.f\" }",
            Some("e.f"),
        ),
        ("hosts = [\"a.b\", \"c.d\"]", None),
        ("hosts = [\"a.b\"]\ncidrs = [\"10.0.0.1/32\"]", None),
        ("hosts = [\"10.0.0.1\"]", None),
    ] {
        let target = &parsed(&target(lines)).targets[0];
        let UpstreamTls::Verify { server_name, .. } = &postgres(target).tls else {
            panic!("{target:?}")
        };
        assert_eq!(server_name.as_deref(), expected, "{lines}");
    }
}

#[test]
fn several_targets_for_one_place_are_fine_for_different_workloads() {
    let mut text = String::new();
    for name in ["a", "b"] {
        let stanza = target("hosts = [\"db.internal\"]")
            .replace("name = \"a\"", &format!("name = \"{name}\""));
        text.push_str(&format!(
            "[[identity]]\nname = \"{name}\"\nkind = \"unix\"\n\
             [[workload]]\nname = \"{name}\"\ncgroup = \"/weir/{name}\"\nidentity = \"{name}\"\n\
             targets = [\"{name}\"]\n{stanza}\n"
        ));
    }
    let config = parsed(&text);
    assert_eq!(config.targets.len(), 2);
    assert_eq!(
        config.targets[1].matches.hosts,
        [Host::Name("db.internal".parse().unwrap())]
    );
    assert_eq!(config.targets[1].matches.places().count(), 1);
    assert!(matches!(
        config.targets[0].matches.places().next(),
        Some(Place::Name(_))
    ));
}

#[test]
fn without_a_file_nothing_can_be_reached() {
    let config = Config::embedded("/s".into(), "/s.sock".into());
    assert!(config.targets.is_empty());
    let [run] = config.workloads.as_slice() else {
        panic!("{config:?}")
    };
    assert_eq!(
        (run.name.as_str(), run.cgroup.as_str(), run.create),
        ("run", "/weir/run", true)
    );
    assert_eq!(run.identity.kind, IdentityKind::Unix);
    assert_eq!(config.engine.resolvers, Resolvers::System);
    // Names that weir itself gives are names that could be declared.
    assert_eq!(run.name.as_str().parse(), Ok(run.name.clone()));
    assert_eq!(
        run.identity.name.as_str().parse(),
        Ok(run.identity.name.clone())
    );
    assert_eq!(run.cgroup.as_str().parse(), Ok(run.cgroup.clone()));
}

#[test]
fn a_file_that_is_no_configuration_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("weir.toml");
    let shown = path.display().to_string();
    let load = |content: &[u8], mode| {
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        Config::load(&path).map_err(|errors| errors.to_string())
    };
    let nowhere = Config::load(&dir.path().join("nowhere")).unwrap_err();
    assert!(
        matches!(nowhere, ConfigErrors::Unreadable { .. }),
        "{nowhere}"
    );
    assert_eq!(
        load(b"", 0o606).unwrap_err(),
        format!("{shown} may be written by everybody; run: chmod o-w {shown}")
    );
    assert_eq!(
        load(b"\n\n# \xff", 0o600).unwrap_err(),
        format!("{shown} is not UTF-8 on line 3")
    );
    let long = vec![b'#'; (256 << 10) + 1];
    assert_eq!(
        load(&long, 0o600).unwrap_err(),
        format!("{shown} is longer than 256 KiB, so it can't be weir's configuration")
    );
    assert!(load(&long[1..], 0o600).is_ok());
    let wrong = load(b"[engin]", 0o644).unwrap_err();
    assert!(wrong.contains(&format!("--> {shown}:1:2")), "{wrong}");
}

#[test]
fn no_text_makes_it_panic() {
    let deep = format!("a = {}", "[".repeat(100_000));
    let dotted = format!("{} = 1", "a.".repeat(10_000));
    for text in [
        "\0",
        "[",
        "[[",
        "=",
        "a",
        &deep,
        &dotted,
        "[[target]]\n[target]",
    ] {
        assert!(Config::parse("f", text).is_err(), "{text:.20}");
    }
}

proptest::proptest! {
    /// The example with a piece taken out or put elsewhere: an answer, never a panic.
    #[test]
    fn no_edit_of_the_example_makes_it_panic(at in 0usize..5000, cut in 0usize..60, to in 0usize..5000) {
        let text: Vec<char> = include_str!("../../../../weir.example.toml").chars().collect();
        let at = at % text.len();
        let piece = &text[at..(at + cut).min(text.len())];
        let mut rest = [&text[..at], &text[at + piece.len()..]].concat();
        let to = to % (rest.len() + 1);
        rest.splice(to..to, piece.iter().copied());
        let edited: String = rest.into_iter().collect();
        if let Err(errors) = Config::parse("weir.toml", &edited) {
            proptest::prop_assert!(errors.to_string().contains("weir.toml:"));
        }
    }
}

#[test]
fn an_opaque_target_has_no_credential_and_says_what_is_recorded() {
    let text = |lines: &str| {
        format!(
            "[[target]]\nname = \"cache\"\nprotocol = \"tcp\"\nhosts = [\"a.b\"]\nports = [6379]\n{lines}"
        )
    };
    for (lines, record_bytes, idle) in [
        ("", false, None),
        ("record = \"counts\"", false, None),
        (
            "record = \"bytes\"\nidle_timeout = \"10m\"",
            true,
            Some(600),
        ),
    ] {
        let config = parsed(&text(lines));
        let [target] = config.targets.as_slice() else {
            panic!("{config:#?}")
        };
        assert_eq!(target.protocol(), Protocol::Tcp);
        let expected = Tcp {
            record_bytes,
            idle_timeout: idle.map(Duration::from_secs),
        };
        assert_eq!(target.service, Service::Tcp(expected), "{lines}");
    }
    // A network of many hosts needs no certificate: nothing is lent that could be lured out.
    let network = text("").replace("hosts = [\"a.b\"]", "cidrs = [\"10.0.0.0/8\"]");
    assert_eq!(parsed(&network).targets.len(), 1);
}

#[test]
fn datagrams_go_to_hosts_and_a_silent_flow_ends() {
    let text = |lines: &str| {
        format!(
            "[[target]]\nname = \"web\"\nprotocol = \"udp\"\nhosts = [\"a.b\", \"192.0.2.1\"]\n\
             ports = [443]\n{lines}"
        )
    };
    for (lines, record_bytes, idle) in [
        ("", false, 60),
        ("record = \"bytes\"\nidle_timeout = \"10m\"", true, 600),
    ] {
        let config = parsed(&text(lines));
        let expected = Udp {
            record_bytes,
            idle_timeout: Duration::from_secs(idle),
        };
        assert_eq!(config.targets[0].protocol(), Protocol::Udp);
        assert_eq!(config.targets[0].service, Service::Udp(expected), "{lines}");
    }
    // The same place over TCP is another matter, for one workload, too.
    let both = format!(
        "[[identity]]\nname = \"bot\"\nkind = \"unix\"\n[[workload]]\nname = \"ci\"\n\
         cgroup = \"/weir/ci\"\nidentity = \"bot\"\n{}{}",
        text(""),
        text("").replace("udp", "tcp").replace("web", "web-tcp")
    );
    assert_eq!(parsed(&both).targets.len(), 2);
}

#[test]
fn a_workload_enforces_unless_it_says_otherwise() {
    for (line, mode) in [
        ("", Mode::Enforce),
        ("mode = \"enforce\"", Mode::Enforce),
        ("mode = \"observe\"", Mode::Observe),
    ] {
        let config = parsed(&format!(
            "[[identity]]\nname = \"bot\"\nkind = \"unix\"\n[[workload]]\nname = \"ci\"\n\
             cgroup = \"/weir/ci\"\nidentity = \"bot\"\n{line}"
        ));
        assert_eq!(config.workloads[0].mode, mode);
    }
}
