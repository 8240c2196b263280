//! What is on record so far.

use std::{path::Path, thread, time::Duration};

use weir_record::Summary;

/// The summaries of the records that can be read, newest first.
pub(crate) fn summaries(records: &Path) -> Vec<Summary> {
    weir_record::list(records)
        .unwrap()
        .into_iter()
        .filter_map(Result::ok)
        .collect()
}

/// The summaries, once `count` sessions have ended.
pub(crate) fn ended(records: &Path, count: usize) -> Vec<Summary> {
    for _ in 0..400 {
        let all = summaries(records);
        if all.iter().filter(|summary| summary.end.is_some()).count() >= count {
            return all;
        }
        thread::sleep(Duration::from_millis(25));
    }
    panic!("no {count} sessions have ended: {:#?}", summaries(records));
}
