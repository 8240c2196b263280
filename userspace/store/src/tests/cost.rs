//! What indexing a session costs that sends one statement again and again, each time with another
//! value, in CPU time. By hand, with how many commands as `COUNT`:
//!
//! `cargo test --release -p weir-store -- --ignored --nocapture what_indexing_costs`

use std::fs;

use weir_record::{Durability, Options, Recorder, SigningKey};

use super::{Bed, Recording, start};
use crate::Index;

const TEXT: &str = "SELECT abalance FROM pgbench_accounts WHERE aid = $1;";

#[test]
#[ignore = "a measurement"]
fn what_indexing_costs() {
    let count: u64 = std::env::var("COUNT").map_or(100_000, |count| count.parse().unwrap());
    let bed = Bed::new();
    let start = start(0, "unix:alice", Some("shop"));
    let recorder = Recorder::open(Options {
        dir: bed.records(),
        key: SigningKey::open(bed.dir.path()).unwrap(),
        durability: Durability::Batched,
        recipients: Vec::new(),
        reserve: 0,
        keep: None,
        max_size: None,
    });
    let mut one = Recording {
        id: start.id,
        writer: recorder.unwrap().create(&start).unwrap(),
    };
    for number in 0..count {
        let value = (number * 7919 % 100_000).to_string();
        let seq = one.allowed(TEXT, &[&value], &["public.pgbench_accounts"]);
        one.writer.response(seq, &[b'0'; 60]).unwrap();
        one.done(seq, 1);
    }
    one.end();
    let mut index = Index::open(&bed.index()).unwrap();
    let before = cpu();
    index.update(&bed.records()).unwrap();
    println!("{} ns a command", (cpu() - before) / count);
}

/// Nanoseconds of this thread.
fn cpu() -> u64 {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse().unwrap()
}
