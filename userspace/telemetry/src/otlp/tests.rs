//! With collectors that behave as no real one may. A real one is in `tests/collector`.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    sync::{
        Mutex,
        atomic::{AtomicU16, AtomicUsize, Ordering},
    },
    thread,
    time::Instant,
};

use weir_command::Verb;
use weir_record::{End, Judged, Judgement, Status as Became};

use super::*;
use crate::{
    Options, Telemetry,
    sample::{meters, outcome, seq, start, statement, teller},
};

/// Longer than anything here takes, also on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(90);

/// Answers every request with a status, or not at all with 0, and keeps the heads of the requests.
#[derive(Default)]
struct Scripted {
    status: AtomicU16,
    asked: AtomicUsize,
    heads: Mutex<String>,
}

fn scripted(status: u16) -> (Arc<Scripted>, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let scripted = Arc::new(Scripted {
        status: status.into(),
        ..Scripted::default()
    });
    let serving = Arc::clone(&scripted);
    thread::spawn(move || {
        let mut silent = Vec::new();
        for mut stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut length = 0;
            for line in reader.by_ref().lines().map_while(Result::ok) {
                if line.is_empty() {
                    break;
                }
                if let Some(number) = line.strip_prefix("content-length: ") {
                    length = number.parse().unwrap();
                }
                serving.heads.lock().unwrap().push_str(&(line + "\n"));
            }
            reader.read_exact(&mut vec![0; length]).unwrap();
            serving.asked.fetch_add(1, Ordering::SeqCst);
            match serving.status.load(Ordering::SeqCst) {
                0 => silent.push(stream),
                status => {
                    let answer = format!(
                        "HTTP/1.1 {status} so\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
                    );
                    stream.write_all(answer.as_bytes()).ok();
                }
            }
        }
    });
    (scripted, endpoint)
}

fn otlp(endpoint: String) -> Otlp {
    let tls = || {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider);
        let config = config.with_safe_default_protocol_versions().unwrap();
        Ok(config
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth())
    };
    Otlp {
        endpoint,
        headers: None,
        tls: Arc::new(tls),
        interval: None,
        traces: Some(1.0),
    }
}

fn telemetry(otlp: Otlp) -> Telemetry {
    let options = Options {
        prometheus: None,
        otlp: Some(otlp),
    };
    Telemetry::new(options, teller(), meters())
}

/// A session of so many commands.
fn session(observer: &dyn weir_record::Observer, number: u32, commands: u64) {
    let mut heard = observer.begins(&start(number));
    let statements = [statement(Verb::Select)];
    for number in 1..=commands {
        heard.judged(&Judged {
            seq: seq(number),
            at: 1,
            took: None,
            statements: &statements,
            verdict: Judgement::Allowed,
        });
        let tag = String::new();
        heard.outcome(seq(number), 2, &outcome(Became::Completed { tag }));
    }
    heard.ended(3, &End::Closed);
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let since = Instant::now();
    while !holds() {
        assert!(since.elapsed() < PATIENCE, "in vain: {what}");
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_collector_that_never_answers_stops_nobody_and_what_is_lost_is_counted() {
    let (hung, endpoint) = scripted(0);
    let telemetry = telemetry(otlp(endpoint));
    let (observer, standing) = (telemetry.observer(), telemetry.standing());
    let running = telemetry.run(Arc::new(Vec::new));
    session(&*observer, 1, 1);
    until("the batch is sent", || {
        hung.asked.load(Ordering::SeqCst) > 0
    })
    .await;
    // Twice what is queued, without a single await: sessions go on.
    let many = 2 * u64::try_from(QUEUE).unwrap();
    session(&*observer, 2, many);
    assert!(standing.status().otlp.unwrap().dropped >= many - many / 2);
    // Weir stops though nothing is ever answered.
    running.stop().await;
    let status = standing.status().otlp.unwrap();
    assert_eq!((status.spans, status.dropped), (0, 2 + many + 1));
    let text = crate::prometheus::text(&standing.families());
    let line = format!(
        "weir_telemetry_spans_total{{weir_telemetry_outcome=\"dropped\"}} {}",
        many + 3
    );
    assert!(text.contains(&line), "{text}");
}

#[tokio::test]
async fn what_is_refused_for_good_is_dropped_and_the_rest_goes_on() {
    let (strict, endpoint) = scripted(400);
    let telemetry = telemetry(otlp(endpoint));
    let (observer, standing) = (telemetry.observer(), telemetry.standing());
    let running = telemetry.run(Arc::new(Vec::new));
    session(&*observer, 1, 3);
    until("it is dropped", || {
        standing.status().otlp.unwrap().dropped == 4
    })
    .await;
    let error = standing.status().otlp.unwrap().error;
    assert_eq!(error.as_deref(), Some("it answered 400 Bad Request"));
    strict.status.store(200, Ordering::SeqCst);
    session(&*observer, 2, 3);
    until("it is taken", || standing.status().otlp.unwrap().spans == 4).await;
    let status = standing.status().otlp.unwrap();
    assert_eq!((status.dropped, status.error), (4, None));
    running.stop().await;
}

#[tokio::test]
async fn what_may_be_taken_later_is_sent_again() {
    let (busy, endpoint) = scripted(503);
    let telemetry = telemetry(otlp(endpoint));
    let (observer, standing) = (telemetry.observer(), telemetry.standing());
    let running = telemetry.run(Arc::new(Vec::new));
    session(&*observer, 1, 3);
    until("it fails", || {
        standing.status().otlp.unwrap().error.is_some()
    })
    .await;
    busy.status.store(200, Ordering::SeqCst);
    until("it is taken", || standing.status().otlp.unwrap().spans == 4).await;
    assert!(busy.asked.load(Ordering::SeqCst) > 1);
    assert_eq!(standing.status().otlp.unwrap().dropped, 0);
    running.stop().await;
}

#[tokio::test]
async fn secret_headers_are_sent_and_shown_to_nobody() {
    let (collector, endpoint) = scripted(302);
    let secret = "Authorization: Bearer s3cret-canary\nx-tenant: weir";
    let told = Otlp {
        headers: Some(Arc::new(move || Ok(SecretString::from(secret)))),
        interval: Some(Duration::from_secs(3600)),
        ..otlp(format!("{endpoint}/path-canary"))
    };
    let telemetry = telemetry(told);
    let (observer, standing) = (telemetry.observer(), telemetry.standing());
    let running = telemetry.run(Arc::new(Vec::new));
    session(&*observer, 1, 1);
    until("it is told", || {
        standing.status().otlp.unwrap().dropped == 2
    })
    .await;
    running.stop().await;
    let heads = collector.heads.lock().unwrap().clone();
    for expected in [
        "POST /path-canary/v1/traces HTTP/1.1",
        "POST /path-canary/v1/metrics HTTP/1.1",
        "authorization: Bearer s3cret-canary",
        "x-tenant: weir",
        "content-type: application/x-protobuf",
    ] {
        assert!(heads.contains(expected), "{expected} in {heads}");
    }
    let shown = format!("{:?} {:?}", standing.status(), standing.families());
    assert!(!shown.contains("canary"), "{shown}");
}

#[test]
fn a_span_holds_nothing_of_what_was_said() {
    let (queue, mut spans) = mpsc::channel(64);
    let tracer = crate::span::Tracer::new("db-1", 1.0, queue, Arc::default());
    let listener = crate::heard::Listener {
        meters: Arc::new(meters()),
        tracer: Some(tracer),
    };
    let mut heard = weir_record::Observer::begins(&listener, &start(1));
    heard.opened("shop");
    let statements = [weir_command::Statement::Opaque(weir_command::Opaque {
        reason: weir_command::OpaqueReason::Syntax,
        detail: "near 'canary'".to_owned(),
    })];
    let canary = || "canary".to_owned();
    let failed = Became::Failed {
        code: canary(),
        message: canary(),
    };
    for (number, became) in
        (1..).zip([Became::Completed { tag: canary() }, failed, Became::Refused])
    {
        heard.judged(&Judged {
            seq: seq(number),
            at: 1_000_000,
            took: Some(Duration::from_micros(100)),
            statements: &statements,
            verdict: Judgement::Denied { rule: "opaque" },
        });
        heard.outcome(seq(number), 2_000_000, &outcome(became));
    }
    heard.ended(3_000_000, &End::Error { message: canary() });
    let mut told = Vec::new();
    while let Ok(span) = spans.try_recv() {
        told.push(spans::told(&span));
    }
    assert_eq!(told.len(), 4);
    let shown = format!("{told:?}");
    assert!(!shown.contains("canary"), "{shown}");
    let [first, .., session] = told.as_slice() else {
        panic!("{told:?}")
    };
    assert_eq!(first.parent_span_id, session.span_id);
    assert_eq!(
        (first.name.as_str(), session.name.as_str()),
        ("opaque orders", "session orders")
    );
    // From its arrival to its outcome.
    assert_eq!(
        first.end_time_unix_nano - first.start_time_unix_nano,
        1_000_100_000
    );
}
