//! Made-up people, with everything about them that is worth masking.

/// The tables and their rows, to be run by the role that shall own them.
pub(super) fn sql() -> &'static str {
    include_str!("sample.sql")
}

#[cfg(test)]
mod tests {
    /// Luhn's check over a number's digits.
    fn luhn(number: &str) -> bool {
        let sum: u32 = number
            .chars()
            .rev()
            .enumerate()
            .map(|(place, digit)| match digit.to_digit(10).unwrap() {
                digit if place % 2 == 0 => digit,
                digit if digit > 4 => digit * 2 - 9,
                digit => digit * 2,
            })
            .sum();
        sum.is_multiple_of(10)
    }

    #[test]
    fn every_card_number_is_one_that_a_detector_must_find() {
        assert!(!luhn("4242424242424241"));
        let cards: std::collections::BTreeSet<&str> = super::sql()
            .split('\'')
            .filter(|text| text.len() >= 14 && text.chars().all(|c| c.is_ascii_digit()))
            .collect();
        assert_eq!(cards.len(), 20, "one each, and no two the same");
        for card in cards {
            assert!(luhn(card), "{card}");
        }
    }
}
