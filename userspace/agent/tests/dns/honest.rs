//! A real server behind weir.

use std::{
    net::{SocketAddr, UdpSocket},
    time::{Duration, Instant},
};

use hickory_proto::{op::ResponseCode, rr::RecordType};
use testbed::{Running, Spawn};

use crate::stand::{COMPANY, gist, stand, stand_only};

/// dnsmasq with a few records, on a port of its own.
struct Dnsmasq {
    address: SocketAddr,
    _running: Running,
}

impl Dnsmasq {
    async fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        drop(socket);
        let mut records: Vec<String> = (0..60)
            .map(|last| format!("--host-record=many.corp.example,192.0.2.{last},60"))
            .collect();
        records.push("--host-record=db.internal,192.0.2.10,2001:db8::10,77".to_owned());
        records.push("--cname=lb.internal,db.internal,33".to_owned());
        records.push("--txt-record=words.corp.example,some words".to_owned());
        let running = Spawn::new("dnsmasq")
            .args([
                "--keep-in-foreground",
                "--conf-file=/dev/null",
                "--no-resolv",
                "--no-hosts",
                "--user=",
                "--pid-file=",
                "--bind-interfaces",
                "--listen-address=127.0.0.1",
                "--local=/internal/",
                "--local=/corp.example/",
            ])
            .args([format!("--port={}", address.port())])
            .args(records)
            .start()
            .unwrap();
        let began = Instant::now();
        while tokio::net::TcpStream::connect(address).await.is_err() {
            assert!(
                began.elapsed() < Duration::from_secs(20),
                "dnsmasq does not come up"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Self {
            address,
            _running: running,
        }
    }
}

#[tokio::test]
async fn names_are_found_with_their_ttls_and_aliases() {
    let server = Dnsmasq::start().await;
    let stand = stand(&[server.address]);
    let ask = async |name: &str, record_type| gist(&stand.ask(name, record_type).await);
    let found = |records: &[&str]| {
        let records: Vec<String> = records.iter().map(|record| (*record).to_owned()).collect();
        (ResponseCode::NoError, records)
    };
    assert_eq!(
        ask("db.internal", RecordType::A).await,
        found(&["192.0.2.10 77"])
    );
    assert_eq!(
        ask("DB.INTERNAL", RecordType::AAAA).await,
        found(&["2001:db8::10 77"])
    );
    assert_eq!(
        ask("lb.internal", RecordType::A).await,
        found(&["db.internal. 33", "192.0.2.10 77"])
    );
    let missing = ask("plain", RecordType::A).await;
    assert!(
        missing.1.is_empty() && missing.0 != ResponseCode::NoError,
        "{missing:?}"
    );
}

#[tokio::test]
async fn other_types_and_answers_beyond_a_datagram_come_through() {
    let server = Dnsmasq::start().await;
    let stand = stand_only(&[server.address], &[COMPANY]);
    let words = stand.ask("words.corp.example", RecordType::TXT).await;
    assert_eq!(words.answers.len(), 1);
    let none = stand.ask("words.corp.example", RecordType::A).await;
    assert_eq!(gist(&none), (ResponseCode::NoError, Vec::new()));
    let missing = stand.ask("no.corp.example", RecordType::A).await;
    assert_eq!(gist(&missing), (ResponseCode::NXDomain, Vec::new()));
    // dnsmasq says it by UDP in as many bytes as weir takes, so this one came whole.
    let many = stand.ask("many.corp.example", RecordType::A).await;
    assert_eq!(many.answers.len(), 60);
}
