//! What is refused never leaves, and says why.

use hickory_proto::{
    op::{Message, ResponseCode},
    rr::{Name, RecordType},
};
use weir_agent::identity::IdentityError;

use crate::{
    server::Server,
    stand::{COMPANY, asker, query, reason, stand, stand_and, stand_counting, verdict, workload},
};

#[tokio::test]
async fn an_undeclared_name_is_refused_with_the_way_out_and_never_asked() {
    let server = Server::honest().await;
    let stand = stand(&[server.address]);
    for (name, record_type, rule) in [
        ("secret.evil.example", RecordType::A, "default-deny"),
        ("far.internal", RecordType::A, "default-deny"),
        ("db.internal", RecordType::TXT, "no-odd-record-types"),
        ("db.internal", RecordType::HTTPS, "no-odd-record-types"),
        ("db.internal", RecordType::ANY, "no-odd-record-types"),
        ("db.internal", RecordType::NULL, "no-odd-record-types"),
        (
            "db.internal",
            RecordType::Unknown(65534),
            "no-odd-record-types",
        ),
        (
            "1.2.0.192.in-addr.arpa",
            RecordType::PTR,
            "no-odd-record-types",
        ),
    ] {
        let answer = stand.ask(name, record_type).await;
        assert_eq!(
            answer.metadata.response_code,
            ResponseCode::Refused,
            "{name}"
        );
        let (code, text) = reason(&answer);
        assert_eq!(code, 18);
        assert!(text.starts_with("weir: ") && text.contains(rule), "{text}");
        let (intent, _) = stand.questions().pop().unwrap();
        assert_eq!(verdict(&intent), rule);
    }
    let answer = stand.ask("secret.evil.example", RecordType::A).await;
    assert!(reason(&answer).1.contains("`hosts` of a [[target]]"));
    assert_eq!(server.heard(), Vec::<Vec<u8>>::new());
}

#[tokio::test]
async fn what_a_policy_asks_about_is_refused_and_says_that_nobody_is_asked() {
    let server = Server::honest().await;
    let asks = r#"
@id("ask-names") @approvers("dba")
forbid (principal, action == Weir::Action::"resolve", resource) unless { context.approved };
"#;
    let stand = stand_and(&[server.address], &[asks]);
    let answer = stand.ask("db.internal", RecordType::A).await;
    assert_eq!(answer.metadata.response_code, ResponseCode::Refused);
    let (_, text) = reason(&answer);
    assert!(
        text.contains("approval of dba") && text.contains("DNS are never held"),
        "{text}"
    );
    let (intent, _) = stand.questions().pop().unwrap();
    assert_eq!(verdict(&intent), "approval-required");
    assert_eq!(server.heard(), Vec::<Vec<u8>>::new());
}

#[tokio::test]
async fn nothing_but_name_and_type_reaches_a_server() {
    let server = Server::honest().await;
    let stand = stand(&[server.address]);
    let plain = query("db.internal", RecordType::A);
    let mut covert = Message::from_vec(&query("dB.iNTERnal", RecordType::A)).unwrap();
    covert.metadata.id = 0xbeef;
    covert.metadata.checking_disabled = true;
    covert.metadata.authentic_data = true;
    covert.metadata.recursion_desired = false;
    let mut edns = covert.edns.take().unwrap();
    edns.set_dnssec_ok(true).set_max_payload(4444);
    let option = hickory_proto::rr::rdata::opt::EdnsOption::Unknown(65001, b"secret".to_vec());
    *edns.options_mut() = hickory_proto::rr::rdata::opt::OPT::new(vec![(65001.into(), option)]);
    covert.set_edns(edns);
    for query in [plain, covert.to_vec().unwrap()] {
        stand.answer(&asker(), &query).await.unwrap();
    }
    let heard: Vec<Vec<u8>> = server
        .heard()
        .iter()
        .map(|bytes| bytes[2..].to_vec())
        .collect();
    assert_eq!(heard.len(), 2);
    assert_eq!(heard[0], heard[1]);
}

#[tokio::test]
async fn the_answer_repeats_id_and_capitals() {
    let server = Server::honest().await;
    let stand = stand(&[server.address]);
    let mut asked = Message::from_vec(&query("dB.iNTERnal", RecordType::A)).unwrap();
    asked.metadata.id = 0xbeef;
    let answer = stand.answer(&asker(), &asked.to_vec().unwrap()).await;
    let answer = Message::from_vec(&answer.unwrap()).unwrap();
    assert_eq!(answer.metadata.id, 0xbeef);
    assert!(
        answer.queries[0]
            .name
            .eq_case(&Name::from_ascii("dB.iNTERnal.").unwrap())
    );
    assert_eq!(answer.answers.len(), 1);
}

#[tokio::test]
async fn a_search_domain_behind_an_allowed_name_does_not_exist() {
    let server = Server::honest().await;
    let stand = stand_and(&[server.address], &[COMPANY]);
    for (name, code) in [
        ("plain.lan.example", ResponseCode::NXDomain),
        (
            "db.internal.default.svc.cluster.local",
            ResponseCode::NXDomain,
        ),
        ("wiki.corp.example.lan.example", ResponseCode::NXDomain),
        ("localhost.lan.example", ResponseCode::NXDomain),
        ("other.lan.example", ResponseCode::Refused),
        ("internal.lan.example", ResponseCode::Refused),
        ("far.internal.lan.example", ResponseCode::Refused),
    ] {
        let answer = stand.ask(name, RecordType::AAAA).await;
        assert_eq!(answer.metadata.response_code, code, "{name}");
        let (intent, _) = stand.questions().pop().unwrap();
        assert_eq!(verdict(&intent), "default-deny", "{name}");
    }
    assert_eq!(server.heard(), Vec::<Vec<u8>>::new());
}

#[tokio::test]
async fn localhost_is_answered_and_never_asked() {
    let server = Server::honest().await;
    let stand = stand(&[server.address]);
    let v4 = stand.ask("LocalHost", RecordType::A).await;
    assert_eq!(v4.answers[0].data.to_string(), "127.0.0.1");
    let v6 = stand.ask("db.localhost", RecordType::AAAA).await;
    assert_eq!(v6.answers[0].data.to_string(), "::1");
    let none = stand.ask("localhost", RecordType::CNAME).await;
    assert_eq!(none.metadata.response_code, ResponseCode::NoError);
    assert!(none.answers.is_empty() && server.heard().is_empty());
}

#[tokio::test]
async fn what_is_no_question_is_answered_so_or_not_at_all() {
    let server = Server::honest().await;
    let stand = stand(&[server.address]);
    let ask = async |bytes: &[u8]| {
        let answer = stand.answer(&asker(), bytes).await;
        answer.map(|answer| answer[3] & 0x0f)
    };
    let good = query("db.internal", RecordType::A);
    let changed = |at: usize, to: u8| {
        let mut bytes = good.clone();
        bytes[at] = to;
        bytes
    };
    assert_eq!(ask(&good[..11]).await, None);
    assert_eq!(ask(&changed(2, 0x81)).await, None);
    assert_eq!(ask(&changed(2, 0x29)).await, Some(4));
    assert_eq!(ask(&changed(5, 2)).await, Some(1));
    assert_eq!(ask(&good[..20]).await, Some(1));
    assert_eq!(ask(&query("192.0.2.1", RecordType::A)).await, Some(5));
    let refused = stand.questions();
    assert_eq!(refused.len(), 4);
    assert!(
        refused
            .iter()
            .all(|(intent, _)| verdict(intent) == "malformed-query")
    );
    assert!(server.heard().is_empty());
}

#[tokio::test]
async fn who_is_not_verified_or_not_known_finds_nothing() {
    let server = Server::honest().await;
    let stand = stand(&[server.address]);
    let mut unverified = asker();
    unverified.subject = Err(IdentityError::UnknownUser { uid: 4711 });
    let answer = stand
        .ask_as(&unverified, "db.internal", RecordType::A)
        .await;
    assert_eq!(answer.metadata.response_code, ResponseCode::Refused);
    assert_eq!(verdict(&stand.questions()[0].0), "identity-unverified");
    let mut stranger = asker();
    stranger.workload = workload("stranger");
    let query = query("db.internal", RecordType::A);
    assert_eq!(stand.answer(&stranger, &query).await, None);
    assert!(server.heard().is_empty());
}

#[tokio::test]
async fn an_observed_workload_finds_what_it_would_be_refused() {
    let server = Server::honest().await;
    let stand = stand(&[server.address]);
    let mut watched = asker();
    watched.workload = workload("watched");
    let answer = stand
        .ask_as(&watched, "anything.example", RecordType::A)
        .await;
    assert_eq!(answer.answers.len(), 1);
    let (intent, _) = stand.questions().pop().unwrap();
    let marked = matches!(
        intent.verdict,
        weir_record::VerdictSummary::Allow {
            would_be: Some(_),
            ..
        }
    );
    assert!(marked, "{intent:?}");
}

#[tokio::test]
async fn questions_are_on_budgets_and_signals_refuse_them_with_their_figures() {
    let server = Server::honest().await;
    let signals = "[[budget]]\nname = \"chatty\"\nper = \"subject\"\nwhat = \"statements\"\n\
                   actions = [\"resolve\"]\nlimit = 2\nwindow = \"1h\"\n";
    let policy = r#"
@id("quiet")
forbid (principal, action == Weir::Action::"resolve", resource)
when { context.signals.contains("chatty") };
"#;
    let stand = stand_counting(&[server.address], policy, signals);
    for name in ["db.internal", "lb.internal"] {
        let answer = stand.ask(name, RecordType::A).await;
        assert_eq!(
            answer.metadata.response_code,
            ResponseCode::NoError,
            "{name}"
        );
    }
    let answer = stand.ask("db.internal", RecordType::A).await;
    assert_eq!(answer.metadata.response_code, ResponseCode::Refused);
    let intents: Vec<_> = stand
        .questions()
        .into_iter()
        .map(|(intent, _)| intent)
        .collect();
    let last = intents.last().unwrap();
    assert!(
        matches!(&last.verdict, weir_record::VerdictSummary::Deny { rule, .. } if rule == "quiet")
    );
    let figures: Vec<String> = last.signals.iter().map(ToString::to_string).collect();
    assert_eq!(figures.len(), 1, "{figures:?}");
    assert!(figures[0].starts_with("chatty"), "{figures:?}");
    assert!(intents[0].signals.is_empty());
}
