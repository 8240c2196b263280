//! What indexing a session costs that sends one statement again and again, each time with another
//! value, beside its text or in it, in CPU time. By hand, with how many commands as `COUNT`:
//!
//! `cargo test --release -p weir-store -- --ignored --nocapture what_indexing_costs`

use std::fs;

use super::{Bed, start};
use crate::Index;

const TEXT: &str = "SELECT abalance FROM pgbench_accounts WHERE aid = $1;";

#[test]
#[ignore = "a measurement"]
fn what_indexing_costs() {
    let count: u64 = std::env::var("COUNT").map_or(100_000, |count| count.parse().unwrap());
    for beside in [true, false] {
        let bed = Bed::new();
        let mut one = bed.gather(&start(0, "unix:alice", Some("shop")));
        for number in 0..count {
            let value = (number * 7919 % 100_000).to_string();
            let objects = ["public.pgbench_accounts"];
            let seq = if beside {
                one.allowed(TEXT, &[&value], &objects)
            } else {
                one.allowed(&TEXT.replace("$1", &value), &[], &objects)
            };
            one.writer.response(seq, &[b'0'; 60]).unwrap();
            one.done(seq, 1);
        }
        one.end();
        let mut index = Index::open(&bed.index()).unwrap();
        let before = cpu();
        index.update(&bed.records()).unwrap();
        let each = (cpu() - before) / count;
        println!("{each} ns a command, its value beside its text: {beside}");
    }
}

/// Nanoseconds of this thread.
fn cpu() -> u64 {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse().unwrap()
}
