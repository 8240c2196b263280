//! A receiver that fails twice, then takes it; and one that takes nothing.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use ring::hmac;
use serde_json::Value;
use tokio::{net::TcpListener, time::timeout};
use weir_record::Settled;

use super::tell_all;
use crate::{
    approve::tests::Bed,
    config::{Config, Webhook},
};

const SECRET: &str = "s3cret-of-the-hook";

#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<(HeaderMap, Bytes)>>>);

impl Heard {
    /// What came so far, once that is `count`.
    async fn until(&self, count: usize) -> Vec<(HeaderMap, Bytes)> {
        let enough = async {
            loop {
                let heard = self.0.lock().unwrap().clone();
                if heard.len() >= count {
                    return heard;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(Duration::from_secs(30), enough).await.unwrap()
    }
}

async fn take(
    State((heard, fails)): State<(Heard, usize)>,
    head: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let mut heard = heard.0.lock().unwrap();
    heard.push((head, body));
    if heard.len() <= fails {
        StatusCode::SERVICE_UNAVAILABLE
    } else {
        StatusCode::NO_CONTENT
    }
}

/// Listens, and refuses the first so many.
async fn receiver(fails: usize) -> (String, Heard) {
    let heard = Heard::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let router = Router::new()
        .route("/hook", post(take))
        .with_state((heard.clone(), fails));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, heard)
}

fn declared(dir: &Path, url: &str, shape: &str) -> Vec<Webhook> {
    let secret = dir.join("hook");
    fs::write(&secret, format!("{SECRET}\n")).unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    let text = format!(
        "[[webhook]]\nurl = \"{url}\"\nsecret_file = \"{}\"\nshape = \"{shape}\"\n",
        secret.display()
    );
    Config::parse("weir.toml", &text).unwrap().webhooks
}

fn verify((head, body): &(HeaderMap, Bytes)) {
    let header = head["weir-signature"].to_str().unwrap();
    let (time, signature) = header.split_once(",v1=").unwrap();
    let time = time.strip_prefix("t=").unwrap();
    let (pairs, rest) = signature.as_bytes().as_chunks::<2>();
    assert!(rest.is_empty());
    let signature: Vec<u8> = pairs
        .iter()
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect();
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let signed = [time.as_bytes(), b".", body].concat();
    hmac::verify(&key, &signed, &signature).unwrap();
    let tampered = [time.as_bytes(), b".", body, b" "].concat();
    assert!(hmac::verify(&key, &tampered, &signature).is_err());
}

#[tokio::test]
async fn what_is_asked_and_expires_is_told_signed_and_again_where_it_is_not_taken() {
    let bed = Bed::new();
    let (url, heard) = receiver(2).await;
    let _tasks = tell_all(&declared(bed.path(), &url, "generic"), bed.approvals()).unwrap();
    let desk = bed.desk(1);
    let mut hold = bed.held(&desk, r#"@approvers("dba") @message("look")"#);
    drop(hold.end(Settled::TimedOut));
    let all = heard.until(4).await;
    all.iter().for_each(verify);
    let told: Vec<(String, Value)> = all
        .iter()
        .map(|(head, body)| {
            let delivery = head["weir-delivery"].to_str().unwrap().to_owned();
            (delivery, serde_json::from_slice(body).unwrap())
        })
        .collect();
    // Three tries of one change, then the next: in order, and each under one name.
    assert!(told[0] == told[1] && told[1] == told[2]);
    assert_eq!(told[0].1["event"], "asked");
    assert_eq!(
        told[0].1["request"]["command"],
        "DELETE FROM t WHERE id = 1"
    );
    assert_ne!(told[3].0, told[2].0);
    assert_eq!(told[3].1["event"], "settled");
    assert_eq!(told[3].1["request"]["settled"]["how"], "timed_out");
}

#[tokio::test]
async fn slack_gets_a_message() {
    let bed = Bed::new();
    let (url, heard) = receiver(0).await;
    let _tasks = tell_all(&declared(bed.path(), &url, "slack"), bed.approvals()).unwrap();
    let desk = bed.desk(1);
    let hold = bed.held(&desk, r#"@approvers("dba") @message("look <twice>")"#);
    let all = heard.until(1).await;
    verify(&all[0]);
    let message: Value = serde_json::from_slice(&all[0].1).unwrap();
    let text = message["text"].as_str().unwrap();
    assert!(text.contains("DELETE FROM t WHERE id = 1") && text.contains("look &lt;twice&gt;"));
    assert!(text.contains(hold.id()), "{text}");
    assert_eq!(message.as_object().unwrap().len(), 1);
}
