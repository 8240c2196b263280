//! What people were asked and said, and what signals told them.

use serde_json::{Value, json};

use super::{
    super::{
        actor,
        class::{Activity, Class, Severity, Status},
        envelope::Envelope,
    },
    Line,
};

const CREATE: Activity = Activity(1, "Create");
const UPDATE: Activity = Activity(3, "Update");

impl Line<'_> {
    pub(super) fn signal_raised(&self) -> Value {
        let part = |name| text(self.told.get("signal"), name);
        let name = part("name").unwrap_or("unknown");
        let subject = self.text("subject").unwrap_or("unknown");
        let finding = json!({
            "uid": &self.uid,
            "title": format!("signal {name}"),
            "desc": part("figures").unwrap_or_default(),
        });
        self.event(Class::DetectionFinding, CREATE)
            .severity(Severity::Medium)
            .message(format!("{subject} raised signal {name}"))
            .with("finding_info", finding)
            .finish()
    }

    pub(super) fn profiles_reset(&self) -> Value {
        let by = self.text("by").unwrap_or("unknown");
        self.entity(UPDATE, ("profiles", self.text("of")), by)
            .status(Status::Success)
            .severity(Severity::Medium)
            .message(format!("{by} has what is usual learned anew"))
            .finish()
    }

    pub(super) fn sessions_pruned(&self) -> Value {
        let by = self.text("by").unwrap_or("unknown");
        let sessions = self.told.get("sessions").and_then(Value::as_u64);
        self.entity(Activity(4, "Delete"), ("sessions", None), by)
            .status(Status::Success)
            .severity(Severity::Medium)
            .message(format!(
                "{by} had {} sessions removed",
                sessions.unwrap_or(0)
            ))
            .finish()
    }

    pub(super) fn approval(&self) -> Value {
        let subject = self.text("subject").unwrap_or("unknown");
        let request = self.text("request");
        let state = self.text("state").unwrap_or_default();
        let (activity, severity, by) = match self.text("step") {
            Some("asked") => (CREATE, Severity::Low, subject),
            _ => (
                UPDATE,
                Severity::Informational,
                self.text("by").unwrap_or(subject),
            ),
        };
        self.entity(activity, ("approval", request), by)
            .status(Status::Success)
            .severity(severity)
            .message(format!("what {subject} asks: {state}"))
            .finish()
    }

    pub(super) fn access(&self) -> Value {
        let request = self.told.get("request");
        let part = |name| text(request, name);
        let state = request.and_then(|request| request.get("state"));
        let subject = part("subject").unwrap_or("unknown");
        let requester = part("requester").unwrap_or("unknown");
        let became = text(state, "state").unwrap_or("unknown");
        let by = text(state, "by").unwrap_or(requester);
        let event = match became {
            "granted" => self.privileges(Activity(1, "Assign Privileges"), subject, by),
            "revoked" => self.privileges(Activity(2, "Revoke Privileges"), subject, by),
            "waiting" => self.entity(CREATE, ("access", part("id")), by),
            _ => self.entity(UPDATE, ("access", part("id")), by),
        };
        event
            .status(Status::Success)
            .severity(Severity::Low)
            .message(format!("access of {subject}: {became}"))
            .finish()
    }

    fn privileges(&self, activity: Activity, subject: &str, by: &str) -> Envelope {
        let actions = self.told.pointer("/request/actions").cloned();
        self.event(Class::UserAccess, activity)
            .with("user", actor::user(subject, &[]))
            .with("privileges", actions.unwrap_or_else(|| json!([])))
            .with("actor", json!({ "user": actor::user(by, &[]) }))
    }

    fn entity(&self, activity: Activity, (kind, uid): (&str, Option<&str>), by: &str) -> Envelope {
        let mut entity = json!({ "name": kind, "type": kind });
        if let (Some(entity), Some(uid)) = (entity.as_object_mut(), uid) {
            entity.insert("uid".to_owned(), uid.into());
        }
        self.event(Class::EntityManagement, activity)
            .with("entity", entity)
            .with("actor", json!({ "user": actor::user(by, &[]) }))
    }
}

fn text<'a>(of: Option<&'a Value>, name: &str) -> Option<&'a str> {
    of?.get(name)?.as_str()
}
