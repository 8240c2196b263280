//! Entities that a policy names: an id that nothing can ever have would make the policy silently
//! weaker than it looks.

use cedar_policy::{Effect, EntityUid};

use crate::{DataClass, MaskingRules, path, vocabulary::Kind};

/// What is wrong with a named entity.
#[derive(Debug, thiserror::Error)]
pub(super) enum BadLiteral {
    #[error("`{id}` can't be a {}: it is written {shape}", kind.as_str())]
    Shape {
        kind: Kind,
        id: String,
        shape: &'static str,
    },
    #[error("no data class is called `{id}`")]
    UnknownClass { id: String, declared: String },
    #[error("a permit on a column permits nothing")]
    PermitsColumn,
    /// Only a warning.
    #[error("this forbid holds only where a statement names the relation without its schema")]
    OnlyUnqualified,
}

impl BadLiteral {
    /// Whether the bundle may load nevertheless.
    pub(super) fn is_warning(&self) -> bool {
        matches!(self, Self::OnlyUnqualified)
    }

    /// The way out.
    pub(super) fn help(&self) -> Option<String> {
        match self {
            Self::Shape { kind, .. } if *kind == Kind::Host => {
                Some("in lower case, without the final dot, and with no star: a domain covers what lies below it".into())
            }
            Self::Shape { .. } => {
                Some("inside a name, a slash is %2F and a percent sign %25".into())
            }
            Self::UnknownClass { declared, .. } => {
                Some(format!("masking.toml declares: {declared}"))
            }
            Self::PermitsColumn => Some(
                "permit the relation, and forbid its columns; or permit it `when` \
                 `context.columns_read` holds no other and `context.all_columns` is false"
                    .into(),
            ),
            Self::OnlyUnqualified => {
                Some("name the schema, or compare `resource.name`, which covers both".into())
            }
        }
    }
}

/// Checks one entity of a policy with this effect.
pub(super) fn check(
    literal: &EntityUid,
    effect: Effect,
    masking: Option<&MaskingRules>,
) -> Result<(), BadLiteral> {
    let Some(kind) = Kind::of(literal) else {
        return Ok(());
    };
    let id = literal.id().unescaped();
    let bad = |shape| {
        Err(BadLiteral::Shape {
            kind,
            id: id.escape_debug().to_string(),
            shape,
        })
    };
    let parts = path::split(id).map_or(0, |names| names.len());
    match kind {
        Kind::Subject | Kind::Group | Kind::Target if id.is_empty() => bad("as its plain name"),
        Kind::Subject | Kind::Group | Kind::Target => Ok(()),
        Kind::Host if !is_host(id) => bad("as its name"),
        Kind::Host => Ok(()),
        Kind::Database if parts != 2 => bad("target/database"),
        Kind::Schema if parts != 3 => bad("target/database/schema"),
        Kind::Relation if parts == 3 && effect == Effect::Forbid => {
            Err(BadLiteral::OnlyUnqualified)
        }
        Kind::Relation if !matches!(parts, 3 | 4) => bad("target/database/schema/relation"),
        Kind::Column if effect == Effect::Permit => Err(BadLiteral::PermitsColumn),
        Kind::Column if parts == 4 => Err(BadLiteral::OnlyUnqualified),
        Kind::Column if parts != 5 => bad("target/database/schema/relation/column"),
        Kind::Database | Kind::Schema | Kind::Relation | Kind::Column => Ok(()),
        Kind::DataClass => match masking {
            Some(masking) if !masking.classes().any(|class| class.as_str() == id) => {
                let declared: Vec<&str> = masking.classes().map(DataClass::as_str).collect();
                Err(BadLiteral::UnknownClass {
                    id: id.escape_debug().to_string(),
                    declared: declared.join(", "),
                })
            }
            _ => Ok(()),
        },
    }
}

/// Whether the DNS can be asked about such a name, as it is put to policy.
pub(crate) fn is_host(id: &str) -> bool {
    id.split('.').all(|label| {
        !label.is_empty()
            && label
                .bytes()
                .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'))
    })
}
