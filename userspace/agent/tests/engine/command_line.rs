//! The `weir` binary as people use it: a run without set-up, a daemon and its reload.

use std::{fs, io::Write as _, net::TcpListener, path::Path, time::Duration};

use testbed::{Identity, Output, Postgres, Spawn};

use crate::{
    daemon::{Daemon, WEIR},
    stand::{config_text, one_engine, psql_arguments, server},
};

pub(crate) fn weir(arguments: &[&str]) -> Output {
    Spawn::new(WEIR)
        .args(arguments)
        .env("NO_COLOR", "1")
        .deadline(Duration::from_secs(60))
        .run()
        .unwrap()
}

pub(crate) fn psql(server: &Postgres, sql: &str) -> Vec<String> {
    let mut command = vec!["psql".to_owned()];
    command.extend(psql_arguments("127.0.0.1", server, &[sql]));
    command
}

/// A run is a workload of its own.
fn config_of_a_run(dir: &Path, server: &Postgres) -> String {
    let text = config_text(dir, "unused", server);
    let (start, rest) = text.split_once("[[workload]]").unwrap();
    let (_, target) = rest.split_once("[[target]]").unwrap();
    format!("{start}[[target]]{target}")
}

#[test]
fn a_run_needs_no_configuration_and_tells_what_was_refused() {
    let _one = one_engine();
    let server = server();
    let state = tempfile::tempdir().unwrap();
    let state_dir = state.path().join("weir");
    let mut arguments = vec![
        "run",
        "--user",
        "nobody",
        "--state",
        state_dir.to_str().unwrap(),
        "--",
    ];
    let command = psql(&server, "SELECT 1");
    arguments.extend(command.iter().map(String::as_str));
    let out = weir(&arguments);
    let told = out.stderr_text();
    assert_eq!(out.status.code(), Some(2), "psql's own code: {told}");
    assert!(told.contains("undeclared-destination"), "{told}");
    assert!(told.contains("[[target]]"), "{told}");
    assert!(told.contains(state_dir.to_str().unwrap()), "{told}");
    let listed = weir(&[
        "sessions",
        "list",
        "--records",
        state_dir.join("records").to_str().unwrap(),
        "--json",
    ]);
    let listed = listed.stdout_text();
    assert!(
        listed.contains("unix:nobody") && listed.contains("undeclared-destination"),
        "{listed}"
    );
}

#[test]
fn a_run_with_a_target_is_served_and_root_is_not_run() {
    let _one = one_engine();
    let server = server();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("weir.toml");
    let without = config_of_a_run(dir.path(), &server);
    fs::write(&path, without).unwrap();
    let mut arguments = vec![
        "run",
        "--user",
        "nobody",
        "--config",
        path.to_str().unwrap(),
        "--",
    ];
    let command = psql(&server, "SELECT email FROM people WHERE id = 1");
    arguments.extend(command.iter().map(String::as_str));
    let out = weir(&arguments);
    assert!(
        out.stdout_text().starts_with('*'),
        "{}{}",
        out.stdout_text(),
        out.stderr_text()
    );
    assert!(
        out.stderr_text().contains("orders-db"),
        "{}",
        out.stderr_text()
    );
    let root = weir(&["run", "--", "true"]);
    assert_eq!(root.status.code(), Some(125));
    assert!(
        root.stderr_text().contains("--user"),
        "{}",
        root.stderr_text()
    );
}

/// What a run asks is answered from another terminal, at a socket that the run tells.
#[test]
fn what_a_run_asks_is_answered_from_another_terminal() {
    let _one = one_engine();
    let server = server();
    let dir = tempfile::tempdir().unwrap();
    let policies = dir.path().join("own-policies");
    fs::create_dir(&policies).unwrap();
    let asks = "@id(\"all\") permit (principal, action, resource);\n\
        @id(\"ask\") @approvers(\"unix:root\")\n\
        forbid (principal, action == Weir::Action::\"delete\", resource) unless { context.approved };\n";
    fs::write(policies.join("ask.cedar"), asks).unwrap();
    let with = format!("[engine]\npolicies = \"{}\"", policies.display());
    let without = config_of_a_run(dir.path(), &server).replacen("[engine]", &with, 1);
    let path = dir.path().join("weir.toml");
    fs::write(&path, without).unwrap();
    let told = dir.path().join("told");
    let mut arguments = vec![
        "run",
        "--user",
        "nobody",
        "--config",
        path.to_str().unwrap(),
        "--",
    ];
    let command = psql(&server, "DELETE FROM orders WHERE id = 1");
    arguments.extend(command.iter().map(String::as_str));
    let run = Spawn::new(WEIR)
        .args(arguments)
        .env("NO_COLOR", "1")
        .log_to(fs::File::create(&told).unwrap())
        .deadline(Duration::from_secs(120))
        .start()
        .unwrap();
    let heard = || fs::read_to_string(&told).unwrap();
    // Once by the run, once by psql.
    let show = loop {
        let text = heard();
        if let Some((_, rest)) = text.split_once("see and answer: weir ")
            && let Some((command, _)) = rest.split_once('\n')
        {
            break command.replace('\'', "");
        }
        assert!(!run.has_ended().unwrap(), "{text}");
        std::thread::sleep(Duration::from_millis(50));
    };
    let show: Vec<&str> = show.split_whitespace().collect();
    let shown = weir(&show);
    assert!(
        shown.stdout_text().contains("DELETE FROM orders"),
        "{}",
        shown.stderr_text()
    );
    let approve: Vec<&str> = show
        .iter()
        .map(|word| if *word == "show" { "approve" } else { word })
        .collect();
    let approved = weir(&approve);
    assert!(approved.status.success(), "{}", approved.stderr_text());
    let ended = run.wait().unwrap();
    assert!(
        ended.status.success() && heard().contains("DELETE 1"),
        "{}",
        heard()
    );
    // It is answered there and nowhere else, and nothing of it stays.
    let (_, socket) = heard()
        .split_once("--socket ")
        .map(|(_, rest)| ((), rest.to_owned()))
        .unwrap();
    let socket = socket.split_whitespace().next().unwrap().to_owned();
    assert!(!Path::new(&socket).parent().unwrap().exists());
}

#[test]
fn an_observed_run_goes_on_and_ends_with_how_to_admit_what_it_did() {
    let _one = one_engine();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            stream.unwrap().write_all(b"hello").unwrap();
        }
    });
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("weir");
    let dial = format!(
        "import socket; print(socket.create_connection(('127.0.0.1', {port})).recv(9).decode())"
    );
    let run = |more: &[&str]| {
        let mut arguments = vec![
            "run",
            "--user",
            "nobody",
            "--state",
            state.to_str().unwrap(),
        ];
        arguments.extend(more);
        arguments.extend(["--", "python3", "-c", &dial]);
        weir(&arguments)
    };
    let refused = run(&[]);
    assert!(!refused.stdout_text().contains("hello"));
    assert!(refused.stderr_text().contains("protocol = \"tcp\""));
    let observed = run(&["--observe"]);
    let told = observed.stderr_text();
    assert_eq!(observed.stdout_text().trim(), "hello", "{told}");
    assert!(
        told.contains("would have been refused by undeclared-destination"),
        "{told}"
    );
    let (_, command) = told.split_once("weir policy suggest ").expect(&told);
    let out = dir.path().join("policies");
    let mut arguments = vec!["policy", "suggest"];
    arguments.extend(command.split_whitespace());
    arguments.extend(["--out", out.to_str().unwrap()]);
    let suggested = weir(&arguments);
    let stanza = format!("name = \"host-127.0.0.1-{port}\"");
    assert!(suggested.stderr_text().contains(&stanza));
    assert!(
        weir(&["policy", "check", out.to_str().unwrap()])
            .status
            .success()
    );
    let text = fs::read_to_string(out.join("seen.cedar")).unwrap();
    // What was refused before the run that was asked about is not in it.
    assert!(
        text.contains("// 1 use,") && text.contains("unix:nobody"),
        "{text}"
    );
}

#[test]
fn a_daemon_takes_good_policies_and_keeps_its_own_over_bad_ones() {
    let _one = one_engine();
    let server = server();
    let dir = tempfile::tempdir().unwrap();
    let name = format!("weir-test-daemon-{}", std::process::id());
    let policies = dir.path().join("own-policies");
    fs::create_dir(&policies).unwrap();
    let all = "@id(\"all\") permit (principal, action, resource);\n";
    fs::write(policies.join("all.cedar"), all).unwrap();
    let path = dir.path().join("weir.toml");
    let text = config_text(dir.path(), &name, &server);
    let with = format!("[engine]\npolicies = \"{}\"", policies.display());
    fs::write(&path, text.replacen("[engine]", &with, 1)).unwrap();
    let socket = dir.path().join("weir.sock");
    let daemon = Daemon::start(&path, &name, &socket);
    let ask = |arguments: &[&str]| {
        let mut all = arguments.to_vec();
        all.extend(["--socket", socket.to_str().unwrap()]);
        weir(&all)
    };
    let agent = |sql: &str| {
        let command = psql(&server, sql);
        Spawn::new(&command[0])
            .args(&command[1..])
            .as_user(Identity::nobody())
            .in_cgroup(daemon.cgroup.path())
            .run()
            .unwrap()
    };
    let truncated = agent("SELECT email FROM people WHERE id = 1");
    assert!(
        truncated.stdout_text().contains('@'),
        "a policy that reveals all: {}",
        truncated.stderr_text()
    );

    fs::write(
        policies.join("bad.cedar"),
        "permit (principal action, resource);",
    )
    .unwrap();
    let bad = ask(&["policy", "reload"]);
    assert_eq!(bad.status.code(), Some(1));
    assert!(
        bad.stderr_text().contains("bad.cedar"),
        "{}",
        bad.stderr_text()
    );
    assert!(
        agent("SELECT 1").stdout_text().contains('1'),
        "the old policy stays in force"
    );

    let no_people = "@id(\"no-people\") @message(\"people are private\")\n\
        forbid (principal, action in Weir::Action::\"read\", resource is Weir::Relation)\n\
        when { resource.name == \"people\" };\n";
    fs::write(policies.join("bad.cedar"), no_people).unwrap();
    let good = ask(&["policy", "reload"]);
    assert!(good.status.success(), "{}", good.stderr_text());
    let refused = agent("SELECT email FROM people WHERE id = 1").stderr_text();
    assert!(
        refused.contains("people are private") && refused.contains("no-people"),
        "{refused}"
    );
    let listed = ask(&["sessions", "list", "--json"]).stdout_text();
    assert!(listed.contains("workload:bot"), "{listed}");
}
