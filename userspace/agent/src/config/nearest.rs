//! Did you mean …? The nearest of the words that would have been right.

/// Words longer than this are never compared: the cost grows with the square.
const LONGEST: usize = 64;

/// The candidate that a person most likely meant, if any is near.
pub(super) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let word = word.to_ascii_lowercase();
    let length = word.chars().count();
    if length > LONGEST {
        return None;
    }
    candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= LONGEST)
        .filter_map(|candidate| {
            let lower = candidate.to_ascii_lowercase();
            let near = distance(&word, &lower);
            // One slip in three letters; or the beginning of a longer word.
            let slips = near <= (length.max(lower.len()) / 3).max(1);
            let begun = length >= 3 && lower.starts_with(&*word);
            (slips && near < length.max(1) || begun).then_some((near, candidate))
        })
        .min_by_key(|(near, _)| *near)
        .map(|(_, candidate)| candidate)
}

/// How many letters to put in, take out, replace or swap with their neighbour (optimal string
/// alignment).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    let mut last_a = None;
    for (i, ca) in a.chars().enumerate() {
        let mut row = Vec::with_capacity(b.len() + 1);
        let mut left = i + 1;
        row.push(left);
        let mut last_b = None;
        for (j, cb) in b.iter().copied().enumerate() {
            let at = |row: &[usize], j: usize| row.get(j).copied().unwrap_or(usize::MAX);
            let replaced = at(&above, j).saturating_add(usize::from(ca != cb));
            let mut best = replaced
                .min(left + 1)
                .min(at(&above, j + 1).saturating_add(1));
            if last_a == Some(cb) && last_b == Some(ca) {
                let swapped = j.checked_sub(1).map_or(usize::MAX, |j| at(&before, j));
                best = best.min(swapped.saturating_add(1));
            }
            row.push(best);
            left = best;
            last_b = Some(cb);
        }
        before = std::mem::replace(&mut above, row);
        last_a = Some(ca);
    }
    above.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{distance, nearest};

    #[test]
    fn slips_are_seen_through_and_strangers_are_not() {
        let keys = [
            "name",
            "protocol",
            "hosts",
            "cidrs",
            "ports",
            "password_file",
            "ca",
        ];
        for (word, meant) in [
            ("host", Some("hosts")),
            ("prots", Some("ports")),
            ("protocl", Some("protocol")),
            ("Name", Some("name")),
            ("password", Some("password_file")),
            ("cidr", Some("cidrs")),
            ("banana", None),
            ("", None),
            ("x", None),
            (&"p".repeat(10_000), None),
        ] {
            assert_eq!(nearest(word, keys), meant, "{word}");
        }
    }

    #[test]
    fn the_distance_counts_slips() {
        for (a, b, slips) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("abc", "acb", 1),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(a, b), slips, "{a} {b}");
        }
    }

    proptest! {
        #[test]
        fn the_distance_is_symmetric_bounded_and_zero_only_for_the_same(
            a in "[ab]{0,8}", b in "[ab]{0,8}",
        ) {
            let far = distance(&a, &b);
            prop_assert_eq!(far, distance(&b, &a));
            prop_assert!(far <= a.len().max(b.len()));
            prop_assert!(far >= a.len().abs_diff(b.len()));
            prop_assert_eq!(far == 0, a == b);
        }
    }
}
