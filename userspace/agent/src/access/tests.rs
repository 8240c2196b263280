use std::{collections::BTreeSet, fs, path::PathBuf, sync::Arc};

use jiff::{Timestamp, ToSpan as _};
use tokio::sync::watch;
use weir_identity::Person;
use weir_policy::{Policies, Source, Subject};

use super::*;
use crate::{
    approve::{self, operator},
    config::Config,
};

const TEMPLATES: &str = r#"
    @id("base") permit (principal, action in Weir::Action::"session", resource);
    @id("reads") @grantable("dba, carol@example.com")
    permit (principal == ?principal, action == Weir::Action::"select", resource in ?resource);
    @id("writes") @grantable("dba, unix:root")
    permit (principal == ?principal, action in [Weir::Action::"insert", Weir::Action::"update"], resource in ?resource);
"#;

struct Desk {
    access: AccessDesk,
    path: PathBuf,
    _policies: watch::Sender<Arc<Policies>>,
    _dir: tempfile::TempDir,
}

fn start() -> Timestamp {
    "2026-11-28T12:00:00Z".parse().unwrap()
}

fn open(
    path: &std::path::Path,
    now: Timestamp,
) -> (
    Result<AccessDesk, AccessError>,
    watch::Sender<Arc<Policies>>,
) {
    let source = Source {
        name: "a.cedar".into(),
        text: TEMPLATES.into(),
    };
    let policies = watch::Sender::new(Arc::new(Policies::load(&[source]).unwrap()));
    let targets = BTreeSet::from(["orders".to_owned()]);
    let bot = r#"
        [[identity]]
        name = "bot"
        kind = "static"
        on_behalf_of = "dora@example.com"
    "#;
    let acting = Acting::declared(&Config::parse("weir.toml", bot).unwrap());
    let acting = Arc::new(acting);
    let access = AccessDesk::open(path, policies.subscribe(), targets, acting, now);
    (access, policies)
}

fn desk() -> Desk {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("access.jsonl");
    let (access, policies) = open(&path, start());
    Desk {
        access: access.unwrap(),
        path,
        _policies: policies,
        _dir: dir,
    }
}

fn person(name: &str, groups: &[&str]) -> Approver {
    approve::person(&Person {
        id: format!("oidc:https://id.test#{name}"),
        name: None,
        aliases: vec![format!("{name}@example.com")],
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        expires: Timestamp::MAX,
    })
}

fn wanted(actions: &[&str]) -> Wanted {
    Wanted {
        target: "orders".into(),
        actions: actions.iter().map(|action| (*action).to_owned()).collect(),
        seconds: 3600,
        reason: "INC-1234".into(),
        subject: Some("workload:bot".into()),
    }
}

fn revoke() -> Answer {
    Answer::Revoke {
        reason: "done".into(),
    }
}

#[test]
fn a_grant_holds_from_a_yes_until_its_time_is_over_and_over_a_restart() {
    let (desk, now) = (desk(), start());
    let alice = person("alice", &[]);
    let asked = desk
        .access
        .ask(wanted(&["update", "insert", "select"]), &alice, now);
    let asked = asked.unwrap();
    assert_eq!(asked.templates, ["reads", "writes"]);
    assert!(desk.access.grants(now).is_empty(), "asking grants nothing");

    let bob = person("bob", &["dba"]);
    let granted = desk.access.answer(&asked.id, Answer::Approve, &bob, now);
    assert_eq!(granted.unwrap().until(), Some(now + 1.hour()));
    let grants = desk.access.grants(now);
    assert_eq!(grants.len(), 2);
    assert!(
        grants
            .iter()
            .all(|one| one.subject == "workload:bot" && one.target == "orders")
    );
    let last = now + 59.minutes();
    assert_eq!(desk.access.grants(last), grants);
    assert!(desk.access.grants(now + 1.hour()).is_empty());

    let (again, _policies) = open(&desk.path, last);
    let again = again.unwrap();
    assert_eq!(again.grants(last), grants);
    assert!(again.grants(now + 1.hour()).is_empty());
    assert_eq!(
        again.find(&asked.id, &alice).unwrap().standing(last),
        "granted"
    );
}

#[test]
fn nobody_grants_to_what_a_token_says_acts_for_them_also_where_it_says_so_later() {
    let (desk, now) = (desk(), start());
    let (alice, bob) = (person("alice", &["dba"]), person("bob", &["dba"]));
    let ci = Wanted {
        subject: Some("oidc:https://id.test#ci".into()),
        ..wanted(&["select"])
    };
    let ask = || desk.access.ask(ci.clone(), &alice, now).unwrap().id;
    let early = desk.access.answer(&ask(), Answer::Approve, &bob, now);
    early.unwrap();
    assert_eq!(desk.access.grants(now).len(), 1);
    desk.access.acting.hear(&Subject {
        id: "oidc:https://id.test#ci".into(),
        groups: Vec::new(),
        on_behalf_of: Some("oidc:https://id.test#bob".into()),
    });
    assert!(desk.access.grants(now).is_empty());
    let refused = desk.access.answer(&ask(), Answer::Approve, &bob, now);
    assert!(matches!(refused, Err(AccessError::Oneself)), "{refused:?}");
    let other = person("dan", &["dba"]);
    desk.access
        .answer(&ask(), Answer::Approve, &other, now)
        .unwrap();
    assert_eq!(desk.access.grants(now).len(), 1);
}

#[test]
fn nobody_grants_to_themselves_under_any_of_their_names() {
    let (desk, now) = (desk(), start());
    let alice = person("alice", &["dba"]);
    let id = desk
        .access
        .ask(wanted(&["select"]), &alice, now)
        .unwrap()
        .id;
    // By another provider, but the same mail address.
    let other = approve::person(&Person {
        id: "saml:https://idp.test#al".into(),
        name: None,
        aliases: vec!["alice@example.com".into()],
        groups: vec!["dba".into()],
        expires: Timestamp::MAX,
    });
    // For whom the subject acts.
    let dora = person("dora", &["dba"]);
    for who in [&alice, &other, &dora] {
        let refused = desk.access.answer(&id, Answer::Approve, who, now);
        assert!(matches!(refused, Err(AccessError::Oneself)), "{refused:?}");
    }
    // The subject itself.
    let mut for_erin = wanted(&["select"]);
    for_erin.subject = Some("erin@example.com".into());
    let id_erin = desk.access.ask(for_erin, &alice, now).unwrap().id;
    let erin = person("erin", &["dba"]);
    let refused = desk.access.answer(&id_erin, Answer::Approve, &erin, now);
    assert!(matches!(refused, Err(AccessError::Oneself)), "{refused:?}");
    // Root's own, though the template names root.
    let root = operator(0).unwrap();
    let writes = || wanted(&["insert", "update"]);
    let own = desk.access.ask(writes(), &root, now).unwrap().id;
    let refused = desk.access.answer(&own, Answer::Approve, &root, now);
    assert!(matches!(refused, Err(AccessError::Oneself)), "{refused:?}");
    assert!(desk.access.grants(now).is_empty());
    // Another's, where the template names root and where it doesn't.
    let refused = desk.access.answer(&id, Answer::Approve, &root, now);
    assert!(matches!(refused, Err(AccessError::NotYours)), "{refused:?}");
    let id = desk.access.ask(writes(), &alice, now).unwrap().id;
    desk.access
        .answer(&id, Answer::Approve, &root, now)
        .unwrap();
    desk.access.answer(&id, revoke(), &root, now).unwrap();
    assert!(desk.access.grants(now).is_empty());
}

#[test]
fn those_say_yes_whom_every_template_names_and_others_see_nothing() {
    let (desk, now) = (desk(), start());
    let alice = person("alice", &[]);
    let id = desk
        .access
        .ask(wanted(&["select", "update", "insert"]), &alice, now)
        .unwrap()
        .id;
    // She is named by one of the two.
    let carol = person("carol", &[]);
    let mallory = person("mallory", &["staff"]);
    for who in [&carol, &mallory] {
        let refused = desk.access.answer(&id, Answer::Approve, who, now);
        assert!(
            matches!(refused, Err(AccessError::NoSuchRequest(_))),
            "{refused:?}"
        );
        assert!(desk.access.list(who).is_empty() && desk.access.find(&id, who).is_err());
    }
    assert_eq!(desk.access.list(&alice).len(), 1);
    let reads = desk
        .access
        .ask(wanted(&["select"]), &alice, now)
        .unwrap()
        .id;
    desk.access
        .answer(&reads, Answer::Approve, &carol, now)
        .unwrap();
}

#[test]
fn an_answer_is_given_once_and_in_time_and_what_is_granted_can_be_taken_back() {
    let (desk, now) = (desk(), start());
    let (alice, bob) = (person("alice", &[]), person("bob", &["dba"]));
    let ask = || {
        desk.access
            .ask(wanted(&["select"]), &alice, now)
            .unwrap()
            .id
    };
    let no = Answer::Deny {
        reason: "not today".into(),
    };
    let denied = ask();
    desk.access.answer(&denied, no.clone(), &bob, now).unwrap();
    for answer in [Answer::Approve, no, revoke()] {
        let late = desk.access.answer(&denied, answer, &bob, now);
        assert!(
            matches!(late, Err(AccessError::NotNow("denied"))),
            "{late:?}"
        );
    }
    let lapsed = ask();
    let late = desk
        .access
        .answer(&lapsed, Answer::Approve, &bob, now + 24.hours());
    assert!(
        matches!(late, Err(AccessError::NotNow("lapsed"))),
        "{late:?}"
    );

    let granted = ask();
    desk.access
        .answer(&granted, Answer::Approve, &bob, now)
        .unwrap();
    assert_eq!(desk.access.grants(now).len(), 1);
    desk.access.answer(&granted, revoke(), &alice, now).unwrap();
    assert!(desk.access.grants(now).is_empty());
    let (again, _policies) = open(&desk.path, now);
    assert!(again.unwrap().grants(now).is_empty(), "nor after a restart");
}

#[test]
fn what_no_template_permits_and_nothing_more_can_t_be_asked_for() {
    let (desk, now) = (desk(), start());
    let alice = person("alice", &[]);
    // `writes` would permit an update too.
    for actions in [&["insert"][..], &["drop"], &["select", "drop"], &["base"]] {
        let refused = desk.access.ask(wanted(actions), &alice, now).unwrap_err();
        let AccessError::NotGrantable { grantable, .. } = refused else {
            panic!("{refused}")
        };
        assert_eq!(grantable, ["reads (select)", "writes (insert, update)"]);
    }
    let by_id = desk.access.ask(wanted(&["writes"]), &alice, now).unwrap();
    assert_eq!(by_id.templates, ["writes"]);
    let changes: [fn(&mut Wanted); 6] = [
        |w| w.target = "other".into(),
        |w| w.seconds = 0,
        |w| w.seconds = u32::MAX,
        |w| w.reason = " ".into(),
        |w| w.actions.clear(),
        |w| w.subject = Some("a\nb".into()),
    ];
    for change in changes {
        let mut wanted = wanted(&["select"]);
        change(&mut wanted);
        assert!(
            desk.access.ask(wanted.clone(), &alice, now).is_err(),
            "{wanted:?}"
        );
    }
}

#[test]
fn a_line_that_a_crash_cut_off_goes_and_any_other_damage_stops_the_start() {
    let (desk, now) = (desk(), start());
    let alice = person("alice", &[]);
    let id = desk
        .access
        .ask(wanted(&["select"]), &alice, now)
        .unwrap()
        .id;
    let whole = fs::read_to_string(&desk.path).unwrap();
    fs::write(&desk.path, format!("{whole}{{\"id\":\"cut")).unwrap();
    let (again, _policies) = open(&desk.path, now);
    let again = again.unwrap();
    assert_eq!(again.list(&alice).len(), 1);
    again.ask(wanted(&["select"]), &alice, now).unwrap();
    let (third, _policies) = open(&desk.path, now);
    let third = third.unwrap();
    assert_eq!(third.list(&alice).len(), 2);
    assert!(third.find(&id, &alice).is_ok() && third.find("", &alice).is_err());

    fs::write(&desk.path, format!("nonsense\n{whole}")).unwrap();
    let (broken, _policies) = open(&desk.path, now);
    assert!(matches!(broken, Err(AccessError::Broken { line: 1, .. })));
}

#[test]
fn what_is_long_over_is_forgotten() {
    let (desk, now) = (desk(), start());
    let alice = person("alice", &[]);
    desk.access.ask(wanted(&["select"]), &alice, now).unwrap();
    let (later, _policies) = open(&desk.path, now + (31 * 24).hours());
    assert!(later.unwrap().list(&alice).is_empty());
}

#[test]
fn requests_that_wait_are_bounded() {
    let (desk, now) = (desk(), start());
    let alice = person("alice", &[]);
    for _ in 0..MOST_WAITING {
        desk.access.ask(wanted(&["select"]), &alice, now).unwrap();
    }
    let full = desk.access.ask(wanted(&["select"]), &alice, now);
    assert!(matches!(full, Err(AccessError::Full(_))));
    assert!(
        desk.access
            .ask(wanted(&["select"]), &alice, now + 24.hours())
            .is_ok()
    );
}
