//! What weir ships, built in: it works with no file at all.

use super::Source;

/// One file of `policies/default`.
macro_rules! shipped {
    ($file:literal) => {
        (
            $file,
            include_str!(concat!("../../../../policies/default/", $file)),
        )
    };
}

/// Name and text of each source, from `policies/` of the repository.
const SOURCES: &[(&str, &str)] = &[
    shipped!("00-permits.cedar"),
    shipped!("10-unreadable.cedar"),
    shipped!("20-destroy.cedar"),
    shipped!("30-privilege.cedar"),
    shipped!("40-outside.cedar"),
    shipped!("50-masking.cedar"),
    shipped!("60-settings.cedar"),
    shipped!("70-ddl.cedar"),
    shipped!("80-names.cedar"),
    shipped!("90-signals.cedar"),
];

/// The policies.
pub(super) fn policies() -> Vec<Source> {
    SOURCES
        .iter()
        .map(|(name, text)| Source {
            name: (*name).into(),
            text: (*text).into(),
        })
        .collect()
}

/// The cases that hold for the policies.
pub(crate) fn cases() -> Vec<Source> {
    let all = [
        (
            "names.toml",
            include_str!("../../../../policies/tests/names.toml"),
        ),
        (
            "statements.toml",
            include_str!("../../../../policies/tests/statements.toml"),
        ),
    ];
    let source = |(name, text): (&str, &str)| Source {
        name: name.into(),
        text: text.into(),
    };
    all.map(source).into()
}

/// The masking rules.
pub(super) fn masking() -> Source {
    let text = include_str!("../../../../policies/masking.toml");
    Source {
        name: "masking.toml".into(),
        text: text.into(),
    }
}

/// The signals.
pub(super) fn signals() -> Source {
    let text = include_str!("../../../../policies/signals.toml");
    Source {
        name: "signals.toml".into(),
        text: text.into(),
    }
}
