//! `detectors`: what is looked for in values that no masking rule names.

use weir_policy::{Detector, Detectors};

use super::super::{
    invalid::{InvalidValue, quoted},
    nearest::nearest,
    value::Value,
};

/// The word for all that weir knows.
const ALL: &str = "all";
/// The word for those of the masking rules' own, which every other value brings along, too.
const OWN: &str = "own";

pub(super) fn read(value: &Value<'_>) -> Option<Detectors> {
    if value.is_text() {
        return value.check(|text| match text {
            ALL => Ok(Detectors::all()),
            OWN => Ok(Detectors::default()),
            _ => Err(
                InvalidValue::new(format!("{} is not a list of detectors", quoted(text))).help(
                    "write [\"card\", \"email\"], \"all\", or \"own\" for those of masking.toml",
                ),
            ),
        });
    }
    let named = value.some(|element| element.check(detector));
    Some(named.into_iter().map(toml::Spanned::into_inner).collect())
}

fn detector(name: &str) -> Result<Detector, InvalidValue> {
    Detector::named(name).ok_or_else(|| {
        let names: Vec<&str> = Detector::all().map(Detector::name).collect();
        let wrong = InvalidValue::new(format!("no detector is called {}", quoted(name)));
        wrong.help(match nearest(name, names.iter().copied()) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => format!("known are: {}", names.join(", ")),
        })
    })
}
