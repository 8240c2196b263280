//! The whole way of an event: an agent's statement, a daemon with `[ship]`, a real rsyslog behind TLS and a
//! real S3-compatible store.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    os::unix::fs::PermissionsExt,
    path::Path,
    time::Duration,
};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use serde_json::Value;
use testbed::{Identity, Running, Spawn};
use weir_record::Summary;

use crate::{
    command_line::psql,
    daemon::Daemon,
    stand::{config_text, one_engine, server, until},
};

/// A real rsyslog that takes TLS, and writes what it takes to `got`.
fn rsyslog(dir: &Path, port: u16) -> Running {
    let program = Path::new("/usr/sbin/rsyslogd");
    let installed = program.is_file();
    assert!(
        installed,
        "rsyslog is not installed: run `cargo xtask setup`"
    );
    let at = dir.display();
    let configuration = format!(
        r#"
        global(workDirectory="{at}" maxMessageSize="128k" defaultNetstreamDriver="ossl"
               defaultNetstreamDriverCAFile="{at}/siem.pem"
               defaultNetstreamDriverCertFile="{at}/siem.pem"
               defaultNetstreamDriverKeyFile="{at}/siem.key")
        module(load="imtcp" streamDriver.name="ossl" streamDriver.mode="1" streamDriver.authMode="anon")
        template(name="raw" type="string" string="%msg%\n")
        input(type="imtcp" address="127.0.0.1" port="{port}")
        action(type="omfile" file="{at}/got" template="raw" asyncWriting="off" flushOnTXEnd="on")
        "#
    );
    fs::write(dir.join("rsyslog.conf"), configuration).unwrap();
    Spawn::new(program)
        .arg("-n")
        .arg("-f")
        .arg(dir.join("rsyslog.conf"))
        .arg("-i")
        .arg(dir.join("rsyslog.pid"))
        .deadline(Duration::from_secs(300))
        .start()
        .unwrap()
}

fn moto(port: u16) -> Running {
    let program = testbed::venv_dir().join("bin/moto_server");
    let installed = program.is_file();
    assert!(installed, "moto is not installed: run `cargo xtask setup`");
    Spawn::new(program)
        .args(["-H", "127.0.0.1", "-p", &port.to_string()])
        .deadline(Duration::from_secs(300))
        .start()
        .unwrap()
}

/// The body of a successful answer of the store.
fn asked(port: u16, method: &str, path: &str) -> Option<Vec<u8>> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: AWS4-HMAC-SHA256 \
         Credential=k/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0\r\n\
         Content-Length: 0\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let head = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n")?;
    let body = answer.split_off(head + 4);
    answer.starts_with(b"HTTP/1.1 200").then_some(body)
}

/// The statements of which rsyslog has the verdict.
fn judged(dir: &Path) -> Vec<(String, String)> {
    let got = fs::read_to_string(dir.join("got")).unwrap_or_default();
    let events = got.lines().filter_map(|line| {
        let event: Value = serde_json::from_str(line.trim()).ok()?;
        let text = event["query_info"]["query_string"].as_str()?.to_owned();
        let disposition = event["disposition"].as_str()?.to_owned();
        (event["class_uid"] == 6005 && event["device"]["hostname"] == "db-1")
            .then_some((text, disposition))
    });
    events.collect()
}

#[test]
fn what_an_agent_does_arrives_at_a_siem_and_its_record_in_a_store() {
    let _one = one_engine();
    let server = server();
    let dir = tempfile::tempdir().unwrap();
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    fs::write(dir.path().join("siem.pem"), cert.pem()).unwrap();
    for (name, secret) in [
        ("siem.key", signing_key.serialize_pem()),
        ("s3", "s\n".to_owned()),
    ] {
        let path = dir.path().join(name);
        fs::write(&path, secret).unwrap();
        fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
    }
    let (syslog, store) = (testbed::free_port().unwrap(), testbed::free_port().unwrap());
    let siem = rsyslog(dir.path(), syslog);
    let _store = moto(store);
    until("a bucket is made", || {
        asked(store, "PUT", "/records").is_some()
    });

    let name = format!("weir-test-shipping-{}", std::process::id());
    let path = dir.path().join("weir.toml");
    let text = config_text(dir.path(), &name, &server);
    let at = dir.path().display();
    let ship = format!(
        r#"
[ship]
host = "db-1"
[[ship.sink]]
name = "siem"
kind = "syslog"
address = "127.0.0.1:{syslog}"
server_name = "localhost"
ca = "{at}/siem.pem"
[ship.s3]
bucket = "records"
endpoint = "http://127.0.0.1:{store}"
access_key_id = "k"
secret_key_file = "{at}/s3"
"#
    );
    fs::write(&path, text + &ship).unwrap();
    let daemon = Daemon::start(&path, &name, &dir.path().join("weir.sock"));
    let agent = |sql: &str| {
        let command = psql(&server, sql);
        Spawn::new(&command[0])
            .args(&command[1..])
            .as_user(Identity::nobody())
            .in_cgroup(daemon.cgroup.path())
            .run()
            .unwrap()
    };
    let arrives = |sql: &str, disposition: &str| {
        let event = (sql.to_owned(), disposition.to_owned());
        until(sql, || judged(dir.path()).contains(&event));
    };
    assert_eq!(agent("SELECT 1").stdout_text(), "1\n");
    agent("DROP TABLE people");
    arrives("SELECT 1", "Allowed");
    arrives("DROP TABLE people", "Blocked");
    // While it is away the agent notices nothing, and nothing is lost.
    drop(siem);
    assert_eq!(agent("SELECT 2").stdout_text(), "2\n");
    let _siem = rsyslog(dir.path(), syslog);
    arrives("SELECT 2", "Allowed");

    let records = dir.path().join("records");
    let ended = || -> Vec<Summary> {
        let all = weir_record::list(&records).unwrap();
        let all = all.into_iter().filter_map(Result::ok);
        all.filter(|summary| summary.end.is_some()).collect()
    };
    until("three sessions have ended", || ended().len() == 3);
    for summary in ended() {
        let id = summary.start.id;
        let day = id.began().strftime("%Y/%m/%d").to_string();
        let key = format!("/records/db-1/{day}/{id}.weir");
        until("the record is in the store", || {
            asked(store, "GET", &key).is_some()
        });
        let record = fs::read(weir_record::store::path_of(&records, id)).unwrap();
        assert!(
            asked(store, "GET", &key).unwrap() == record,
            "{key} differs"
        );
    }
}
