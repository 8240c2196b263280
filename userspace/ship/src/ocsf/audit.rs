//! A line of the audit log: what happened to weir itself, and what no session records.

mod asked;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    Host, actor,
    class::{Activity, Class, Disposition, Severity, Status},
    cut, endpoint,
    envelope::Envelope,
};

/// The most that is kept of a line that can't be read, in bytes.
const LONGEST_RAW: usize = 4096;

/// Maps a line that begins at byte `offset` of the log. `metadata.uid` is its time and place, so it
/// is the same whenever the line is mapped. A line that is no event is told as what it is: nothing
/// in the log is passed over.
#[must_use]
pub fn audit(host: &Host, offset: u64, line: &[u8]) -> Value {
    let Ok(told) = serde_json::from_slice::<Value>(line) else {
        return unreadable(host, offset, line);
    };
    let Some(at) = told.get("at").and_then(Value::as_str) else {
        return unreadable(host, offset, line);
    };
    let Ok(at) = at.parse::<Timestamp>() else {
        return unreadable(host, offset, line);
    };
    let line = Line {
        host,
        at,
        uid: format!("audit-{}-{offset}", at.as_nanosecond()),
        told: &told,
    };
    match line.text("event").unwrap_or_default() {
        "started" => line.lifecycle(Activity(3, "Start"), "weir serves"),
        "stopped" => line.lifecycle(Activity(4, "Stop"), "weir stopped serving"),
        "policy_loaded" => line.policy_loaded(),
        "policy_rejected" => line.policy_rejected(),
        "kernel_refused" => line.kernel_refused(),
        "held" => line.held(),
        "session_killed" => line.session_killed(),
        "signal_raised" => line.signal_raised(),
        "profiles_reset" => line.profiles_reset(),
        "approval" => line.approval(),
        "access" => line.access(),
        "sessions_pruned" => line.sessions_pruned(),
        "signed_in" => line.sign_in(Activity(1, "Logon"), Status::Success),
        "sign_in_failed" => line.sign_in(Activity(1, "Logon"), Status::Failure),
        "signed_out" => line.sign_in(Activity(2, "Logoff"), Status::Success),
        "identity_revoked" => line.identity("revoked"),
        "identity_restored" => line.identity("restored"),
        other => line.other(other),
    }
}

struct Line<'a> {
    host: &'a Host,
    at: Timestamp,
    uid: String,
    told: &'a Value,
}

impl Line<'_> {
    fn text(&self, name: &str) -> Option<&str> {
        self.told.get(name).and_then(Value::as_str)
    }

    fn event(&self, class: Class, activity: Activity) -> Envelope {
        Envelope::new(self.host, class, activity, self.at, &self.uid)
            .beside("audit", self.told.clone())
    }

    fn lifecycle(&self, activity: Activity, message: &str) -> Value {
        self.event(Class::ApplicationLifecycle, activity)
            .status(Status::Success)
            .message(message)
            .with("app", product())
            .finish()
    }

    fn policy_loaded(&self) -> Value {
        let (from, to) = (self.text("from"), self.text("to"));
        self.event(Class::EntityManagement, Activity(3, "Update"))
            .status(Status::Success)
            .message("policies loaded")
            .with("entity", policies(from))
            .with("entity_result", policies(to))
            .with("actor", daemon())
            .finish()
    }

    fn policy_rejected(&self) -> Value {
        self.event(Class::EntityManagement, Activity(3, "Update"))
            .status(Status::Failure)
            .severity(Severity::High)
            .message("policies rejected; the old ones stay in force")
            .with("entity", policies(self.text("kept")))
            .with("actor", daemon())
            .with_some("status_detail", self.text("reason"))
            .finish()
    }

    fn kernel_refused(&self) -> Value {
        let reason = self.text("reason").unwrap_or_default();
        self.network(Activity(5, "Refuse"), self.text("destination"))
            .status(Status::Failure)
            .severity(Severity::Medium)
            .disposition(Disposition::Blocked)
            .message(format!("the kernel refused a socket: {reason}"))
            .with("status_detail", reason)
            .finish()
    }

    fn held(&self) -> Value {
        let outcome = self.text("outcome").unwrap_or_default();
        let event = match outcome {
            "closed" => self
                .network(Activity(3, "Reset"), self.text("remote"))
                .severity(Severity::Medium)
                .disposition(Disposition::Reset),
            "listening" => self.network(Activity(7, "Listen"), self.text("remote")),
            _ => self
                .network(Activity(6, "Traffic"), self.text("remote"))
                .severity(Severity::High)
                .disposition(Disposition::Detected),
        };
        event
            .message(format!("a workload's socket beside weir: {outcome}"))
            .finish()
    }

    fn identity(&self, what: &str) -> Value {
        let identity = self.text("identity").unwrap_or_default();
        let by = self.text("by").unwrap_or("unknown");
        self.event(Class::EntityManagement, Activity(3, "Update"))
            .status(Status::Success)
            .severity(Severity::Medium)
            .message(format!("{by} {what} the identity {identity}"))
            .with("entity", json!({ "name": identity, "type": "identity" }))
            .with("actor", json!({ "user": actor::user(by, &[]) }))
            .finish()
    }

    fn session_killed(&self) -> Value {
        let session = self.text("session").unwrap_or_default();
        let by = self.text("by").unwrap_or("unknown");
        self.event(Class::NetworkActivity, Activity(3, "Reset"))
            .status(Status::Success)
            .severity(Severity::Medium)
            .disposition(Disposition::AccessRevoked)
            .message(format!("{by} ended session {session}"))
            .with("src_endpoint", endpoint::source(self.host))
            .with("actor", json!({ "user": actor::user(by, &[]) }))
            .with_some("status_detail", self.text("reason"))
            .finish()
    }

    fn network(&self, activity: Activity, remote: Option<&str>) -> Envelope {
        let number = match self.text("protocol") {
            Some("tcp") => Some(6),
            Some("udp") => Some(17),
            Some("icmp") => Some(1),
            Some("icmpv6") => Some(58),
            Some("sctp") => Some(132),
            _ => None,
        };
        let connection = known([
            ("direction_id", Some(json!(2))),
            ("direction", Some(json!("Outbound"))),
            ("protocol_name", self.text("protocol").map(Value::from)),
            ("protocol_num", number.map(Value::from)),
        ]);
        let pid = self.told.get("pid").filter(|pid| pid.is_u64());
        // Without its id, a process can't be named in OCSF.
        let process = pid.map(|pid| {
            let name = self.text("process").map(Value::from);
            json!({ "process": known([("pid", Some(pid.clone())), ("name", name)]) })
        });
        self.event(Class::NetworkActivity, activity)
            .with("src_endpoint", endpoint::source(self.host))
            .with_some("dst_endpoint", remote.map(endpoint::address))
            .with("connection_info", connection)
            .with_some("actor", process)
    }

    fn sign_in(&self, activity: Activity, status: Status) -> Value {
        let subject = self.text("subject").unwrap_or("unknown");
        let groups: Vec<String> = self
            .told
            .get("groups")
            .and_then(Value::as_array)
            .map(|groups| {
                let names = groups.iter().filter_map(Value::as_str);
                names.map(str::to_owned).collect()
            })
            .unwrap_or_default();
        let severity = match status {
            Status::Failure => Severity::Medium,
            _ => Severity::Informational,
        };
        self.event(Class::Authentication, activity)
            .status(status)
            .severity(severity)
            .message(format!("{}: {subject}", activity.1))
            .with("user", actor::user(subject, &groups))
            .with("service", json!({ "name": "weir" }))
            .with_some("status_detail", self.text("reason"))
            .finish()
    }

    fn other(&self, name: &str) -> Value {
        self.event(Class::Base, Activity::OTHER)
            .message(format!("audit: {name}"))
            .finish()
    }
}

fn unreadable(host: &Host, offset: u64, line: &[u8]) -> Value {
    let text = String::from_utf8_lossy(line);
    let (raw, _) = cut(&text, LONGEST_RAW);
    let uid = format!("audit-unreadable-{offset}");
    Envelope::new(
        host,
        Class::Base,
        Activity::OTHER,
        Timestamp::UNIX_EPOCH,
        &uid,
    )
    .severity(Severity::Medium)
    .message("a line of the audit log can't be read")
    .with("raw_data", raw)
    .beside("line_bytes", line.len())
    .finish()
}

/// An object of what is there.
fn known<const N: usize>(attributes: [(&str, Option<Value>); N]) -> Value {
    attributes
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn product() -> Value {
    json!({ "name": "weir", "vendor_name": "weir", "version": env!("CARGO_PKG_VERSION") })
}

fn policies(version: Option<&str>) -> Value {
    json!({ "name": "policies", "type": "policy", "version": version.unwrap_or("unknown") })
}

fn daemon() -> Value {
    json!({ "app_name": "weir" })
}
