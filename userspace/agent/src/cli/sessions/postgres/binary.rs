//! PostgreSQL's binary formats of the common types, as text.
//!
//! Source: the `*send` functions of PostgreSQL's data types; they are documented only there. Not
//! its job: types it doesn't know (arrays, intervals, ranges …), which are shown as bytes. Known
//! limit: dates outside the years -9999 to 9999 are shown as bytes, too.

use jiff::{
    SignedDuration, Span,
    civil::{Date, DateTime, Time, date},
};

use super::oid;

const EPOCH: Date = date(2000, 1, 1);
const DAY_MICROS: i64 = 86_400_000_000;

/// A value in its type's binary format, as text; `None` where the type or the value isn't known.
pub(super) fn text(type_oid: u32, bytes: &[u8]) -> Option<String> {
    Some(match type_oid {
        oid::BOOL => match bytes {
            [0] => "f".to_owned(),
            [1] => "t".to_owned(),
            _ => return None,
        },
        oid::INT2 => i16::from_be_bytes(bytes.try_into().ok()?).to_string(),
        oid::INT4 => i32::from_be_bytes(bytes.try_into().ok()?).to_string(),
        oid::INT8 => i64::from_be_bytes(bytes.try_into().ok()?).to_string(),
        oid::OID => u32::from_be_bytes(bytes.try_into().ok()?).to_string(),
        oid::FLOAT4 => float(f32::from_be_bytes(bytes.try_into().ok()?), f32::to_string),
        oid::FLOAT8 => float(f64::from_be_bytes(bytes.try_into().ok()?), f64::to_string),
        oid::NUMERIC => numeric(bytes)?,
        oid::UUID => uuid(bytes.try_into().ok()?),
        oid::DATE => day(i32::from_be_bytes(bytes.try_into().ok()?))?,
        oid::TIME => time(i64::from_be_bytes(bytes.try_into().ok()?))?,
        oid::TIMESTAMP => moment(i64::from_be_bytes(bytes.try_into().ok()?), "")?,
        oid::TIMESTAMPTZ => moment(i64::from_be_bytes(bytes.try_into().ok()?), "+00")?,
        oid::BYTEA => hex(bytes),
        oid::JSONB => {
            let (version, json) = bytes.split_first()?;
            (*version == 1)
                .then(|| std::str::from_utf8(json).ok())
                .flatten()?
                .to_owned()
        }
        oid::TEXT
        | oid::VARCHAR
        | oid::BPCHAR
        | oid::NAME
        | oid::JSON
        | oid::XML
        | oid::UNKNOWN => std::str::from_utf8(bytes).ok()?.to_owned(),
        _ => return None,
    })
}

/// Bytes as PostgreSQL writes them: `\x0102`.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold("\\x".to_owned(), |text, byte| text + &format!("{byte:02x}"))
}

/// Rust writes out every digit of `1e300`; past what a person reads, the exponent is better.
fn float<T: Copy + Into<f64> + std::fmt::LowerExp>(value: T, plain: fn(&T) -> String) -> String {
    let size = value.into().abs();
    if size.is_nan() {
        "NaN".to_owned()
    } else if size.is_infinite() {
        if value.into() > 0.0 {
            "Infinity"
        } else {
            "-Infinity"
        }
        .to_owned()
    } else if size == 0.0 || (1e-5..1e15).contains(&size) {
        plain(&value)
    } else {
        format!("{value:e}")
    }
}

fn uuid(bytes: [u8; 16]) -> String {
    let hex = format!("{:032x}", u128::from_be_bytes(bytes));
    hex.char_indices()
        .fold(String::with_capacity(36), |mut text, (place, digit)| {
            if matches!(place, 8 | 12 | 16 | 20) {
                text.push('-');
            }
            text.push(digit);
            text
        })
}

fn day(days: i32) -> Option<String> {
    match days {
        i32::MAX => Some("infinity".to_owned()),
        i32::MIN => Some("-infinity".to_owned()),
        days => {
            let span = Span::new().try_days(days).ok()?;
            Some(EPOCH.checked_add(span).ok()?.to_string())
        }
    }
}

fn time(micros: i64) -> Option<String> {
    if micros == DAY_MICROS {
        return Some("24:00:00".to_owned());
    }
    (0..DAY_MICROS).contains(&micros).then_some(())?;
    let time = Time::midnight()
        .checked_add(SignedDuration::from_micros(micros))
        .ok()?;
    Some(time.strftime("%H:%M:%S%.f").to_string())
}

fn moment(micros: i64, zone: &str) -> Option<String> {
    match micros {
        i64::MAX => Some("infinity".to_owned()),
        i64::MIN => Some("-infinity".to_owned()),
        micros => {
            let start: DateTime = EPOCH.into();
            let moment = start
                .checked_add(SignedDuration::from_micros(micros))
                .ok()?;
            Some(format!("{}{zone}", moment.strftime("%Y-%m-%d %H:%M:%S%.f")))
        }
    }
}

/// Four 16-bit numbers (count of digits, weight of the first, sign, digits after the point), then
/// digits to the base of 10,000.
fn numeric(bytes: &[u8]) -> Option<String> {
    let mut words = bytes
        .chunks(2)
        .map(|pair| pair.try_into().ok().map(i16::from_be_bytes));
    let mut word = || words.next().flatten();
    let (count, weight, sign, scale) = (word()?, word()?, word()?, word()?);
    let minus = match sign.to_be_bytes() {
        [0x00, 0x00] => "",
        [0x40, 0x00] => "-",
        [0xc0, 0x00] => return Some("NaN".to_owned()),
        [0xd0, 0x00] => return Some("Infinity".to_owned()),
        [0xf0, 0x00] => return Some("-Infinity".to_owned()),
        _ => return None,
    };
    let digits: Vec<i16> = words.collect::<Option<_>>()?;
    let scale = usize::try_from(scale).ok()?;
    if usize::try_from(count).ok()? != digits.len()
        || digits.iter().any(|digit| !(0..10_000).contains(digit))
    {
        return None;
    }
    // The place of a group counts from the first digit that is there.
    let group = |place: i32| {
        usize::try_from(place)
            .ok()
            .and_then(|place| digits.get(place))
            .copied()
            .unwrap_or(0)
    };
    let weight = i32::from(weight);
    let whole: String = (0..=weight)
        .map(|place| format!("{:04}", group(place)))
        .collect();
    let whole = whole.trim_start_matches('0');
    let fraction: String = (weight + 1..)
        .take(scale.div_ceil(4))
        .map(|place| format!("{:04}", group(place)))
        .collect();
    let fraction = fraction.get(..scale)?;
    let point = if scale > 0 { "." } else { "" };
    Some(format!(
        "{minus}{}{point}{fraction}",
        if whole.is_empty() { "0" } else { whole }
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[i16]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_be_bytes()).collect()
    }

    #[test]
    fn common_types_read_as_psql_writes_them() {
        let noon = 12 * 3_600 * 1_000_000_i64 + 340_000;
        for (type_oid, bytes, expected) in [
            (oid::BOOL, vec![1], "t"),
            (oid::INT2, (-2_i16).to_be_bytes().to_vec(), "-2"),
            (oid::INT4, 70_000_i32.to_be_bytes().to_vec(), "70000"),
            (
                oid::INT8,
                i64::MIN.to_be_bytes().to_vec(),
                "-9223372036854775808",
            ),
            (oid::FLOAT4, 1.5_f32.to_be_bytes().to_vec(), "1.5"),
            (oid::FLOAT8, 1e300_f64.to_be_bytes().to_vec(), "1e300"),
            (
                oid::FLOAT8,
                f64::NEG_INFINITY.to_be_bytes().to_vec(),
                "-Infinity",
            ),
            (oid::TEXT, "grüße".into(), "grüße"),
            (oid::JSONB, b"\x01{}".to_vec(), "{}"),
            (oid::DATE, (-1_i32).to_be_bytes().to_vec(), "1999-12-31"),
            (oid::DATE, i32::MAX.to_be_bytes().to_vec(), "infinity"),
            (oid::TIME, noon.to_be_bytes().to_vec(), "12:00:00.34"),
            (
                oid::TIMESTAMP,
                0_i64.to_be_bytes().to_vec(),
                "2000-01-01 00:00:00",
            ),
            (
                oid::TIMESTAMPTZ,
                noon.to_be_bytes().to_vec(),
                "2000-01-01 12:00:00.34+00",
            ),
            (oid::BYTEA, vec![0, 255], "\\x00ff"),
            (
                oid::UUID,
                (0x0123_4567_89ab_cdef_0123_4567_89ab_cdef_u128)
                    .to_be_bytes()
                    .to_vec(),
                "01234567-89ab-cdef-0123-456789abcdef",
            ),
        ] {
            assert_eq!(text(type_oid, &bytes).as_deref(), Some(expected));
        }
    }

    #[test]
    fn numerics_keep_every_digit() {
        for (value, expected) in [
            (words(&[0, 0, 0, 0]), "0"),
            (words(&[0, 0, 0, 2]), "0.00"),
            (words(&[2, 1, 0, 0, 12, 3456]), "123456"),
            (words(&[1, 1, 0, 0, 5]), "50000"),
            (words(&[2, 0, 0x4000, 2, 19, 9900]), "-19.99"),
            (words(&[1, -2, 0, 8, 1200]), "0.00001200"),
            (words(&[0, 0, -0x4000, 0]), "NaN"),
        ] {
            assert_eq!(text(oid::NUMERIC, &value).as_deref(), Some(expected));
        }
    }

    #[test]
    fn what_is_malformed_is_not_guessed_at() {
        for (type_oid, bytes) in [
            (oid::BOOL, vec![2]),
            (oid::INT4, vec![1, 2, 3]),
            (oid::TEXT, vec![0xff]),
            (oid::JSONB, vec![]),
            (oid::JSONB, vec![2, b'{', b'}']),
            (oid::UUID, vec![0; 15]),
            (oid::DATE, 2_000_000_000_i32.to_be_bytes().to_vec()),
            (oid::TIME, (-1_i64).to_be_bytes().to_vec()),
            (oid::TIMESTAMP, (i64::MAX - 1).to_be_bytes().to_vec()),
            (oid::NUMERIC, vec![]),
            (oid::NUMERIC, words(&[1, 0, 0, 0, 10_000])),
            (oid::NUMERIC, words(&[9, 0, 0, 0, 1])),
            (oid::NUMERIC, words(&[0, 0, 0x1234, 0])),
            (oid::NUMERIC, words(&[0, 0, 0, -1])),
            (oid::NUMERIC, vec![0; 9]),
            (999_999, vec![1]),
        ] {
            assert_eq!(text(type_oid, &bytes), None, "{type_oid} {bytes:?}");
        }
    }
}
