//! Who did it: the subject, the session and the process with its lineage.

use std::path::Path;

use serde_json::{Map, Value, json};
use weir_record::{Ancestor, Process, SessionStart};

/// How far back the lineage goes: a reader of JSON has a limit for what lies in each other.
const MOST_ANCESTORS: usize = 16;

pub(super) fn actor(start: &SessionStart, process: &Process) -> Value {
    json!({
        "user": user(&start.subject, &start.groups),
        "session": { "uid": start.id.to_string(), "created_time": start.started.as_millisecond() },
        "process": self::process(process),
        "app_name": start.workload,
    })
}

pub(super) fn user(subject: &str, groups: &[String]) -> Value {
    // A workload of its own name is a service; all others are people.
    let (type_id, kind) = if subject.starts_with("workload:") {
        (4, "Service")
    } else {
        (1, "User")
    };
    let groups: Vec<Value> = groups.iter().map(|name| json!({ "name": name })).collect();
    json!({ "name": subject, "uid": subject, "type_id": type_id, "type": kind, "groups": groups })
}

fn process(process: &Process) -> Value {
    let mut object = Map::new();
    object.insert("pid".to_owned(), process.pid.into());
    object.insert("name".to_owned(), process.comm.as_str().into());
    object.insert("user".to_owned(), json!({ "uid": process.uid.to_string() }));
    if let Some(started) = process.started {
        object.insert("created_time".to_owned(), started.as_millisecond().into());
        // A pid is used again; with its start it is one process.
        let uid = format!("{}-{}", process.pid, started.as_millisecond());
        object.insert("uid".to_owned(), uid.into());
    }
    if !process.arguments.is_empty() {
        let mut line = process.arguments.join(" ");
        if process.arguments_cut {
            line.push('…');
        }
        object.insert("cmd_line".to_owned(), line.into());
    }
    if let Some(exe) = &process.exe {
        object.insert("file".to_owned(), file(exe, process.exe_hash.as_deref()));
    }
    if let Some(parent) = parent(&process.ancestry) {
        object.insert("parent_process".to_owned(), parent);
    }
    Value::Object(object)
}

fn file(path: &str, hash: Option<&str>) -> Value {
    let name = Path::new(path).file_name().map_or_else(
        || path.to_owned(),
        |name| name.to_string_lossy().into_owned(),
    );
    let mut file = json!({ "name": name, "path": path, "type_id": 1, "type": "Regular File" });
    if let (Some(hash), Some(object)) = (hash, file.as_object_mut()) {
        let hash = json!([{ "algorithm_id": 99, "algorithm": "BLAKE3", "value": hash }]);
        object.insert("hashes".to_owned(), hash);
    }
    file
}

fn parent(ancestry: &[Ancestor]) -> Option<Value> {
    ancestry
        .iter()
        .take(MOST_ANCESTORS)
        .rev()
        .fold(None, |parent, ancestor| {
            let mut object = Map::new();
            object.insert("pid".to_owned(), ancestor.pid.into());
            object.insert("name".to_owned(), ancestor.comm.as_str().into());
            if let Some(started) = ancestor.started {
                object.insert("created_time".to_owned(), started.as_millisecond().into());
            }
            if let Some(parent) = parent {
                object.insert("parent_process".to_owned(), parent);
            }
            Some(Value::Object(object))
        })
}
