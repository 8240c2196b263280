//! An HTTP endpoint that can be stopped and started, and that refuses what it is told to.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU16, Ordering},
    },
    thread,
};

use serde_json::Value;

/// What it got, over all its lives.
#[derive(Clone, Default)]
pub(crate) struct Got {
    pub(crate) events: Arc<Mutex<Vec<Value>>>,
    /// The `Authorization` of the last request.
    pub(crate) authorization: Arc<Mutex<Option<String>>>,
    /// Every request is answered so; 0 is 204.
    pub(crate) answer: Arc<AtomicU16>,
}

impl Got {
    pub(crate) fn all(&self) -> Vec<Value> {
        self.events.lock().unwrap().clone()
    }
}

/// One life of it.
pub(crate) struct Endpoint {
    port: u16,
    over: Arc<AtomicBool>,
    serving: thread::JoinHandle<()>,
}

/// An event with this in it can't be taken.
pub(crate) const POISON: &str = "shop_13\"";

impl Endpoint {
    pub(crate) fn start(port: u16, got: &Got) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let over = Arc::new(AtomicBool::new(false));
        let (ended, got) = (Arc::clone(&over), got.clone());
        let serving = thread::spawn(move || {
            for stream in listener.incoming() {
                if ended.load(Ordering::SeqCst) {
                    return;
                }
                serve(stream.unwrap(), &got);
            }
        });
        Self {
            port,
            over,
            serving,
        }
    }

    pub(crate) fn stop(self) {
        self.over.store(true, Ordering::SeqCst);
        // So that it looks.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
        self.serving.join().unwrap();
    }
}

/// One request; the connection ends with its answer.
fn serve(mut stream: TcpStream, got: &Got) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut length, mut authorization) = (0, None);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        match line.trim_end().split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.parse().unwrap();
            }
            Some((name, value)) if name.eq_ignore_ascii_case("authorization") => {
                authorization = Some(value.to_owned());
            }
            _ if line == "\r\n" => break,
            _ => {}
        }
    }
    let mut body = vec![0; length];
    if reader.read_exact(&mut body).is_err() {
        return;
    }
    *got.authorization.lock().unwrap() = authorization;
    let body = String::from_utf8(body).unwrap();
    let status = match got.answer.load(Ordering::SeqCst) {
        0 if body.contains(POISON) => 422,
        0 => {
            let events = body.lines().map(|line| serde_json::from_str(line).unwrap());
            got.events.lock().unwrap().extend(events);
            204
        }
        other => other,
    };
    let answer = format!("HTTP/1.1 {status} so\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    let answer = if status == 204 {
        answer.replace("Content-Length: 0\r\n", "")
    } else {
        answer
    };
    stream.write_all(answer.as_bytes()).ok();
}
