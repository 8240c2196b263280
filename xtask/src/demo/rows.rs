//! Reading psql's tables.

/// The rows of the last table that psql drew, their columns separated by `|` as unaligned psql
/// prints them.
pub(super) fn last_table(text: &str) -> Vec<String> {
    let mut rows = Vec::new();
    let mut within = false;
    for line in text.lines() {
        if is_rule(line) {
            rows.clear();
            within = true;
        } else if line.starts_with('(') && (line.ends_with(" rows)") || line.ends_with(" row)")) {
            within = false;
        } else if within {
            rows.push(line.split('|').map(str::trim).collect::<Vec<_>>().join("|"));
        }
    }
    rows
}

/// The line below the names of the columns.
fn is_rule(line: &str) -> bool {
    !line.is_empty() && line.chars().all(|c| matches!(c, '-' | '+'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_of_several_tables_is_read() {
        let text = " count \n-------\n    60\n(1 row)\n\nERROR:  no\n id | item    \n----+---------\n  \
                    1 | lantern\n  2 | tea kettle\n(2 rows)\n\n";
        assert_eq!(last_table(text), ["1|lantern", "2|tea kettle"]);
        assert!(last_table("ERROR:  no\n").is_empty());
    }
}
