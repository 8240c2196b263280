//! Every known way around weir, tried by an agent without root against witnesses that weir has not
//! admitted and that must never see a byte. Each try ends handed over to the engine or refused and
//! told, never silent; what this tier doesn't close is in the table as such:
//!
//! ```console
//! # cargo test -p weir-intercept --test bypass -- --nocapture
//! ```
//!
//! `WEIR_STORM=100000` makes the storm as large. `WEIR_VECTOR=word` tries only what has the word in its name. Needs root and ip(8); makes its own
//! cgroups, pins, and a network namespace across a veth pair, and removes them.
#![cfg(test)]

use std::sync::{Mutex, PoisonError};

mod agent;
mod aim;
mod attempt;
mod bed;
mod child;
mod judge;
mod storm;
mod table;
mod trick;
mod vector;
mod vectors;
mod verdict;
mod witness;

/// One engine at a time in one process.
static ALONE: Mutex<()> = Mutex::new(());

#[test]
fn no_way_around() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let site = bed::Site::new();
    let pins = bed::Pins::new();
    // Ends first, and the engine with it.
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let wanted = std::env::var("WEIR_VECTOR").unwrap_or_default();
    let rows = runtime.block_on(async {
        let bed = bed::Bed::new(&site, &pins);
        let mut rows = Vec::new();
        for (vector, attempt) in vectors::all() {
            let name = format!("{} {}", vector.name, attempt.name);
            if name.contains(&wanted) {
                rows.push(judge::judge(&bed, vector, attempt, rows.len()).await);
            }
        }
        rows
    });
    assert!(!rows.is_empty(), "nothing is called {wanted}");
    println!("{}", table::render(&rows));
    let failed: Vec<String> = rows
        .iter()
        .filter_map(|row| match &row.verdict {
            verdict::Verdict::Failed(why) => {
                Some(format!("{} / {}: {why}", row.vector, row.attempt))
            }
            _ => None,
        })
        .collect();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
