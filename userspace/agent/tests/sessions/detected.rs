//! What detectors find: masked for a real psql where the target asks, clear where policy reveals it, and
//! told by the record.

use std::sync::Arc;

use testbed::Postgres;
use weir_policy::{Policies, Source};
use weir_record::{Detected, Entry, Event, MaskedColumns, Outcome, SessionReader};

use crate::{
    common::{Gate, tls_of},
    server,
};

const REMARKS: &str = "CREATE TABLE remarks (id int, body text); ALTER TABLE remarks OWNER TO app; \
     INSERT INTO remarks VALUES (1, 'nothing'), (2, 'paid by 4111 1111 1111 1111, told ada@example.com'), \
     (3, 'EMP-123456, 123-45-6789')";
const ALL: &str = "SELECT id, body FROM remarks ORDER BY id";

fn stand(keys: &str, sources: &[Source]) -> (Postgres, Gate) {
    let server = server();
    server.psql_as_superuser(REMARKS).unwrap();
    let tls = tls_of(&server);
    let target = (server.addr(), tls.as_str(), server.app_password());
    let gate = Gate::asking(("enforce", keys), target, policies(sources));
    (server, gate)
}

fn policies(sources: &[Source]) -> Policies {
    let mut all = Policies::shipped_sources();
    all.extend_from_slice(sources);
    Policies::load(&all).unwrap()
}

fn source(name: &str, text: &str) -> Source {
    Source {
        name: name.into(),
        text: text.into(),
    }
}

fn outcomes(gate: &Gate) -> Vec<Outcome> {
    let id = gate.ended(1)[0].start.id;
    let record = weir_record::store::path_of(&gate.records, id);
    let entries = SessionReader::open(&record).unwrap();
    entries
        .filter_map(|entry| match entry.unwrap() {
            Entry::Event(Event::Outcome { outcome, .. }) => Some(outcome),
            _ => None,
        })
        .collect()
}

fn found(detector: &str, class: &str) -> Detected {
    Detected {
        detector: detector.into(),
        class: class.into(),
        values: 1,
    }
}

#[test]
fn what_is_asked_for_is_masked_where_it_stands_and_told() {
    let (_server, gate) = stand("detectors = [\"card\", \"email\"]", &[]);
    let shown = "1|nothing\n2|paid by **** **** **** 1111, told ***@******e.com\n3|EMP-123456, 123-45-6789\n";
    let out = gate.psql(ALL);
    assert_eq!(
        (out.stdout_text().as_str(), out.stderr_text().as_str()),
        (shown, "")
    );
    let [outcome] = &outcomes(&gate)[..] else {
        panic!("one statement")
    };
    assert_eq!((outcome.rows, outcome.masked), (3, 1));
    assert_eq!(
        outcome.detected,
        [found("card", "pan"), found("email", "email")]
    );
    let columns = MaskedColumns {
        statement: 0,
        columns: vec![1],
    };
    assert_eq!(outcome.masked_columns, [columns]);
    let copied = gate.psql(&format!("COPY ({ALL}) TO STDOUT (DELIMITER '|')"));
    assert_eq!(copied.stdout_text(), shown);
    let story = testbed::Spawn::new(env!("CARGO_BIN_EXE_weir"))
        .args(["sessions", "show", &gate.ended(2)[0].start.id.to_string()])
        .args(["--records", gate.records.to_str().unwrap()])
        .run()
        .unwrap();
    let told = "1 value masked, found card ×1, email ×1";
    assert!(
        story.stdout_text().contains(told),
        "{}",
        story.stdout_text()
    );
}

#[test]
fn who_may_see_a_class_sees_it_and_a_pattern_of_the_rules_own_is_masked_too() {
    let masking = "[class.pan]\nmethod = \"redact\"\n[class.staff]\nmethod = \"null\"\n\
                   [[detector]]\nclass = \"staff\"\nname = \"staff-number\"\npattern = 'EMP-\\d{6}'\n";
    let masking = source("masking.toml", masking);
    let (_server, gate) = stand("detectors = \"all\"", std::slice::from_ref(&masking));
    let shown = "1|nothing\n2|paid by [redacted], told [redacted]\n3|\n";
    assert_eq!(gate.psql(ALL).stdout_text(), shown);
    let reveal = "@id(\"cards\") permit (principal, action == Weir::Action::\"reveal\", \
                  resource == Weir::DataClass::\"pan\");";
    let revealing = policies(&[masking, source("reveal.cedar", reveal)]);
    gate.policies.send_replace(Arc::new(revealing));
    let shown = "1|nothing\n2|paid by 4111 1111 1111 1111, told [redacted]\n3|\n";
    assert_eq!(gate.psql(ALL).stdout_text(), shown);
}

#[test]
fn only_patterns_of_the_rules_own_are_looked_for_where_only_they_are_asked_for() {
    let masking = "[class.staff]\nmethod = \"redact\"\n\
                   [[detector]]\nclass = \"staff\"\nname = \"staff-number\"\npattern = 'EMP-\\d{6}'\n";
    let (_server, gate) = stand("detectors = \"own\"", &[source("masking.toml", masking)]);
    let shown = "1|nothing\n2|paid by 4111 1111 1111 1111, told ada@example.com\n3|[redacted], 123-45-6789\n";
    assert_eq!(gate.psql(ALL).stdout_text(), shown);
}
