//! Sizes in bytes: `65536`, `"64KiB"`, `"64 MiB"`.

use super::{
    invalid::{InvalidValue, quoted},
    value::Value,
};

/// The size that a value names, if it lies between these bounds.
pub(super) fn read(value: &Value<'_>, least: usize, most: usize) -> Option<usize> {
    let bytes = match value.integer() {
        Some(bytes) => bytes,
        None if value.is_text() => value.check(bytes)?,
        None => return value.mistyped("a size, as \"64MiB\" or an integer of bytes"),
    };
    let size = usize::try_from(bytes)
        .ok()
        .filter(|size| (least..=most).contains(size));
    if size.is_none() {
        value.wrong(
            InvalidValue::new(format!("{bytes} bytes are out of bounds")).help(format!(
                "from {} KiB to {} MiB can be had",
                least >> 10,
                most >> 20
            )),
        );
    }
    size
}

/// A size with its unit: `64MiB`.
pub(crate) fn bytes(text: &str) -> Result<u64, InvalidValue> {
    let wrong = || InvalidValue::new(format!("{} is not a size", quoted(text)));
    let help = "write an integer of bytes, or a text as \"512KiB\", \"64MiB\" or \"1GiB\"";
    let unit_at = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(unit_at).ok_or_else(wrong)?;
    let shift = match unit.trim_start() {
        "B" => 0,
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        // Taken for the other kind, either would be a surprise.
        "kB" | "KB" | "MB" | "GB" | "K" | "M" | "G" | "k" => {
            let first = unit
                .trim_start()
                .get(..1)
                .unwrap_or_default()
                .to_ascii_uppercase();
            return Err(wrong().help(format!("did you mean \"{number}{first}iB\"?")));
        }
        _ => return Err(wrong().help(help)),
    };
    let number: u64 = number.parse().map_err(|_| wrong().help(help))?;
    number
        .checked_mul(1 << shift)
        .ok_or_else(|| wrong().help(help))
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn sizes_say_what_they_mean() {
        for (text, size) in [
            ("1B", 1),
            ("16KiB", 16 << 10),
            ("64MiB", 64 << 20),
            ("64 MiB", 64 << 20),
            ("1GiB", 1 << 30),
        ] {
            assert_eq!(bytes(text), Ok(size));
        }
        for bad in [
            "",
            "64",
            "64MB",
            "64M",
            "MiB",
            "-1KiB",
            "1.5MiB",
            "64mib",
            "99999999999GiB",
            "18446744073709551616B",
        ] {
            assert!(bytes(bad).is_err(), "{bad}");
        }
    }
}
