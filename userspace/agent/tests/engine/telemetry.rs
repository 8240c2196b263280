//! A daemon that tells what it counts and traces: to whoever asks its endpoint, and over TLS to a real
//! collector.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::Arc,
};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{PrivateKeyDer, pem::PemObject},
};
use testbed::{
    Identity, Output, Spawn,
    otel::{Collector, Downstream},
};
use tokio::{io::copy_bidirectional, net::TcpListener, runtime::Runtime};
use tokio_rustls::TlsAcceptor;

use crate::{
    command_line::{psql, weir},
    daemon::Daemon,
    stand::{config_text, one_engine, server, until},
};

/// TLS in front of a port, with a certificate for `localhost` that is left in `dir`.
fn tls_before(runtime: &Runtime, port: u16, dir: &Path) -> u16 {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    fs::write(dir.join("collector.pem"), cert.pem()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(signing_key.serialize_pem().as_bytes()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let front = listener.local_addr().unwrap().port();
    runtime.spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let mut outer = acceptor.accept(stream).await.ok()?;
                let mut inner = tokio::net::TcpStream::connect(("127.0.0.1", port))
                    .await
                    .ok()?;
                copy_bidirectional(&mut outer, &mut inner).await.ok()
            });
        }
    });
    front
}

/// What the endpoint says; nothing where it isn't there yet.
fn scrape(port: u16) -> String {
    let asked = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    asked().unwrap_or_default()
}

#[test]
fn a_daemon_tells_prometheus_and_a_collector_and_no_agent() {
    let _one = one_engine();
    let server = server();
    let dir = tempfile::tempdir().unwrap();
    let runtime = Runtime::new().unwrap();
    let (port, downstream) = (testbed::free_port().unwrap(), Downstream::start().unwrap());
    let collector = Collector::start(testbed::free_port().unwrap(), &downstream).unwrap();
    let inner = collector
        .endpoint()
        .rsplit_once(':')
        .unwrap()
        .1
        .parse()
        .unwrap();
    let front = tls_before(&runtime, inner, dir.path());
    let headers = dir.path().join("headers");
    fs::write(&headers, "authorization: Bearer s3cret-canary\n").unwrap();
    fs::set_permissions(&headers, PermissionsExt::from_mode(0o600)).unwrap();

    let name = format!("weir-test-telemetry-{}", std::process::id());
    let path = dir.path().join("weir.toml");
    let text = config_text(dir.path(), &name, &server);
    let told = format!(
        r#"
[telemetry]
prometheus = "127.0.0.1:{port}"
[telemetry.otlp]
endpoint = "https://localhost:{front}"
ca = "{}"
headers_file = "{}"
interval = "1s"
"#,
        dir.path().join("collector.pem").display(),
        headers.display(),
    );
    fs::write(&path, text + &told).unwrap();
    let socket = dir.path().join("weir.sock");
    let daemon = Daemon::start(&path, &name, &socket);
    let status = |more: &[&str]| -> Output {
        let arguments = ["status", "--socket", socket.to_str().unwrap()];
        weir(&[&arguments, more].concat())
    };
    let agent = |program: &str, arguments: &[&str]| {
        Spawn::new(program)
            .args(arguments)
            .as_user(Identity::nobody())
            .in_cgroup(daemon.cgroup.path())
            .run()
            .unwrap()
    };
    for sql in ["SELECT id, email FROM people LIMIT 3", "DROP TABLE people"] {
        let command = psql(&server, sql);
        let arguments: Vec<&str> = command.iter().skip(1).map(String::as_str).collect();
        agent("psql", &arguments);
    }
    // The endpoint is nothing that anybody declared.
    let ask = format!(
        "from urllib.request import urlopen; print(urlopen('http://127.0.0.1:{port}/metrics').read())"
    );
    let asked = agent("/usr/bin/python3", &["-c", &ask]);
    assert!(
        !asked.status.success() && asked.stdout.is_empty(),
        "{}",
        asked.stdout_text()
    );

    let target = "weir_target=\"orders-db\",network_protocol_name=\"postgres\"";
    let lines = [
        format!("weir_verdicts_total{{{target},weir_verdict=\"permit\"}} 1"),
        format!("weir_verdicts_total{{{target},weir_verdict=\"deny\"}} 1"),
        format!("weir_masked_total{{{target}}} 3"),
        format!("weir_session_active{{{target},weir_workload=\"bot\"}} 0"),
        "weir_connection_refused_total{weir_rule=\"undeclared-destination\"} 1".to_owned(),
        "weir_identity_state{weir_identity=\"bot\",weir_identity_state=\"declared\"} 1".to_owned(),
    ];
    until("all is counted", || {
        let told = scrape(port);
        lines
            .iter()
            .all(|line| told.lines().any(|told| told == line))
    });

    let spans = |name: &str| {
        let spans = downstream.spans();
        spans.iter().filter(|span| span.name == name).count()
    };
    until("every span arrives", || {
        [
            ("session orders-db", 2),
            ("select orders-db", 1),
            ("drop orders-db", 1),
        ]
        .iter()
        .all(|(name, count)| spans(name) == *count)
            && spans("session undeclared") == 1
    });
    let metric = |name: &str| {
        downstream
            .metrics()
            .iter()
            .any(|metric| metric.name == name)
    };
    until("metrics arrive", || {
        metric("weir.verdicts") && metric("weir.info")
    });
    for secret in ["s3cret-canary", server.app_password()] {
        assert!(!downstream.holds(secret.as_bytes()));
        assert!(!scrape(port).contains(secret));
        assert!(!status(&["--json"]).stdout_text().contains(secret));
    }
    let shown = status(&[]).stdout_text();
    for expected in [
        format!("127.0.0.1:{port}"),
        format!("https://localhost:{front}"),
    ] {
        assert!(shown.contains(&expected), "{shown}");
    }
    // While nobody takes it, the agent notices nothing.
    drop(collector);
    let command = psql(&server, "SELECT 1");
    let arguments: Vec<&str> = command.iter().skip(1).map(String::as_str).collect();
    assert_eq!(agent("psql", &arguments).stdout_text(), "1\n");
    until("the outage shows", || {
        !status(&["--json"]).stdout_text().contains("\"error\":null")
    });
}
