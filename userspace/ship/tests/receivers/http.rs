use std::{fs, sync::atomic::Ordering};

use serde_json::Value;
use weir_record::End;
use weir_ship::{HttpFormat, Shipper, SinkKind};

use crate::{
    endpoint::{Endpoint, Got, POISON},
    stand::{Stand, command, error_of, in_order, lines, uid, until},
};

fn kind(stand: &Stand, port: u16) -> SinkKind {
    fs::write(stand.path("token"), "t0p-secret\n").unwrap();
    SinkKind::Http {
        url: format!("http://127.0.0.1:{port}/events"),
        format: HttpFormat::Lines,
        token_file: Some(stand.path("token")),
        ca: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_while_the_endpoint_is_away_or_answers_with_errors() {
    let mut stand = Stand::new();
    let (got, port) = (Got::default(), testbed::free_port().unwrap());
    let shipper = Shipper::start(stand.shipping(kind(&stand, port))).unwrap();
    stand.session(10);
    until("the outage shows", || error_of(&shipper).is_some());

    let endpoint = Endpoint::start(port, &got);
    stand.all_arrive(|| got.all());
    let shown = got.authorization.lock().unwrap().clone();
    assert_eq!(shown.as_deref(), Some("Bearer t0p-secret"));

    for status in [503, 401, 404, 429, 302] {
        got.answer.store(status, Ordering::SeqCst);
        stand.session(3);
        until("it is told", || {
            error_of(&shipper).is_some_and(|error| error.contains(&status.to_string()))
        });
    }
    endpoint.stop();
    let mut live = stand.begin();
    command(&mut live, 5);
    got.answer.store(0, Ordering::SeqCst);
    let _endpoint = Endpoint::start(port, &got);
    command(&mut live, 5);
    live.end(&End::Closed).unwrap();
    stand.all_arrive(|| got.all());
    assert_eq!(shipper.status()[0].parked, 0);
    shipper.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_refused_for_good_is_parked_and_holds_up_nothing() {
    let mut stand = Stand::new();
    let (got, port) = (Got::default(), testbed::free_port().unwrap());
    let _endpoint = Endpoint::start(port, &got);
    stand.session(300);
    let shipper = Shipper::start(stand.shipping(kind(&stand, port))).unwrap();
    let expected = stand.expected().concat();
    until("all but one arrive", || {
        got.all().len() >= expected.len() - 1
    });
    let parked = lines(&stand.path("ship/siem.parked.jsonl"));
    assert_eq!(parked.len(), 1);
    assert!(parked[0].to_string().contains(POISON));
    let mut all: Vec<String> = got.all().iter().chain(&parked).map(uid).collect();
    all.sort();
    let mut wanted = expected;
    wanted.sort();
    assert_eq!(all, wanted, "each once");
    until("it is told", || shipper.status()[0].parked == 1);
    shipper.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_one_sink_holds_up_no_other() {
    let mut stand = Stand::new();
    let mut shipping = stand.shipping(kind(&stand, testbed::free_port().unwrap()));
    let path = stand.path("events.jsonl");
    shipping.sinks.push(weir_ship::SinkOptions {
        name: "file".to_owned(),
        kind: SinkKind::File {
            path: path.clone(),
            rotate_at: 1 << 30,
            keep: 1,
        },
    });
    stand.session(20);
    let shipper = Shipper::start(shipping).unwrap();
    stand.all_arrive(|| lines(&path));
    until("the other one fails", || error_of(&shipper).is_some());
    shipper.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_damaged_is_told_as_far_as_it_goes_and_then_that_it_is() {
    let mut stand = Stand::new();
    let path = stand.path("events.jsonl");
    let id = stand.session(20);
    let mut bytes = fs::read(stand.record(id)).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    fs::write(stand.record(id), bytes).unwrap();
    let file = SinkKind::File {
        path: path.clone(),
        rotate_at: 1 << 30,
        keep: 1,
    };
    let shipper = Shipper::start(stand.shipping(file)).unwrap();
    let is_of_damage = |event: &Value| uid(event) == format!("{id}-untold");
    until("the damage is told", || {
        lines(&path).iter().any(is_of_damage)
    });
    shipper.stop().await;
    let told = lines(&path);
    let last = told.last().unwrap();
    assert!(is_of_damage(last) && last["severity_id"] == 4, "{last:#}");
    let before: Vec<String> = told.iter().map(uid).collect();
    assert!(before.len() > 2);
    in_order(&[before[..before.len() - 1].to_vec()], &told);
}
