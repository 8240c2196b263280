use std::{
    io::{Read, Write},
    net::{Shutdown, TcpStream},
    time::Instant,
};

use super::*;
use crate::{Family, Kind};

/// Longer than anything here takes, also on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// An endpoint that serves until this is dropped.
struct Endpoint {
    address: SocketAddr,
    state: Arc<State>,
    _runtime: tokio::runtime::Runtime,
}

impl Endpoint {
    fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = port.local_addr().unwrap();
        drop(port);
        let state = Arc::new(State::new(Some(address.to_string()), None));
        let gather: Gather =
            Arc::new(|| vec![Family::new("weir.info", "", Kind::Gauge, "Here.").with([], 1)]);
        runtime.spawn(serve(address, gather, Arc::clone(&state)));
        let endpoint = Self {
            address,
            state,
            _runtime: runtime,
        };
        until("it listens", || TcpStream::connect(address).is_ok());
        endpoint
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// What comes back for these bytes; nothing where the connection is cut off.
    fn send(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect();
        // It may be cut off before all is sent.
        stream.write_all(bytes).ok();
        stream.shutdown(Shutdown::Write).ok();
        rest(&mut stream)
    }

    fn is_well(&self) -> bool {
        let answer = self.send(b"GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n");
        answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("weir_info 1\n")
    }
}

fn rest(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok();
    String::from_utf8_lossy(&answer).into_owned()
}

fn until(what: &str, holds: impl Fn() -> bool) {
    let since = Instant::now();
    while !holds() {
        assert!(since.elapsed() < PATIENCE, "in vain: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn it_gives_metrics_and_nothing_else() {
    let endpoint = Endpoint::start();
    assert!(endpoint.is_well());
    for (request, status) in [
        ("GET / HTTP/1.1", 404),
        ("GET /metrics/ HTTP/1.1", 404),
        ("GET /v1/status HTTP/1.1", 404),
        ("POST /metrics HTTP/1.1", 405),
        ("DELETE /metrics HTTP/1.1", 405),
        ("GET http://elsewhere/ HTTP/1.1", 404),
    ] {
        let answer = endpoint.send(format!("{request}\r\nhost: x\r\n\r\n").as_bytes());
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{request}: {answer}"
        );
    }
    let asked = endpoint.state.status().prometheus.unwrap().asked;
    assert_eq!(asked, 1);
}

#[test]
fn hostile_requests_are_cut_off_and_harm_nobody() {
    let endpoint = Endpoint::start();
    let long = |bytes: usize| "x".repeat(bytes);
    let headers: String = (0..10_000)
        .map(|number| format!("h{number}: x\r\n"))
        .collect();
    for hostile in [
        // Heads that are too long, in each place.
        format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", long(1 << 20)),
        format!("GET /metrics HTTP/1.1\r\nhost: {}\r\n\r\n", long(1 << 20)),
        format!("GET /metrics HTTP/1.1\r\n{}: x\r\n\r\n", long(1 << 20)),
        format!("GET /metrics HTTP/1.1\r\n{headers}\r\n"),
        long(1 << 20),
        // What is no request.
        "\0\u{1}\u{2}\r\n\r\n".to_owned(),
        "\u{16}\u{3}\u{1}".to_owned(),
        "GET\r\n\r\n".to_owned(),
        "GET /metrics HTTP/9.9\r\n\r\n".to_owned(),
        "GET /metrics HTTP/1.1\r\ncontent-length: -1\r\n\r\n".to_owned(),
        "GET /metrics HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nx".to_owned(),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
        String::new(),
    ] {
        let answer = endpoint.send(hostile.as_bytes());
        let start: String = hostile.chars().take(40).collect();
        assert!(!answer.contains("200 OK"), "{start:?}: {answer}");
        assert!(endpoint.is_well(), "after {start:?}");
    }
    // A body that nobody reads.
    let body = format!(
        "POST /metrics HTTP/1.1\r\nhost: x\r\ncontent-length: 1048576\r\n\r\n{}",
        long(1 << 20)
    );
    endpoint.send(body.as_bytes());
    assert!(endpoint.is_well());
    let asked = "GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n".repeat(1000);
    let answer = endpoint.send(asked.as_bytes());
    assert_eq!(
        answer.matches("200 OK").count(),
        1,
        "one request a connection"
    );
    assert!(endpoint.is_well());
}

#[test]
fn whoever_is_slow_is_cut_off_and_gives_the_place_up() {
    let endpoint = Endpoint::start();
    // All places, and more, by those who never end what they begin.
    let mut slow: Vec<TcpStream> = (0..2 * MOST_CONNECTIONS)
        .map(|_| {
            let mut stream = endpoint.connect();
            stream.write_all(b"GET /metrics HTTP/1.1\r\nx: ").ok();
            stream
        })
        .collect();
    // Each is ended by the other side, though it goes on sending now and then.
    for stream in &mut slow {
        let mut trickling = stream.try_clone().unwrap();
        let trickle = std::thread::spawn(move || {
            while trickling.write_all(b"x").is_ok() {
                std::thread::sleep(Duration::from_millis(50));
            }
        });
        let answer = rest(stream);
        assert!(!answer.contains("200 OK"), "{answer}");
        stream.shutdown(Shutdown::Both).ok();
        trickle.join().unwrap();
    }
    until("a place is free again", || endpoint.is_well());
}

#[test]
fn a_port_that_is_taken_is_told_and_tried_again() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = taken.local_addr().unwrap();
        let state = Arc::new(State::new(Some(address.to_string()), None));
        let serving = tokio::spawn(serve(address, Arc::new(Vec::new), Arc::clone(&state)));
        let error = || state.status().prometheus.unwrap().error;
        while error().is_none() {
            sleep(Duration::from_millis(10)).await;
        }
        drop(taken);
        while error().is_some() {
            sleep(Duration::from_millis(10)).await;
        }
        assert!(TcpStream::connect(address).is_ok());
        serving.abort();
    });
}
