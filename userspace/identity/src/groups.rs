//! Which claims are groups: where they stand, and how they are called here.

use std::str::FromStr;

use serde_json::Value;

/// Most groups that are taken from one token. A token with more is refused rather than cut: a group
/// that fell out could be one that forbids.
const MOST: usize = 1000;
/// Longest name of a group, in bytes.
const LONGEST: usize = 256;

/// Where a value stands in a document (RFC 6901), such as `/realm_access/roles`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pointer(String);

/// A text that points nowhere in any document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a JSON pointer begins with `/`, and has `~` only in `~0` and `~1`")]
pub struct NotAPointer;

impl FromStr for Pointer {
    type Err = NotAPointer;

    fn from_str(text: &str) -> Result<Self, NotAPointer> {
        let escaped = text
            .split('~')
            .skip(1)
            .all(|rest| rest.starts_with(['0', '1']));
        if text.starts_with('/') && escaped {
            return Ok(Self(text.to_owned()));
        }
        Err(NotAPointer)
    }
}

/// How claims become groups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Groups {
    /// Where they stand: a text or a list of texts at each. What a token doesn't have gives none.
    pub claims: Vec<Pointer>,
    /// What each begins with here, so that one provider's can't be taken for another's.
    pub prefix: String,
}

/// Claims that can't be groups.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GroupsError {
    /// Neither a text nor a list of texts.
    #[error("the claim at {0} is neither a text nor a list of texts")]
    Shape(String),
    /// More than are taken.
    #[error("the token names more than {MOST} groups; have the provider send fewer")]
    TooMany,
    /// Empty, too long or with control characters.
    #[error("the claim at {0} names a group that is empty, too long or has control characters")]
    Name(String),
}

impl Groups {
    /// The groups that these claims name, sorted.
    ///
    /// # Errors
    /// When what stands there can't be groups.
    pub fn of(&self, claims: &Value) -> Result<Vec<String>, GroupsError> {
        let mut groups = Vec::new();
        for Pointer(pointer) in &self.claims {
            let shape = || GroupsError::Shape(pointer.clone());
            let names: Vec<&str> = match claims.pointer(pointer) {
                None | Some(Value::Null) => continue,
                Some(Value::String(name)) => vec![name],
                Some(Value::Array(names)) => names
                    .iter()
                    .map(|name| name.as_str().ok_or_else(shape))
                    .collect::<Result<_, _>>()?,
                Some(_) => return Err(shape()),
            };
            if groups.len() + names.len() > MOST {
                return Err(GroupsError::TooMany);
            }
            for name in names {
                if name.is_empty() || name.len() > LONGEST || name.contains(char::is_control) {
                    return Err(GroupsError::Name(pointer.clone()));
                }
                groups.push(format!("{}{name}", self.prefix));
            }
        }
        groups.sort();
        groups.dedup();
        Ok(groups)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn groups(claims: &[&str]) -> Groups {
        Groups {
            claims: claims.iter().map(|claim| claim.parse().unwrap()).collect(),
            prefix: "corp:".into(),
        }
    }

    #[test]
    fn groups_are_found_where_they_stand_and_called_as_they_are_here() {
        let claims = json!({
            "groups": ["b", "a", "b"], "realm_access": {"roles": "dba"}, "a/b": ["odd"],
        });
        let found = groups(&["/groups", "/realm_access/roles", "/a~1b", "/none"]).of(&claims);
        assert_eq!(found.unwrap(), ["corp:a", "corp:b", "corp:dba", "corp:odd"]);
        assert!(Groups::default().of(&claims).unwrap().is_empty());
    }

    #[test]
    fn what_can_t_be_groups_is_an_error_and_never_cut() {
        let of = |value| groups(&["/groups"]).of(&json!({ "groups": value }));
        for bad in [json!(7), json!({"a": 1}), json!(["a", 7]), json!([["a"]])] {
            assert!(matches!(of(bad), Err(GroupsError::Shape(_))));
        }
        for bad in [json!(""), json!(["a\n"]), json!("x".repeat(LONGEST + 1))] {
            assert!(matches!(of(bad), Err(GroupsError::Name(_))));
        }
        let many: Vec<String> = (0..=MOST).map(|i| i.to_string()).collect();
        assert_eq!(of(json!(many)), Err(GroupsError::TooMany));
    }

    #[test]
    fn a_pointer_that_points_nowhere_is_refused() {
        for bad in ["", "groups", "/a~", "/a~2", "~0"] {
            assert!(bad.parse::<Pointer>().is_err(), "{bad}");
        }
    }
}
