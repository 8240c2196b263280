//! Whether answers are enough, tried as somebody would who wants them to be.

use weir_command::Verb;

use super::{Answer, Approver, Ask, Matter, NotGranted, Scope};
use crate::{
    Permit, Subject, Target,
    judge::tests::support::{ask, bundle, crm, judge_as, make, subject},
};

const TWO: &str = r#"@id("two") @approvers("dba, unix:carol") @approvals("2")
    permit (principal, action in Weir::Action::"ddl", resource) when { context.approved };"#;
const ONE: &str = r#"@id("one") @approvers("dba")
    permit (principal, action in Weir::Action::"ddl", resource) when { context.approved };"#;
const NOBODY: &str = r#"@id("nobody")
    permit (principal, action in Weir::Action::"ddl", resource) when { context.approved };"#;

fn asked(policy: &str, subject: &Subject) -> Ask {
    let statement = make(Verb::Drop).defines("public.people").done();
    ask(judge_as(&bundle(&[policy]), subject, &statement))
}

fn dba(id: &str) -> Approver {
    let mail = format!("{id}@example.com");
    Approver::person(
        format!("oidc:https://id#{id}"),
        vec![mail],
        vec!["dba".into()],
    )
}

fn matter<'a>(subject: &'a Subject, target: &'a Target) -> Matter<'a> {
    Matter {
        request: "s#1",
        session: "s",
        subject,
        target,
        text: b"DROP TABLE people",
        parameters: b"",
        shape: Some("drop table people"),
    }
}

/// Whether the yes of these, given to the first, is one to the second.
fn answer(by: &[Approver], scope: Scope, ask: &Ask, to: &Matter<'_>) -> Vec<Answer> {
    let to = ask.binding(scope, to).unwrap();
    by.iter().map(|by| Answer::new(by.clone(), to)).collect()
}

fn granted(ask: &Ask, by: &[Approver], matter: &Matter<'_>) -> Result<Permit, NotGranted> {
    ask.granted(&answer(by, Scope::Once, ask, matter), matter)
}

#[test]
fn a_yes_of_whom_the_policy_names_is_a_permit_that_names_them() {
    let (alice, crm) = (subject("unix:alice", &[]), crm());
    let ask = asked(ONE, &alice);
    let permit = granted(&ask, &[dba("bob")], &matter(&alice, &crm)).unwrap();
    assert_eq!(permit.approved_by(), ["oidc:https://id#bob"]);
    assert_eq!(permit.deciding(), ["one"]);
    assert!(!permit.only_prepares());
    for nobody in [
        Approver::person("oidc:https://id#eve".into(), vec![], vec!["web".into()]),
        Approver::operator("root"),
    ] {
        let refused = granted(&ask, &[nobody], &matter(&alice, &crm)).unwrap_err();
        assert!(matches!(refused, NotGranted::NotNamed { .. }), "{refused}");
    }
    let none = granted(&ask, &[], &matter(&alice, &crm)).unwrap_err();
    assert!(matches!(none, NotGranted::Lacking { .. }));
}

#[test]
fn nobody_answers_for_themselves_by_any_name() {
    let crm = crm();
    let by_whom = [
        ("oidc:https://id#bob", None),
        ("bob@example.com", None),
        ("workload:ci", Some("oidc:https://id#bob")),
        ("workload:ci", Some("bob@example.com")),
        ("workload:ci", Some("BOB@Example.com")),
    ];
    for (id, person) in by_whom {
        let mut subject = subject(id, &[]);
        subject.on_behalf_of = person.map(str::to_owned);
        let ask = asked(ONE, &subject);
        let refused = granted(&ask, &[dba("bob")], &matter(&subject, &crm)).unwrap_err();
        assert!(matches!(refused, NotGranted::Oneself { .. }), "{refused}");
        // Not even beside somebody who may.
        let both = [dba("carol"), dba("bob")];
        assert!(granted(&ask, &both, &matter(&subject, &crm)).is_err());
        assert!(granted(&ask, &both[..1], &matter(&subject, &crm)).is_ok());
    }
}

#[test]
fn an_operator_answers_what_names_nobody_or_them_but_never_for_itself() {
    let (alice, crm) = (subject("unix:alice", &[]), crm());
    let root = || [Approver::operator("root")];
    let named = NOBODY.replace("@id", r#"@approvers("unix:root") @id"#);
    for policy in [NOBODY, &named] {
        let ask = asked(policy, &alice);
        assert!(granted(&ask, &root(), &matter(&alice, &crm)).is_ok());
        // Whatever a provider calls people, it makes no operators.
        let sham = Approver::person(
            "x".into(),
            vec!["unix:root".into()],
            vec!["unix:root".into()],
        );
        assert!(granted(&ask, &[sham], &matter(&alice, &crm)).is_err());
        let itself = subject("unix:root", &[]);
        let ask = asked(policy, &itself);
        let refused = granted(&ask, &root(), &matter(&itself, &crm)).unwrap_err();
        assert!(matches!(refused, NotGranted::Oneself { .. }), "{refused}");
    }
    // The daemon's own user is an operator, too, and no less itself.
    let weir = subject("unix:weir", &[]);
    let ask = asked(NOBODY, &weir);
    let own = [Approver::operator("weir")];
    assert!(granted(&ask, &own, &matter(&weir, &crm)).is_err());
    assert!(granted(&ask, &root(), &matter(&weir, &crm)).is_ok());
}

#[test]
fn two_are_two_people_and_not_two_answers_or_accounts() {
    let (alice, crm) = (subject("unix:alice", &[]), crm());
    let ask = asked(TWO, &alice);
    let bob = dba("bob");
    let bob_by_saml = Approver::person(
        "saml:https://idp#b".into(),
        vec!["Bob@example.com".into()],
        vec!["dba".into()],
    );
    for one in [
        vec![bob.clone()],
        vec![bob.clone(), bob.clone()],
        vec![bob.clone(), bob_by_saml],
    ] {
        let refused = granted(&ask, &one, &matter(&alice, &crm)).unwrap_err();
        assert!(matches!(refused, NotGranted::Lacking { .. }), "{refused}");
    }
    let permit = granted(&ask, &[bob, dba("dan")], &matter(&alice, &crm)).unwrap();
    assert_eq!(permit.approved_by().len(), 2);
}

#[test]
fn one_person_may_meet_two_requirements() {
    let (alice, crm) = (subject("unix:alice", &[]), crm());
    let other = r#"@id("other") @approvers("bob@example.com")
        forbid (principal, action in Weir::Action::"ddl", resource) unless { context.approved };"#;
    let ask = asked(&format!("{ONE}{other}"), &alice);
    assert!(granted(&ask, &[dba("bob")], &matter(&alice, &crm)).is_ok());
    assert!(granted(&ask, &[dba("dan")], &matter(&alice, &crm)).is_err());
}

#[test]
fn an_answer_is_to_nothing_else() {
    let (alice, crm) = (subject("unix:alice", &[]), crm());
    let ask = asked(ONE, &alice);
    let asked_about = matter(&alice, &crm);
    let mut elsewhere = crm.clone();
    elsewhere.database = "hr".into();
    let mallory = subject("unix:mallory", &[]);
    let mut for_bob = alice.clone();
    for_bob.on_behalf_of = Some("carol".into());
    let others = [
        Matter {
            request: "s#2",
            ..asked_about
        },
        Matter {
            session: "t",
            ..asked_about
        },
        Matter {
            text: b"DROP TABLE people ",
            ..asked_about
        },
        Matter {
            parameters: b"\0",
            ..asked_about
        },
        Matter {
            target: &elsewhere,
            ..asked_about
        },
        Matter {
            subject: &mallory,
            ..asked_about
        },
        Matter {
            subject: &for_bob,
            ..asked_about
        },
    ];
    for other in others {
        let answers = answer(&[dba("bob")], Scope::Once, &ask, &asked_about);
        let refused = ask.granted(&answers, &other).unwrap_err();
        assert!(
            matches!(refused, NotGranted::OtherMatter { .. }),
            "{other:?}"
        );
    }
    // Nor to the same under another policy.
    let later = asked(&format!("{ONE}\n"), &alice);
    let answers = answer(&[dba("bob")], Scope::Once, &ask, &asked_about);
    assert!(later.granted(&answers, &asked_about).is_err());
}

#[test]
fn a_session_s_and_a_shape_s_yes_reach_as_far_as_they_say() {
    let (alice, crm) = (subject("unix:alice", &[]), crm());
    let ask = asked(ONE, &alice);
    let first = matter(&alice, &crm);
    let same_session = Matter {
        request: "s#9",
        text: b"DROP TABLE x",
        shape: None,
        ..first
    };
    let other_session = Matter {
        request: "t#1",
        session: "t",
        text: b"drop table People",
        ..first
    };
    let try_on = |scope, other: &Matter<'_>| {
        let answers = answer(&[dba("bob")], scope, &ask, &first);
        ask.granted(&answers, other).is_ok()
    };
    assert!(try_on(Scope::Session, &same_session) && !try_on(Scope::Session, &other_session));
    assert!(try_on(Scope::Shape, &other_session) && !try_on(Scope::Shape, &same_session));
    assert!(
        ask.binding(Scope::Shape, &same_session).is_none(),
        "it has no shape"
    );
    // What another policy asks is another question.
    let two = asked(TWO, &alice);
    let answers = answer(&[dba("bob"), dba("dan")], Scope::Session, &ask, &first);
    assert!(two.granted(&answers, &first).is_err());
}

#[test]
fn asks_of_several_statements_are_all_to_be_met() {
    let (alice, crm) = (subject("unix:alice", &[]), crm());
    let policies = bundle(&[
        r#"@id("a") @approvers("dba") @timeout("60") @message("x") permit (principal, action == Weir::Action::"drop", resource)
             when { context.approved };
           @id("b") @approvers("lead") @timeout("9") @message("y") permit (principal, action == Weir::Action::"create", resource)
             when { context.approved };"#,
    ]);
    let of = |verb| ask(judge_as(&policies, &alice, &make(verb).defines("t").done()));
    let both = of(Verb::Drop).and(of(Verb::Create)).and(of(Verb::Drop));
    assert_eq!(both.describe(), "dba, and lead");
    assert_eq!(
        (both.timeout_seconds(), both.message()),
        (Some(9), Some("x; y"))
    );
    let lead = Approver::person("lead".into(), vec![], vec![]);
    assert!(granted(&both, &[dba("bob")], &matter(&alice, &crm)).is_err());
    assert!(granted(&both, &[dba("bob"), lead], &matter(&alice, &crm)).is_ok());
}

#[test]
fn what_prepares_says_so() {
    let ask = asked(ONE, &subject("unix:alice", &[]));
    assert!(ask.preparation().only_prepares());
    assert!(ask.preparation().approved_by().is_empty());
}
