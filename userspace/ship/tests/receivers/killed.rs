use std::{
    env,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use testbed::Spawn;
use weir_record::End;
use weir_ship::{Shipped, Shipper, Shipping, SinkKind, SinkOptions};

use crate::stand::{Stand, command, lines, source_in};

const DIR: &str = "WEIR_SHIP_DIR";

fn shipping(dir: &Path) -> Shipping {
    Shipping {
        source: source_in(dir),
        state: dir.join("ship"),
        sinks: vec![SinkOptions {
            name: "file".to_owned(),
            kind: SinkKind::File {
                path: dir.join("events.jsonl"),
                rotate_at: 1 << 30,
                keep: 1,
            },
        }],
        s3: None,
        shipped: Shipped::default(),
    }
}

/// What is killed below. By itself it does nothing.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by the test below"]
async fn shipper() {
    let dir = PathBuf::from(env::var_os(DIR).unwrap());
    let _shipper = Shipper::start(shipping(&dir)).unwrap();
    tokio::time::sleep(Duration::from_secs(600)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_however_often_weir_is_killed() {
    let mut stand = Stand::new();
    let dir = stand.path("");
    let mut live = stand.begin();
    for round in 0..20_u64 {
        stand.session(200);
        command(&mut live, 100);
        stand.audit(r#"{"at":"2026-11-21T10:00:00Z","event":"stopped","instance":"daemon"}"#);
        let killed = Spawn::new(env::current_exe().unwrap())
            .args(["--exact", "killed::shipper", "--ignored"])
            .env(DIR, &dir)
            .start()
            .unwrap();
        // At another moment of its work each time.
        thread::sleep(Duration::from_millis(15 + round * 37 % 400));
        drop(killed);
    }
    live.end(&End::Closed).unwrap();
    let shipper = Shipper::start(shipping(&dir)).unwrap();
    stand.all_arrive(|| lines(&dir.join("events.jsonl")));
    shipper.stop().await;
}
