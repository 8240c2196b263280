//! What every event has, whatever its class.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{
    Host, VERSION,
    class::{Activity, Class, Disposition, Severity, Status},
};

/// An event that is being put together.
#[derive(Debug)]
pub(super) struct Envelope {
    attributes: Map<String, Value>,
    unmapped: Map<String, Value>,
}

impl Envelope {
    /// An event of this class. `uid` is the same whenever the same event is mapped again.
    pub(super) fn new(
        host: &Host,
        class: Class,
        activity: Activity,
        at: Timestamp,
        uid: &str,
    ) -> Self {
        let Activity(activity_id, activity_name) = activity;
        let mut event = Self {
            attributes: Map::new(),
            unmapped: Map::new(),
        };
        event.put("activity_id", activity_id);
        event.put("activity_name", activity_name);
        event.put("category_uid", class.uid() / 1000);
        event.put("category_name", class.category());
        event.put("class_uid", class.uid());
        event.put("class_name", class.name());
        event.put("type_uid", class.uid() * 100 + activity_id);
        event.put("type_name", format!("{}: {activity_name}", class.name()));
        event.put("time", at.as_millisecond());
        event.put(
            "metadata",
            json!({
                "version": VERSION,
                "uid": uid,
                "profiles": ["host", "security_control"],
                "product": {
                    "name": "weir",
                    "vendor_name": "weir",
                    "version": env!("CARGO_PKG_VERSION"),
                },
            }),
        );
        event.put("device", json!({ "hostname": host.name(), "type_id": 0 }));
        event.severity(Severity::Informational)
    }

    pub(super) fn severity(mut self, severity: Severity) -> Self {
        self.put("severity_id", severity as u32);
        self.put("severity", severity.name());
        self
    }

    pub(super) fn status(mut self, status: Status) -> Self {
        self.put("status_id", status as u32);
        self.put("status", status.name());
        self
    }

    pub(super) fn disposition(mut self, disposition: Disposition) -> Self {
        let (action_id, action) = disposition.action();
        self.put("disposition_id", disposition as u32);
        self.put("disposition", disposition.name());
        self.put("action_id", action_id);
        self.put("action", action);
        self
    }

    /// What belongs together by more than its session: a command and what became of it.
    pub(super) fn correlated(mut self, uid: &str) -> Self {
        if let Some(Value::Object(metadata)) = self.attributes.get_mut("metadata") {
            metadata.insert("correlation_uid".to_owned(), uid.into());
        }
        self
    }

    pub(super) fn message(self, message: impl Into<String>) -> Self {
        self.with("message", message.into())
    }

    pub(super) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.put(name, value);
        self
    }

    /// Leaves out what there is none of.
    pub(super) fn with_some(self, name: &str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// What OCSF has no attribute for.
    pub(super) fn beside(mut self, name: &str, value: impl Into<Value>) -> Self {
        let value = value.into();
        if !is_nothing(&value) {
            self.unmapped.insert(name.to_owned(), value);
        }
        self
    }

    pub(super) fn finish(mut self) -> Value {
        if !self.unmapped.is_empty() {
            let unmapped = std::mem::take(&mut self.unmapped);
            self.put("unmapped", unmapped);
        }
        Value::Object(self.attributes)
    }

    fn put(&mut self, name: &str, value: impl Into<Value>) {
        self.attributes.insert(name.to_owned(), value.into());
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(list) => list.is_empty(),
        _ => false,
    }
}
