//! What is judged when the DNS is asked: a subject, a name, a record type, and what the shape of the
//! name says about whether it carries data.

use std::collections::{BTreeSet, HashMap};

use crate::Subject;

/// One question to [`Policies::judge_lookup`](crate::Policies::judge_lookup).
#[derive(Clone, Copy, Debug)]
pub struct Lookup<'a> {
    /// Who asks.
    pub subject: &'a Subject,
    /// About which name: lower case, without the final dot.
    pub host: &'a str,
    /// For which record type: `A`, `TXT`, `TYPE65534`.
    pub record_type: &'a str,
    /// When and where.
    pub context: &'a LookupContext,
}

/// Facts of the moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LookupContext {
    /// The workload's name.
    pub workload: String,
    /// Whether the name is a host of a target within the workload's reach.
    pub declared: bool,
    /// Different names that the workload was allowed in the last minute, with this one.
    pub names_per_minute: u32,
    /// The names of the signals that are raised.
    pub signals: BTreeSet<String>,
}

/// What a name's shape says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Characters, dots included.
    pub(crate) length: i64,
    pub(crate) labels: i64,
    /// What the most random label can carry, in bits, rounded down.
    pub(crate) label_bits: i64,
}

impl Shape {
    pub(crate) fn of(host: &str) -> Self {
        let count = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        Self {
            length: count(host.len()),
            labels: count(host.split('.').count()),
            label_bits: host.split('.').map(bits).max().unwrap_or(0),
        }
    }
}

/// The length of a text times the Shannon entropy of its bytes.
fn bits(text: &str) -> i64 {
    let mut counts: HashMap<u8, u32> = HashMap::new();
    for byte in text.bytes() {
        *counts.entry(byte).or_default() += 1;
    }
    let length: f64 = counts.values().copied().map(f64::from).sum();
    let bits: f64 = counts
        .values()
        .map(|count| f64::from(*count) * (length / f64::from(*count)).log2())
        .sum();
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a float to an integer saturates, and a name is short"
    )]
    let whole = bits as i64;
    whole
}

#[cfg(test)]
mod tests {
    use super::{Shape, bits};

    #[test]
    fn random_labels_stand_out_of_what_people_call_hosts() {
        for name in ["a", "", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"] {
            assert_eq!(bits(name), 0, "{name}");
        }
        for name in [
            "localhost",
            "db",
            "orders-db-primary",
            "s3",
            "postgres-replica-02",
        ] {
            assert!((1..80).contains(&bits(name)), "{name}: {}", bits(name));
        }
        let uuid = bits("6ba7b810-9dad-11d1-80b4-00c04fd430c8");
        assert!((100..=160).contains(&uuid), "{uuid}");
        let base32 = bits("mzxw6ytboi3dqobsgqytqnbtgu2tmnzyheydcmrtgq2tmnzyhe3tqnzwgiydami");
        assert!(base32 > 200, "{base32}");
    }

    #[test]
    fn a_name_is_as_random_as_its_most_random_label() {
        let shape = Shape::of("6ba7b810-9dad-11d1-80b4-00c04fd430c8.example.com");
        assert_eq!((shape.length, shape.labels), (48, 3));
        assert_eq!(
            shape.label_bits,
            bits("6ba7b810-9dad-11d1-80b4-00c04fd430c8")
        );
    }
}
