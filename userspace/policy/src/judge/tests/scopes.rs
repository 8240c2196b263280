//! That policies are found by their scopes changes no verdict: whatever policies there are and
//! whatever is asked, it is the one that all policies give.

use std::collections::BTreeSet;

use proptest::{prelude::*, sample::select};
use weir_command::{Predicate, Statement, Verb};

use super::support::{make, subject};
use crate::{
    Context, Grant, Lookup, LookupContext, Moment, Policies, Request, Source, Subject, Target,
};

const SUBJECTS: [&str; 3] = ["unix:alice", "unix:bob", "unix:carol"];
const GROUPS: [&str; 3] = ["dba", "support", "interns"];
const PRINCIPALS: [&str; 7] = [
    "principal",
    "principal == Weir::Subject::\"unix:alice\"",
    "principal == Weir::Subject::\"unix:bob\"",
    "principal in Weir::Group::\"dba\"",
    "principal in Weir::Group::\"support\"",
    "principal is Weir::Subject",
    "principal is Weir::Subject in Weir::Group::\"dba\"",
];
const ACTIONS: [&str; 6] = [
    "action in Weir::Action::\"command\"",
    "action in Weir::Action::\"read\"",
    "action == Weir::Action::\"select\"",
    "action == Weir::Action::\"insert\"",
    "action in [Weir::Action::\"write\", Weir::Action::\"destroy\"]",
    "action in [Weir::Action::\"ddl\", Weir::Action::\"select\"]",
];
const RESOURCES: [&str; 8] = [
    "resource",
    "resource in Weir::Target::\"crm\"",
    "resource in Weir::Database::\"crm/sales\"",
    "resource in Weir::Schema::\"crm/sales/public\"",
    "resource == Weir::Relation::\"crm/sales/public/people\"",
    "resource == Weir::Relation::\"crm/sales/people\"",
    "resource is Weir::Relation",
    "resource is Weir::Relation in Weir::Schema::\"crm/sales/public\"",
];
const CONDITIONS: [&str; 8] = [
    "",
    "when { context.workload == \"ci\" }",
    "when { context.signals.contains(\"bulk-rows\") }",
    "unless { context.approved }",
    "unless { principal in Weir::Group::\"interns\" }",
    "when { context.in_transaction || resource in Weir::Target::\"erp\" }",
    "when { context.predicate == \"absent\" } unless { context.approved }",
    // Fails at every hour but midnight.
    "when { context.hour + 9223372036854775807 > 0 }",
];
/// What grants link, beside whatever is written.
const TEMPLATES: &str = r#"
@id("may-write") @grantable("dba")
permit (principal == ?principal, action in Weir::Action::"write", resource in ?resource);
@id("may-see") @grantable("dba")
permit (principal == ?principal, action == Weir::Action::"reveal", resource in ?resource);
"#;

/// The scope and the condition of a policy about statements, data classes or names.
fn policy() -> impl Strategy<Value = String> {
    let statements = (
        select(&PRINCIPALS[..]),
        select(&ACTIONS[..]),
        select(&RESOURCES[..]),
        select(&CONDITIONS[..]),
        prop::bool::ANY,
    )
        .prop_map(|(principal, action, resource, condition, permits)| {
            let effect = if permits { "permit" } else { "forbid" };
            format!("{effect} ({principal}, {action}, {resource}) {condition};")
        });
    let columns =
        (select(&PRINCIPALS[..]), select(&CONDITIONS[..])).prop_map(|(principal, condition)| {
            format!(
                "forbid ({principal}, action in Weir::Action::\"command\", \
                 resource == Weir::Column::\"crm/sales/public/people/email\") {condition};"
            )
        });
    let of_one_action = |action: &'static str, resources: &'static [&'static str]| {
        let conditions = &[
            "",
            "when { context.workload == \"ci\" }",
            "unless { principal in Weir::Group::\"interns\" }",
        ][..];
        (
            select(&PRINCIPALS[..]),
            select(resources),
            select(conditions),
            prop::bool::ANY,
        )
            .prop_map(move |(principal, resource, condition, permits)| {
                let effect = if permits { "permit" } else { "forbid" };
                format!("{effect} ({principal}, {action}, {resource}) {condition};")
            })
    };
    let any = (select(&PRINCIPALS[..]), prop::bool::ANY).prop_map(|(principal, permits)| {
        let effect = if permits { "permit" } else { "forbid" };
        format!("{effect} ({principal}, action, resource) when {{ context.workload == \"ci\" }};")
    });
    prop_oneof![
        6 => statements,
        1 => columns,
        2 => of_one_action("action == Weir::Action::\"reveal\"", &[
            "resource",
            "resource == Weir::DataClass::\"email\"",
            "resource in Weir::Target::\"crm\"",
            "resource is Weir::DataClass in Weir::Target::\"erp\"",
        ]),
        2 => of_one_action("action == Weir::Action::\"resolve\"", &[
            "resource",
            "resource == Weir::Host::\"db.example.com\"",
            "resource in Weir::Host::\"example.com\"",
            "resource in Weir::Host::\"com\"",
        ]),
        1 => any,
    ]
}

fn grant() -> impl Strategy<Value = Grant> {
    let words = (
        select(&["may-write", "may-see"][..]),
        select(&SUBJECTS[..]),
        select(&["crm", "erp"][..]),
    );
    words.prop_map(|(template, subject, target)| Grant {
        id: format!("{}{target}", subject.trim_start_matches("unix:")),
        template: template.into(),
        subject: subject.into(),
        target: target.into(),
    })
}

fn person() -> impl Strategy<Value = Subject> {
    let groups = prop::sample::subsequence(&GROUPS[..], 0..=GROUPS.len());
    (select(&SUBJECTS[..]), groups).prop_map(|(id, groups)| subject(id, &groups))
}

fn target() -> impl Strategy<Value = Target> {
    let words = (select(&["crm", "erp"][..]), select(&["sales", "stock"][..]));
    words.prop_map(|(name, database)| Target {
        name: name.into(),
        protocol: "postgres".into(),
        database: database.into(),
    })
}

fn context() -> impl Strategy<Value = Context> {
    (
        select(&["ci", "cd"][..]),
        prop::bool::ANY,
        prop::bool::ANY,
        select(&[0_u8, 12][..]),
    )
        .prop_map(|(workload, in_transaction, raised, hour)| Context {
            workload: workload.into(),
            in_transaction,
            signals: raised.then(|| "bulk-rows".to_owned()).into_iter().collect(),
            moment: Moment {
                hour,
                ..Moment::default()
            },
            ..Context::default()
        })
}

/// One of each kind: qualified or not, with and without columns, on several objects, on none.
fn statements() -> Vec<Statement> {
    vec![
        make(Verb::Select).reads("public.people").done(),
        make(Verb::Select)
            .reads("people")
            .columns(&["email"])
            .done(),
        make(Verb::Select)
            .reads("public.people")
            .reads("hr.wages")
            .all_columns()
            .done(),
        make(Verb::Insert)
            .writes("public.people")
            .reads("stage")
            .done(),
        make(Verb::Delete)
            .writes("people")
            .predicate(Predicate::Absent)
            .done(),
        make(Verb::Drop).defines("public.people").done(),
        make(Verb::Show).done(),
        make(Verb::Connect).done(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn policies_that_are_found_by_scope_give_the_verdict_that_all_give(
        written in prop::collection::vec(policy(), 1..24),
        grants in prop::collection::btree_set(grant(), 0..4),
        asking in prop::collection::vec((person(), target(), context()), 1..6),
    ) {
        let mut text = TEMPLATES.to_owned();
        for (number, policy) in written.iter().enumerate() {
            text.push_str(&format!("@id(\"p{number}\") {policy}\n"));
        }
        let source = Source { name: "generated.cedar".into(), text };
        let policies = Policies::load(&[source]).unwrap_or_else(|found| panic!("{found}"));
        let grants: Vec<Grant> = grants.into_iter().collect();
        let policies = policies.with_grants(&grants);
        let mut all = policies.clone();
        all.rules = policies.rules.unsorted();
        for (subject, target, context) in &asking {
            for statement in &statements() {
                let request = Request { subject, target, statement, names: None, context };
                let (found, whole) = (policies.judge(&request), all.judge(&request));
                prop_assert_eq!(format!("{found:?}"), format!("{whole:?}"));
            }
            prop_assert_eq!(
                policies.clear(subject, target, context),
                all.clear(subject, target, context)
            );
            for host in ["db.example.com", "example.com", "example.org"] {
                let context = LookupContext { workload: context.workload.clone(), ..LookupContext::default() };
                let lookup = Lookup { subject, host, record_type: "A", context: &context };
                let (found, whole) = (policies.judge_lookup(&lookup), all.judge_lookup(&lookup));
                prop_assert_eq!(format!("{found:?}"), format!("{whole:?}"));
            }
        }
    }
}

/// The other half: what is found is not simply everything.
#[test]
fn of_many_policies_those_are_asked_whose_scope_can_match() {
    let mut text = TEMPLATES.to_owned();
    for number in 0..50 {
        text.push_str(&format!(
            "@id(\"team-{number}\") forbid (principal in Weir::Group::\"team-{number}\", action in Weir::Action::\"write\", resource);
             @id(\"schema-{number}\") forbid (principal, action in Weir::Action::\"command\", resource in Weir::Schema::\"crm/sales/s{number}\");
             @id(\"bot-{number}\") permit (principal == Weir::Subject::\"unix:bot-{number}\", action, resource);\n"
        ));
    }
    let source = Source {
        name: "many.cedar".into(),
        text,
    };
    let grant = |id: &str, subject: &str, target: &str| Grant {
        id: id.into(),
        template: "may-write".into(),
        subject: subject.into(),
        target: target.into(),
    };
    let policies = Policies::load(&[source])
        .unwrap_or_else(|found| panic!("{found}"))
        .with_grants(&[
            grant("g1", "unix:bot-7", "crm"),
            grant("g2", "unix:bot-7", "erp"),
            grant("g3", "unix:bot-8", "crm"),
        ]);
    let entity = |text: &str| text.parse::<cedar_policy::EntityUid>().unwrap();
    let asked = |action: &str| -> BTreeSet<String> {
        let principals = ["Subject::\"unix:bot-7\"", "Group::\"team-3\""];
        let resources = [
            "Relation::\"crm/sales/s5/t\"",
            "Schema::\"crm/sales/s5\"",
            "Database::\"crm/sales\"",
            "Target::\"crm\"",
        ];
        let principals = principals.map(|name| entity(&format!("Weir::{name}")));
        let resources = resources.map(|name| entity(&format!("Weir::{name}")));
        let action = entity(&format!("Weir::Action::\"{action}\""));
        let (principals, resources) = (principals.each_ref(), resources.each_ref());
        let commands = &policies.rules.commands;
        let sets = commands.about(&principals, &action, &resources);
        let ids = sets.flat_map(|set| set.policies().map(|policy| policy.id().to_string()));
        ids.collect()
    };
    assert_eq!(
        asked("insert"),
        ["bot-7", "may-write#g1", "schema-5", "team-3"]
            .map(str::to_owned)
            .into()
    );
    assert_eq!(
        asked("select"),
        ["bot-7", "schema-5"].map(str::to_owned).into()
    );
}
