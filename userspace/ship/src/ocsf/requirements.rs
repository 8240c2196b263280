//! What OCSF 1.5 demands, as far as weir's classes and objects go: the attributes marked `required`,
//! and the constraints `at_least_one`, of its schema files.

use serde_json::Value;

/// Of every event (`base_event`, with the attributes that are required of all).
const BASE: &[&str] = &[
    "activity_id",
    "category_uid",
    "class_uid",
    "metadata",
    "severity_id",
    "time",
    "type_uid",
];

struct Requirement {
    class: u64,
    required: &'static [&'static str],
    one_of: &'static [&'static str],
    activities: &'static [u64],
}

const CLASSES: &[Requirement] = &[
    Requirement {
        class: 0,
        required: &[],
        one_of: &[],
        activities: &[99],
    },
    Requirement {
        class: 2004,
        required: &["finding_info"],
        one_of: &[],
        activities: &[1, 2, 3],
    },
    Requirement {
        class: 3002,
        required: &["user"],
        one_of: &["service", "dst_endpoint"],
        activities: &[1, 2],
    },
    Requirement {
        class: 3004,
        required: &["entity"],
        one_of: &[],
        activities: &[1, 2, 3, 4],
    },
    Requirement {
        class: 3005,
        required: &["privileges", "user"],
        one_of: &[],
        activities: &[1, 2],
    },
    Requirement {
        class: 4001,
        required: &[],
        one_of: &["dst_endpoint", "src_endpoint"],
        activities: &[1, 2, 3, 4, 5, 6, 7],
    },
    Requirement {
        class: 4003,
        required: &[],
        one_of: &["dst_endpoint", "src_endpoint"],
        activities: &[1, 2, 6],
    },
    Requirement {
        class: 6002,
        required: &["app"],
        one_of: &[],
        activities: &[1, 2, 3, 4],
    },
    Requirement {
        class: 6005,
        required: &["actor", "src_endpoint"],
        one_of: &["database", "databucket", "table"],
        activities: &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 99],
    },
];

struct Object {
    /// The attribute's name, wherever it is.
    name: &'static str,
    required: &'static [&'static str],
    one_of: &'static [&'static str],
}

const ENDPOINT: &[&str] = &["ip", "uid", "name", "hostname", "svc_name"];

const OBJECTS: &[Object] = &[
    Object {
        name: "metadata",
        required: &["product", "version"],
        one_of: &[],
    },
    Object {
        name: "product",
        required: &["vendor_name"],
        one_of: &["name", "uid"],
    },
    Object {
        name: "app",
        required: &["vendor_name"],
        one_of: &["name", "uid"],
    },
    Object {
        name: "device",
        required: &["type_id"],
        one_of: &["hostname", "ip", "name", "uid"],
    },
    Object {
        name: "actor",
        required: &[],
        one_of: &["process", "user", "session", "app_name", "app_uid"],
    },
    Object {
        name: "user",
        required: &[],
        one_of: &["account", "name", "uid"],
    },
    Object {
        name: "process",
        required: &[],
        one_of: &["pid", "uid"],
    },
    Object {
        name: "parent_process",
        required: &[],
        one_of: &["pid", "uid"],
    },
    Object {
        name: "finding_info",
        required: &["title", "uid"],
        one_of: &[],
    },
    Object {
        name: "file",
        required: &["name", "type_id"],
        one_of: &[],
    },
    Object {
        name: "hashes",
        required: &["algorithm_id", "value"],
        one_of: &[],
    },
    Object {
        name: "src_endpoint",
        required: &[],
        one_of: ENDPOINT,
    },
    Object {
        name: "dst_endpoint",
        required: &[],
        one_of: ENDPOINT,
    },
    Object {
        name: "connection_info",
        required: &["direction_id"],
        one_of: &[],
    },
    Object {
        name: "database",
        required: &["type_id"],
        one_of: &["name", "uid"],
    },
    Object {
        name: "query_info",
        required: &["query_string"],
        one_of: &[],
    },
    Object {
        name: "query",
        required: &["hostname"],
        one_of: &[],
    },
    Object {
        name: "observables",
        required: &["name", "type_id"],
        one_of: &[],
    },
    Object {
        name: "entity",
        required: &[],
        one_of: &["name", "uid"],
    },
    Object {
        name: "entity_result",
        required: &[],
        one_of: &["name", "uid"],
    },
    Object {
        name: "policy",
        required: &[],
        one_of: &["name", "uid"],
    },
    Object {
        name: "service",
        required: &[],
        one_of: &["name", "uid"],
    },
    Object {
        name: "groups",
        required: &[],
        one_of: &["name", "uid"],
    },
];

/// Panics where the event lacks what its class or one of its objects demands.
pub(super) fn check(event: &Value) {
    let number = |name: &str| {
        let value = event[name].as_u64();
        value.unwrap_or_else(|| panic!("{name} is no number in {event:#}"))
    };
    holds(event, BASE, &[], event);
    let (class, activity) = (number("class_uid"), number("activity_id"));
    let requirement = CLASSES.iter().find(|one| one.class == class);
    let requirement = requirement.unwrap_or_else(|| panic!("class {class} is not in the table"));
    holds(event, requirement.required, requirement.one_of, event);
    assert!(requirement.activities.contains(&activity), "{event:#}");
    assert_eq!(number("category_uid"), class / 1000, "{event:#}");
    assert_eq!(number("type_uid"), class * 100 + activity, "{event:#}");
    assert!((1..=6).contains(&number("severity_id")), "{event:#}");
    assert_eq!(event["metadata"]["version"], super::VERSION);
    assert!(event["metadata"]["uid"].is_string(), "{event:#}");
    // A time in seconds would be of 1970.
    assert!(number("time") > 1_000_000_000_000, "{event:#}");
    objects(event, event);
}

fn objects(value: &Value, event: &Value) {
    let Some(attributes) = value.as_object() else {
        return;
    };
    for (name, inner) in attributes {
        // What lies there is weir's, not OCSF's.
        if name == "unmapped" {
            continue;
        }
        assert!(!inner.is_null(), "{name} is null in {event:#}");
        let list = inner
            .as_array()
            .map_or_else(|| vec![inner], |list| list.iter().collect());
        for inner in list {
            if let Some(object) = OBJECTS.iter().find(|object| object.name == name) {
                holds(inner, object.required, object.one_of, event);
            } else {
                let nested = inner.is_object() && !["session", "traffic"].contains(&name.as_str());
                assert!(!nested, "object {name} is not in the table: {event:#}");
            }
            objects(inner, event);
        }
    }
}

fn holds(value: &Value, required: &[&str], one_of: &[&str], event: &Value) {
    for name in required {
        assert!(
            value.get(name).is_some(),
            "{name} is missing in {value:#} of {event:#}"
        );
    }
    let any = one_of.is_empty() || one_of.iter().any(|name| value.get(name).is_some());
    assert!(any, "none of {one_of:?} in {value:#} of {event:#}");
}
