//! Profiles over the API: what is learned, and having it learned anew.

use std::fs;

use weir_command::{Statement, sql};
use weir_identity::Person;
use weir_policy::{Footprint, Policies, Source, Who};

use super::{super::Reset, Served, code_of};

/// Has a subject learn what it usually does.
fn learns(served: &Served, subject: &str, texts: &[&str]) {
    let source = |name: &str, text: &str| Source {
        name: name.into(),
        text: text.into(),
    };
    let sources = [
        source(
            "a.cedar",
            "@id(\"a\") permit (principal, action, resource) when { context.signals.isEmpty() };",
        ),
        source(
            "signals.toml",
            "[[novelty]]\nname = \"new-table\"\nwhat = \"table\"\nlearn_messages = 2\n\
             [[novelty]]\nname = \"new-verb\"\nwhat = \"verb\"\nlearn = \"1d\"\n",
        ),
    ];
    let policies = Policies::load(&sources).unwrap();
    let who = Who {
        subject,
        workload: "ci",
        target: Some("orders"),
    };
    let mut watch = served.daemon.0.signals.watch(&policies, who);
    for text in texts {
        let statements: Vec<Statement> = sql::statements(text.as_bytes(), &sql::Limits::default());
        let print = Footprint::of(&statements);
        watch.allowed(&[&print].into_iter());
    }
}

#[tokio::test]
async fn what_is_learned_is_listed_shown_and_learned_anew_and_that_is_audited() {
    let served = Served::start();
    let client = &served.client;
    assert_eq!(client.profiles().await.unwrap().profiles, []);
    learns(
        &served,
        "unix:bot",
        &["SELECT 1 FROM b", "SELECT 1 FROM a", "SELECT 1 FROM c"],
    );
    learns(&served, "unix:other", &["SELECT 1 FROM b"]);

    let all = client.profiles().await.unwrap().profiles;
    let told: Vec<(&str, &str, bool, usize)> = all
        .iter()
        .map(|one| (&*one.signal, &*one.of, one.learning, one.things))
        .collect();
    assert_eq!(
        told,
        [
            ("new-table", "unix:bot on orders", false, 2),
            ("new-table", "unix:other on orders", true, 1),
            ("new-verb", "unix:bot on orders", true, 1),
            ("new-verb", "unix:other on orders", true, 1),
        ]
    );
    let profile = client
        .profile("new-table", "unix:bot on orders")
        .await
        .unwrap();
    assert_eq!(profile.usual, ["a", "b"]);
    assert_eq!(profile.standing, all[0]);

    let reset = |signal: Option<&str>, of: Option<&str>| Reset {
        signal: signal.map(str::to_owned),
        of: of.map(str::to_owned),
    };
    let one = reset(Some("new-table"), Some("unix:bot on orders"));
    assert_eq!(client.reset_profiles(&one).await.unwrap().reset, 1);
    let anew = client
        .profile("new-table", "unix:bot on orders")
        .await
        .unwrap();
    assert!(anew.standing.learning && anew.usual.is_empty(), "{anew:?}");
    let verbs = reset(Some("new-verb"), None);
    assert_eq!(client.reset_profiles(&verbs).await.unwrap().reset, 2);
    let everything = reset(None, None);
    assert_eq!(client.reset_profiles(&everything).await.unwrap().reset, 4);

    let audit = fs::read_to_string(served.dir.path().join("audit.jsonl")).unwrap();
    let lines: Vec<serde_json::Value> = audit
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[0]["event"], "profiles_reset");
    assert_eq!(lines[0]["of"], "unix:bot on orders");
    assert!(lines[0]["by"].as_str().unwrap().starts_with("unix:"));
    assert_eq!(lines[2]["signal"], serde_json::Value::Null);
    assert_eq!(lines[2]["reset"], 4);
}

#[tokio::test]
async fn what_is_not_there_is_told_and_only_operators_reset() {
    let served = Served::start();
    let client = &served.client;
    learns(&served, "unix:bot", &["SELECT 1 FROM b"]);
    for (signal, of) in [("new-table", "unix:bot"), ("typo", "unix:bot on orders")] {
        assert_eq!(code_of(client.profile(signal, of).await), "no_such_profile");
        let reset = Reset {
            signal: Some(signal.into()),
            of: Some(of.into()),
        };
        assert_eq!(
            code_of(client.reset_profiles(&reset).await),
            "no_such_profile"
        );
    }
    // A key that is misspelt would mean all.
    let misspelt = serde_json::json!({"signals": "new-table"});
    let answer = client.post::<serde_json::Value>("/v1/profiles/reset", &misspelt);
    assert_eq!(code_of(answer.await), "bad_body");

    let alice = Person {
        id: "oidc:https://id.example#42".into(),
        name: None,
        aliases: Vec::new(),
        groups: Vec::new(),
        expires: jiff::Timestamp::now() + jiff::SignedDuration::from_mins(5),
    };
    let people = &served.daemon.0.people;
    let signed = people.sign_in(alice, jiff::Timestamp::now()).unwrap();
    let person = served.client.clone().with_token(signed.token);
    assert_eq!(code_of(person.profiles().await), "forbidden");
    assert_eq!(
        code_of(person.reset_profiles(&Reset::default()).await),
        "forbidden"
    );
}
