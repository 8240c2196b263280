//! What stands before a policy: `@id`, `@message`, `@approvers`, `@approvals`, `@timeout`,
//! `@always`.

use std::{collections::BTreeSet, ops::RangeInclusive};

use cedar_policy::{Effect, Policy};

use crate::OPERATOR;

/// Longest id, in bytes. It goes into every refusal.
const MAX_ID_LEN: usize = 128;

/// Longest message, in bytes. It goes to the agent in its own protocol.
const MAX_MESSAGE_LEN: usize = 500;

/// Ids of refusals that no policy decides.
pub(crate) const RESERVED: [&str; 3] = [
    crate::judge::DEFAULT_DENY,
    crate::judge::EVALUATION_ERROR,
    crate::judge::TOO_LARGE,
];

/// What there is.
const KEYS: [&str; 6] = [
    "id",
    "message",
    "approvers",
    "approvals",
    "timeout",
    "always",
];

/// How long an answer may be waited for, in seconds: up to a week.
const TIMEOUT: RangeInclusive<u64> = 1..=604_800;

/// How many people may be wanted.
const APPROVALS: RangeInclusive<u8> = 1..=10;

/// Checked annotations.
pub(super) struct Annotations {
    pub(super) id: String,
    pub(super) message: Option<String>,
    pub(super) approvers: Option<BTreeSet<String>>,
    pub(super) approvals: u8,
    pub(super) timeout_seconds: Option<u64>,
    pub(super) always: bool,
}

/// What is wrong with them.
#[derive(Debug, thiserror::Error)]
pub(super) enum BadAnnotation {
    #[error("this policy has no name")]
    NoId,
    #[error(
        "`{0}` can't be a policy's id: letters, digits, `-`, `_` and `.`, at most {MAX_ID_LEN}"
    )]
    Id(String),
    #[error("the id `{0}` is weir's own")]
    Reserved(String),
    #[error("no annotation is called `@{0}`")]
    Unknown(String),
    #[error("`@message` is one line of 1 to {MAX_MESSAGE_LEN} bytes")]
    Message,
    #[error("`@approvers` names groups and subjects, divided by commas")]
    Approvers,
    #[error("`@approvals` is a number of people, {} to {}", APPROVALS.start(), APPROVALS.end())]
    Approvals,
    #[error("nobody can give `@approvals` of several people where `@approvers` names only one")]
    NeverEnough,
    #[error("`@timeout` is a number of seconds, {} to {}", TIMEOUT.start(), TIMEOUT.end())]
    Timeout,
    #[error("`@{0}` is about asking, but the condition never looks at `context.approved`")]
    NeverAsks(&'static str),
    #[error("`@always` stands alone, before a forbid that no human can lift")]
    Always,
}

impl BadAnnotation {
    /// The way out.
    pub(super) fn help(&self) -> Option<&'static str> {
        match self {
            Self::NoId => Some("a refusal names its rule: write @id(\"a-name\") before the policy"),
            Self::Unknown(_) => {
                Some("there are @id, @message, @approvers, @approvals, @timeout and @always")
            }
            Self::NeverAsks(_) => Some(
                "add `when { context.approved }` to a permit, or `unless { context.approved }` to a forbid",
            ),
            Self::Always => Some(
                "a forbid with @always holds for observed workloads too; a permit needs none, and what `context.approved` lifts can't",
            ),
            Self::NeverEnough => Some("name a group, or as many people as must answer"),
            Self::Id(_)
            | Self::Reserved(_)
            | Self::Message
            | Self::Approvers
            | Self::Approvals
            | Self::Timeout => None,
        }
    }

    /// The annotation that is meant, if it is there.
    pub(super) fn key(&self) -> Option<&str> {
        match self {
            Self::NoId => None,
            Self::Id(_) | Self::Reserved(_) => Some("id"),
            Self::Unknown(key) => Some(key),
            Self::Message => Some("message"),
            Self::Approvers => Some("approvers"),
            Self::Approvals | Self::NeverEnough => Some("approvals"),
            Self::Timeout => Some("timeout"),
            Self::NeverAsks(key) => Some(key),
            Self::Always => Some("always"),
        }
    }
}

impl Annotations {
    /// Reads a policy's annotations; `asks` says whether it looks at `context.approved`.
    pub(super) fn of(policy: &Policy, asks: bool) -> Result<Self, BadAnnotation> {
        for (key, _) in policy.annotations() {
            if !KEYS.contains(&key) {
                return Err(BadAnnotation::Unknown(key.to_owned()));
            }
            if !asks
                && let Some(key) = ["approvers", "approvals", "timeout"]
                    .into_iter()
                    .find(|k| *k == key)
            {
                return Err(BadAnnotation::NeverAsks(key));
            }
        }
        let approvers = policy.annotation("approvers").map(approvers).transpose()?;
        let approvals = policy.annotation("approvals").map_or(Ok(1), approvals)?;
        if approvals > 1 && !approvers.as_ref().is_some_and(can_be_several) {
            return Err(BadAnnotation::NeverEnough);
        }
        Ok(Self {
            id: id(policy.annotation("id").ok_or(BadAnnotation::NoId)?)?,
            message: policy.annotation("message").map(message).transpose()?,
            approvers,
            approvals,
            timeout_seconds: policy.annotation("timeout").map(timeout).transpose()?,
            always: always(policy, asks)?,
        })
    }
}

fn always(policy: &Policy, asks: bool) -> Result<bool, BadAnnotation> {
    match policy.annotation("always") {
        None => Ok(false),
        Some("") if policy.effect() == Effect::Forbid && !asks => Ok(true),
        Some(_) => Err(BadAnnotation::Always),
    }
}

pub(super) fn id(written: &str) -> Result<String, BadAnnotation> {
    let holds = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    if written.is_empty() || written.len() > MAX_ID_LEN || !written.bytes().all(holds) {
        return Err(BadAnnotation::Id(
            written.escape_debug().take(MAX_ID_LEN).collect(),
        ));
    }
    if RESERVED.contains(&written) {
        return Err(BadAnnotation::Reserved(written.to_owned()));
    }
    Ok(written.to_owned())
}

pub(super) fn message(written: &str) -> Result<String, BadAnnotation> {
    let length = written.trim().len();
    if length == 0 || written.len() > MAX_MESSAGE_LEN || written.contains(char::is_control) {
        return Err(BadAnnotation::Message);
    }
    Ok(written.to_owned())
}

pub(super) fn approvers(written: &str) -> Result<BTreeSet<String>, BadAnnotation> {
    written
        .split(',')
        .map(|name| match name.trim() {
            "" => Err(BadAnnotation::Approvers),
            name => Ok(name.to_owned()),
        })
        .collect()
}

fn approvals(written: &str) -> Result<u8, BadAnnotation> {
    match written.parse() {
        Ok(count) if APPROVALS.contains(&count) => Ok(count),
        _ => Err(BadAnnotation::Approvals),
    }
}

/// Whether more than one person can be meant: a name may be a group's, unless it is the operator's,
/// who is one however many have the password.
fn can_be_several(approvers: &BTreeSet<String>) -> bool {
    approvers.iter().any(|name| name != OPERATOR)
}

fn timeout(written: &str) -> Result<u64, BadAnnotation> {
    match written.parse() {
        Ok(seconds) if TIMEOUT.contains(&seconds) => Ok(seconds),
        _ => Err(BadAnnotation::Timeout),
    }
}
