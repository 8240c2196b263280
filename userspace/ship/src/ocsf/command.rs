//! A command: which class and activity it is, and what was said to it.

use serde_json::Value;
use weir_record::{Answered, Approval, Intent, Settled, StatementSummary, VerdictSummary};

use super::class::{Activity, Class, Disposition, Severity, Status};

const CONNECT: Activity = Activity(3, "Connect");
const QUERY: Activity = Activity(4, "Query");
const READ: Activity = Activity(1, "Read");
const WRITE: Activity = Activity(5, "Write");
const UPDATE: Activity = Activity(2, "Update");
const CREATE: Activity = Activity(6, "Create");
const DELETE: Activity = Activity(7, "Delete");

/// A command's class, and what it does in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) class: Class,
    pub(super) asked: Activity,
    /// What its outcome is.
    pub(super) done: Activity,
}

impl Kind {
    pub(super) fn of(protocol: Option<&str>, statements: &[StatementSummary]) -> Self {
        match protocol {
            Some("postgres") => {
                let activity = datastore(statements);
                Self {
                    class: Class::DatastoreActivity,
                    asked: activity,
                    done: activity,
                }
            }
            Some("dns") => Self {
                class: Class::DnsActivity,
                asked: Activity(1, "Query"),
                done: Activity(2, "Response"),
            },
            _ => Self {
                class: Class::NetworkActivity,
                asked: Activity(6, "Traffic"),
                done: Activity(6, "Traffic"),
            },
        }
    }
}

/// Of several statements, what changes most: a rule that looks for deletes must find one that hides
/// behind a query.
fn datastore(statements: &[StatementSummary]) -> Activity {
    statements
        .iter()
        .map(activity)
        .min_by_key(|activity| match *activity {
            DELETE => 0,
            UPDATE => 1,
            WRITE => 2,
            CREATE => 3,
            Activity::OTHER => 4,
            QUERY => 5,
            READ => 6,
            _ => 7,
        })
        .unwrap_or(Activity::OTHER)
}

fn activity(statement: &StatementSummary) -> Activity {
    match statement.verb.as_str() {
        "connect" => CONNECT,
        "select" | "declare" | "fetch" => QUERY,
        "copy_out" | "show" | "explain" => READ,
        "insert" | "copy_in" => WRITE,
        "update" | "merge" | "alter" | "comment" => UPDATE,
        "create" => CREATE,
        "delete" | "truncate" | "drop" => DELETE,
        _ => Activity::OTHER,
    }
}

/// A verdict, in OCSF's words.
#[derive(Debug)]
pub(super) struct Judged<'a> {
    pub(super) word: &'static str,
    pub(super) disposition: Disposition,
    pub(super) severity: Severity,
    pub(super) status: Status,
    pub(super) rule: Option<&'a str>,
    pub(super) message: Option<&'a str>,
}

impl<'a> Judged<'a> {
    pub(super) fn of(intent: &'a Intent) -> Self {
        match &intent.verdict {
            VerdictSummary::Allow {
                policies,
                would_be: None,
                approved_by,
                ..
            } => Self {
                word: "allowed",
                disposition: if approved_by.is_empty() {
                    Disposition::Allowed
                } else {
                    Disposition::Approved
                },
                severity: Severity::Informational,
                // What becomes of it is another event.
                status: Status::Unknown,
                rule: policies.first().map(String::as_str),
                message: None,
            },
            VerdictSummary::Allow {
                would_be: Some(would_be),
                ..
            } => {
                let (rule, message) = reason(would_be);
                Self {
                    word: "only observed",
                    disposition: Disposition::Detected,
                    severity: Severity::Medium,
                    status: Status::Unknown,
                    rule,
                    message,
                }
            }
            VerdictSummary::Deny { .. } => {
                let (rule, message) = reason(&intent.verdict);
                Self {
                    word: "refused",
                    disposition: Disposition::Blocked,
                    severity: Severity::Medium,
                    status: Status::Failure,
                    rule,
                    message,
                }
            }
            VerdictSummary::Ask { .. } => {
                let (rule, message) = reason(&intent.verdict);
                Self {
                    word: "held for approval",
                    disposition: Disposition::Delayed,
                    severity: Severity::Low,
                    status: Status::Unknown,
                    rule,
                    message,
                }
            }
        }
    }
}

fn reason(verdict: &VerdictSummary) -> (Option<&str>, Option<&str>) {
    match verdict {
        VerdictSummary::Allow { policies, .. } => (policies.first().map(String::as_str), None),
        VerdictSummary::Deny { rule, message, .. } => (Some(rule), Some(message)),
        VerdictSummary::Ask {
            message, policies, ..
        } => (policies.first().map(String::as_str), message.as_deref()),
    }
}

/// A step of a command that waits for humans: what it comes to, how much it matters, and in words.
pub(super) fn step(approval: &Approval) -> (Disposition, Severity, String) {
    match approval {
        Approval::Asked { of, .. } => (
            Disposition::Delayed,
            Severity::Low,
            format!("approval asked of {of}"),
        ),
        Approval::Answered { by, answer, .. } => match answer {
            Answered::No => (
                Disposition::Rejected,
                Severity::Medium,
                format!("denied by {by}"),
            ),
            _ => (
                Disposition::Approved,
                Severity::Informational,
                format!("approved by {by}"),
            ),
        },
        Approval::Settled { how } => {
            let (disposition, severity) = match how {
                Settled::Approved => (Disposition::Approved, Severity::Informational),
                _ => (Disposition::Rejected, Severity::Medium),
            };
            (disposition, severity, format!("approval {}", how.as_str()))
        }
    }
}

/// A question to the DNS, whose text is its type and its name.
pub(super) fn question(text: &str) -> Value {
    match text.split_once(' ') {
        Some((kind, name)) if !name.contains(' ') => {
            serde_json::json!({ "hostname": name, "type": kind })
        }
        _ => serde_json::json!({ "hostname": text }),
    }
}
