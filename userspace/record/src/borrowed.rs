//! The writer's view of the events: the JSON of [`Event`](crate::Event), from borrowed values, so
//! that recording a command does not copy its text. A test writes these and reads those.

use std::{collections::BTreeMap, fmt, sync::Arc};

use serde::{Serialize, Serializer};
use weir_command::{Access, Object, OpaqueReason, Statement};
use weir_policy::{Ask, PolicyVersion, RaisedSignal, Refusal, WouldBe};

use crate::{Approval, Circumstances, End, LookedUp, Outcome, Process, Seq, SessionStart};

#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum EventRef<'a> {
    Start(&'a SessionStart),
    Opened {
        database: &'a str,
        user: &'a str,
        settings: &'a BTreeMap<String, String>,
    },
    Process(&'a Process),
    Intent(IntentRef<'a>),
    Approval {
        seq: Seq,
        at: i64,
        #[serde(flatten)]
        approval: &'a Approval,
    },
    Outcome {
        seq: Seq,
        outcome: &'a Outcome,
    },
    Note {
        message: &'a str,
    },
    End(&'a End),
}

#[derive(Clone, Serialize)]
pub(crate) struct IntentRef<'a> {
    pub(crate) seq: Seq,
    pub(crate) at: i64,
    pub(crate) text: &'a str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(crate) parameters: &'a [Option<String>],
    pub(crate) statements: Statements<'a>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(crate) signals: &'a [RaisedSignal],
    pub(crate) verdict: VerdictRef<'a>,
    pub(crate) policy_version: &'a PolicyVersion,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) context: Option<Circumstances>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) lookup: Option<LookedUp>,
}

#[derive(Clone, Serialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub(crate) enum VerdictRef<'a> {
    Allow {
        policies: &'a [String],
        #[serde(skip_serializing_if = "Option::is_none")]
        would_be: Option<&'a VerdictRef<'a>>,
        #[serde(skip_serializing_if = "<[_]>::is_empty")]
        approved_by: &'a [String],
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        only_prepares: bool,
    },
    Deny {
        rule: &'a str,
        message: &'a str,
        policies: &'a [String],
    },
    Ask {
        approvers: Vec<String>,
        message: Option<&'a str>,
        policies: &'a [String],
    },
}

impl<'a> From<&'a Refusal> for VerdictRef<'a> {
    fn from(refusal: &'a Refusal) -> Self {
        Self::Deny {
            rule: &refusal.rule,
            message: &refusal.message,
            policies: &refusal.deciding,
        }
    }
}

impl<'a> From<&'a Ask> for VerdictRef<'a> {
    fn from(ask: &'a Ask) -> Self {
        Self::Ask {
            approvers: ask.approvers(),
            message: ask.message(),
            policies: ask.deciding(),
        }
    }
}

impl<'a> From<&'a WouldBe> for VerdictRef<'a> {
    fn from(would_be: &'a WouldBe) -> Self {
        match would_be {
            WouldBe::Deny(refusal) => refusal.into(),
            WouldBe::Ask(ask) => ask.into(),
        }
    }
}

/// Statements as they were read. Where they are shared, one who sees them again need not look at
/// them.
#[derive(Clone, Copy, Debug)]
pub struct ReadAs<'a> {
    list: &'a [Statement],
    shared: Option<&'a Arc<[Statement]>>,
}

impl<'a> ReadAs<'a> {
    pub(crate) fn list(self) -> &'a [Statement] {
        self.list
    }

    pub(crate) fn share(self) -> Arc<[Statement]> {
        self.shared.map_or_else(|| self.list.into(), Arc::clone)
    }

    pub(crate) fn is(self, known: &Arc<[Statement]>) -> bool {
        self.shared.is_some_and(|shared| Arc::ptr_eq(shared, known)) || *self.list == **known
    }
}

impl<'a> From<&'a [Statement]> for ReadAs<'a> {
    fn from(list: &'a [Statement]) -> Self {
        Self { list, shared: None }
    }
}

impl<'a, const N: usize> From<&'a [Statement; N]> for ReadAs<'a> {
    fn from(list: &'a [Statement; N]) -> Self {
        Self::from(&list[..])
    }
}

impl<'a> From<&'a Vec<Statement>> for ReadAs<'a> {
    fn from(list: &'a Vec<Statement>) -> Self {
        Self::from(list.as_slice())
    }
}

impl<'a> From<&'a Arc<[Statement]>> for ReadAs<'a> {
    fn from(shared: &'a Arc<[Statement]>) -> Self {
        Self {
            list: shared,
            shared: Some(shared),
        }
    }
}

/// Statements as an event tells them.
#[derive(Clone, Copy)]
pub(crate) enum Statements<'a> {
    /// All that was read in them.
    Whole(ReadAs<'a>),
    /// What they ask for and name, without what is quoted of their text.
    Outlined(&'a [Statement]),
}

#[derive(Serialize)]
struct StatementRef<'a> {
    verb: &'a str,
    #[serde(serialize_with = "objects")]
    objects: &'a [Object],
    #[serde(serialize_with = "why_opaque")]
    opaque: Option<WhyOpaque<'a>>,
}

struct WhyOpaque<'a> {
    reason: OpaqueReason,
    detail: Option<&'a str>,
}

impl<'a> From<&'a Statement> for StatementRef<'a> {
    fn from(statement: &'a Statement) -> Self {
        match statement {
            Statement::Command(command) => Self {
                verb: command.verb.as_str(),
                objects: &command.objects,
                opaque: None,
            },
            Statement::Opaque(opaque) => Self {
                verb: "opaque",
                objects: &[],
                opaque: Some(WhyOpaque {
                    reason: opaque.reason,
                    detail: Some(&opaque.detail),
                }),
            },
        }
    }
}

impl Serialize for Statements<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Whole(all) => serializer.collect_seq(all.list().iter().map(StatementRef::from)),
            Self::Outlined(all) => serializer.collect_seq(all.iter().map(|statement| {
                let mut outlined = StatementRef::from(statement);
                if let Some(opaque) = &mut outlined.opaque {
                    opaque.detail = None;
                }
                outlined
            })),
        }
    }
}

fn objects<S: Serializer>(all: &[Object], serializer: S) -> Result<S::Ok, S::Error> {
    struct Used<'a>(&'a Object);
    impl Serialize for Used<'_> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_str(&fmt::from_fn(|f| object(self.0, f)))
        }
    }
    serializer.collect_seq(all.iter().map(Used))
}

fn why_opaque<S: Serializer>(
    opaque: &Option<WhyOpaque<'_>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match opaque {
        None => serializer.serialize_none(),
        Some(WhyOpaque { reason, detail }) => {
            let reason = reason_name(*reason);
            match detail {
                Some(detail) => serializer.collect_str(&format_args!("{reason}: {detail}")),
                None => serializer.serialize_str(reason),
            }
        }
    }
}

fn object(object: &Object, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str(match object.access {
        Access::Read => "read ",
        Access::Write => "write ",
        Access::Define => "define ",
    })?;
    for qualifier in [&object.database, &object.schema].into_iter().flatten() {
        identifier(qualifier, f)?;
        f.write_str(".")?;
    }
    identifier(&object.name, f)
}

/// An object as records tell it.
#[cfg(test)]
pub(crate) fn shown(used: &Object) -> String {
    fmt::from_fn(|f| object(used, f)).to_string()
}

/// A name that holds a dot, a space or a capital is quoted, so that no name can look like another.
fn identifier(name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let plain = !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name
            .bytes()
            .all(|c| matches!(c, b'a'..=b'z' | b'0'..=b'9' | b'_'));
    if plain {
        return f.write_str(name);
    }
    f.write_str("\"")?;
    for (part, piece) in name.split('"').enumerate() {
        if part > 0 {
            f.write_str("\"\"")?;
        }
        f.write_str(piece)?;
    }
    f.write_str("\"")
}

fn reason_name(reason: OpaqueReason) -> &'static str {
    match reason {
        OpaqueReason::Encoding => "encoding",
        OpaqueReason::Syntax => "syntax",
        OpaqueReason::TooLarge => "too_large",
        OpaqueReason::Unsupported => "unsupported",
        OpaqueReason::ChangesLexing => "changes_lexing",
    }
}
