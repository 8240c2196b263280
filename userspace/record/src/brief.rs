//! The outcome of nearly every command, in a few bytes: it was completed, in these words, with so
//! many rows. What says more is told as an event.
//!
//! Job: these bytes, there and back (`FORMAT.md`, an entry of kind 5). Not its job: when they are
//! written.

use crate::{MaskedColumns, Outcome, Status};

/// Appends an outcome. False, and nothing appended, where it says more than can be told so.
pub(crate) fn append(outcome: &Outcome, to: &mut Vec<u8>) -> bool {
    let Outcome {
        status: Status::Completed { tag },
        rows,
        bytes,
        masked,
        masked_columns,
        detected,
        sent: None,
        micros,
    } = outcome
    else {
        return false;
    };
    let short = |length: usize| u16::try_from(length).ok();
    let mut counts = masked_columns.iter().map(|one| short(one.columns.len()));
    let (Some(results), true, true) = (
        short(masked_columns.len()),
        counts.all(|count| count.is_some()),
        detected.is_empty(),
    ) else {
        return false;
    };
    for number in [rows, bytes, masked, micros] {
        to.extend_from_slice(&number.to_le_bytes());
    }
    to.extend_from_slice(&results.to_le_bytes());
    for MaskedColumns { statement, columns } in masked_columns {
        to.extend_from_slice(&statement.to_le_bytes());
        to.extend_from_slice(&short(columns.len()).unwrap_or(0).to_le_bytes());
        for column in columns {
            to.extend_from_slice(&column.to_le_bytes());
        }
    }
    to.extend_from_slice(tag.as_bytes());
    true
}

/// Reads what [`append`] wrote; nothing where it can't have.
pub(crate) fn read(bytes: &[u8]) -> Option<Outcome> {
    let (rows, rest) = bytes.split_first_chunk()?;
    let (shown, rest) = rest.split_first_chunk()?;
    let (masked, rest) = rest.split_first_chunk()?;
    let (micros, rest) = rest.split_first_chunk()?;
    let (results, mut rest) = rest.split_first_chunk()?;
    let mut masked_columns = Vec::new();
    for _ in 0..u16::from_le_bytes(*results) {
        let (statement, more) = rest.split_first_chunk()?;
        let (count, more) = more.split_first_chunk()?;
        let count = usize::from(u16::from_le_bytes(*count));
        let (columns, more) = more.split_at_checked(count * 2)?;
        let (columns, _) = columns.as_chunks();
        masked_columns.push(MaskedColumns {
            statement: u32::from_le_bytes(*statement),
            columns: columns.iter().copied().map(u16::from_le_bytes).collect(),
        });
        rest = more;
    }
    Some(Outcome {
        status: Status::Completed {
            tag: str::from_utf8(rest).ok()?.to_owned(),
        },
        rows: u64::from_le_bytes(*rows),
        bytes: u64::from_le_bytes(*shown),
        masked: u64::from_le_bytes(*masked),
        masked_columns,
        detected: Vec::new(),
        sent: None,
        micros: u64::from_le_bytes(*micros),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_told_is_read_and_what_is_cut_is_not(
            tag in "\\PC{0,20}",
            numbers in any::<[u64; 4]>(),
            results in prop::collection::vec((any::<u32>(), prop::collection::vec(any::<u16>(), 0..5)), 0..4),
            cut in any::<prop::sample::Index>(),
        ) {
            let [rows, bytes, masked, micros] = numbers;
            let masked_columns = results.into_iter();
            let masked_columns = masked_columns.map(|(statement, columns)| MaskedColumns { statement, columns });
            let outcome = Outcome {
                status: Status::Completed { tag: tag.clone() },
                rows,
                bytes,
                masked,
                masked_columns: masked_columns.collect(),
                detected: Vec::new(),
                sent: None,
                micros,
            };
            let mut told = b"before".to_vec();
            prop_assert!(append(&outcome, &mut told));
            let told = told.strip_prefix(b"before").unwrap();
            prop_assert_eq!(read(told), Some(outcome));
            let numbers = told.len() - tag.len();
            prop_assert_eq!(read(&told[..cut.index(numbers)]), None);
        }

        #[test]
        fn whatever_comes_is_read_or_not(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Some(outcome) = read(&bytes) {
                let mut again = Vec::new();
                prop_assert!(append(&outcome, &mut again));
                prop_assert_eq!(again, bytes);
            }
        }
    }

    #[test]
    fn what_says_more_is_told_otherwise() {
        let plain = crate::samples::outcome(3, 0);
        let mut to = Vec::new();
        assert!(append(&plain, &mut to));
        let length = to.len();
        let others = [
            Outcome {
                status: Status::Lost,
                ..plain.clone()
            },
            Outcome {
                sent: Some(1),
                ..plain.clone()
            },
            Outcome {
                masked_columns: vec![MaskedColumns {
                    statement: 0,
                    columns: vec![0; 65_536],
                }],
                ..plain
            },
        ];
        for other in others {
            assert!(!append(&other, &mut to));
            assert_eq!(to.len(), length);
        }
    }
}
