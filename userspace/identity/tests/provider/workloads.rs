//! Workloads, from every source.

use std::{fs, path::Path, sync::Arc, time::Duration};

use jiff::Timestamp;
use secrecy::SecretString;
use testbed::OidcProvider;
use tokio::{sync::watch, time::timeout};
use weir_identity::{
    oidc::{Client, ClientKey},
    workload::{Account, Introspection, Keeper, Source, Standing},
};
use weir_policy::Subject;

use crate::{known, started};

fn client(id: &str, secret: &str) -> Client {
    let secret = secret.to_owned();
    let read = Arc::new(move || Ok(SecretString::from(secret.clone())));
    let key = if id == "keyed" {
        ClientKey::Key(read)
    } else {
        ClientKey::Secret(read)
    };
    Client {
        id: id.to_owned(),
        key,
    }
}

/// A keeper at work; it ends with the test's runtime.
pub(crate) fn kept(keeper: Keeper) -> watch::Receiver<Account> {
    let (tell, told) = watch::channel(Account::unknown());
    tokio::spawn(async move {
        keeper
            .keep(|account| {
                tell.send_replace(account);
            })
            .await;
    });
    told
}

async fn until(told: &mut watch::Receiver<Account>, is: impl Fn(&Account) -> bool) -> Account {
    let found = timeout(
        Duration::from_secs(60),
        told.wait_for(|account| is(account)),
    )
    .await;
    match found {
        Ok(account) => account.unwrap().clone(),
        Err(_) => panic!("it never came"),
    }
}

pub(crate) async fn subject(told: &mut watch::Receiver<Account>) -> Subject {
    let is = |account: &Account| matches!(account.standing, Standing::Verified { .. });
    match until(told, is).await.standing {
        Standing::Verified { subject, .. } => Subject::clone(&subject),
        Standing::Unverified(why) => panic!("{why}"),
    }
}

pub(crate) async fn refused(told: &mut watch::Receiver<Account>) -> String {
    let unknown = Account::unknown();
    let is = |account: &Account| {
        *account != unknown && matches!(account.standing, Standing::Unverified(_))
    };
    match until(told, is).await.standing {
        Standing::Unverified(why) => why,
        Standing::Verified { subject, .. } => panic!("{subject:?}"),
    }
}

fn by_file(provider: &OidcProvider, path: &Path) -> Keeper {
    Keeper {
        source: Source::File {
            provider: known(provider),
            path: path.to_owned(),
        },
        audience: "weir-gate".into(),
        introspection: None,
    }
}

fn by_credentials(provider: &OidcProvider, client: Client) -> Keeper {
    Keeper {
        source: Source::Credentials {
            provider: known(provider),
            client,
            parameters: vec![("audience", "weir-gate".into())],
        },
        audience: "weir-gate".into(),
        introspection: None,
    }
}

#[tokio::test]
async fn a_client_is_known_by_its_secret_or_by_its_key() {
    let provider = started();
    let key = provider.client_key().unwrap();
    for (id, secret) in [("secretive", OidcProvider::SECRET), ("keyed", key.as_str())] {
        let mut told = kept(by_credentials(&provider, client(id, secret)));
        let found = subject(&mut told).await;
        assert_eq!(found.id, format!("oidc:{}#{id}", provider.issuer()));
        assert_eq!(found.groups, ["corp:ci"]);
    }
    let mut told = kept(by_credentials(&provider, client("secretive", "wrong")));
    let why = refused(&mut told).await;
    assert!(
        why.contains("invalid_client") && !why.contains("wrong"),
        "{why}"
    );
}

#[tokio::test]
async fn tokens_are_renewed_before_they_end() {
    let provider = started();
    provider.set(r#"{"life": 4}"#).unwrap();
    let mut told = kept(by_credentials(
        &provider,
        client("secretive", OidcProvider::SECRET),
    ));
    subject(&mut told).await;
    let first = told.borrow().clone();
    // Another expiry, and never a moment without one.
    let other = |account: &Account| account.standing != first.standing;
    let next = until(&mut told, other).await;
    assert!(
        matches!(next.standing, Standing::Verified { .. }),
        "{next:?}"
    );
}

#[tokio::test]
async fn a_token_of_a_file_is_read_again_and_ends_when_it_ends() {
    let provider = started();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("token");
    let mut told = kept(by_file(&provider, &path));
    let why = refused(&mut told).await;
    assert!(why.contains("token"), "it names the place: {why}");
    let put = |what: &str| {
        let fresh = dir.path().join("fresh");
        fs::write(&fresh, provider.sign(what).unwrap()).unwrap();
        fs::rename(&fresh, &path).unwrap();
    };
    put(r#"{"claims": {"realm_access": {"roles": ["ci", "writers"]}}}"#);
    assert_eq!(subject(&mut told).await.groups, ["corp:ci", "corp:writers"]);
    // A lost group.
    put(r#"{"claims": {"realm_access": {"roles": ["ci"]}}}"#);
    let fewer = |account: &Account| match &account.standing {
        Standing::Verified { subject, .. } => subject.groups == ["corp:ci"],
        Standing::Unverified(_) => false,
    };
    until(&mut told, fewer).await;
    // One that proves nothing changes nothing while the one before holds, and is told.
    put(r#"{"how": "another"}"#);
    let failing = until(&mut told, |account| account.failure.is_some()).await;
    assert!(
        matches!(failing.standing, Standing::Verified { .. }),
        "{failing:?}"
    );
    // Its end is its end.
    let soon = jiff::Timestamp::now().as_second() + 2;
    put(&format!(r#"{{"claims": {{"exp": {soon}}}}}"#));
    let why = refused(&mut told).await;
    assert!(why.contains("expired"), "{why}");
}

#[tokio::test]
async fn a_person_s_token_is_exchanged_for_one_that_names_both() {
    let provider = started();
    let dir = tempfile::tempdir().unwrap();
    let (person, own) = (dir.path().join("person"), dir.path().join("own"));
    let sign = |sub: &str| {
        provider
            .sign(&format!(r#"{{"claims": {{"sub": "{sub}"}}}}"#))
            .unwrap()
    };
    fs::write(&person, sign("alice")).unwrap();
    fs::write(&own, sign("agent-7")).unwrap();
    let exchange = |actor: Option<&Path>| Keeper {
        source: Source::Exchange {
            provider: known(&provider),
            client: client("secretive", OidcProvider::SECRET),
            subject: person.clone(),
            actor: actor.map(Path::to_owned),
            parameters: Vec::new(),
        },
        audience: "weir-gate".into(),
        introspection: None,
    };
    for (actor, expected) in [(None, "secretive"), (Some(own.as_path()), "agent-7")] {
        let found = subject(&mut kept(exchange(actor))).await;
        assert_eq!(found.id, format!("oidc:{}#{expected}", provider.issuer()));
        let person = format!("oidc:{}#alice", provider.issuer());
        assert_eq!(found.on_behalf_of, Some(person));
    }
    // Without an actor the workload would be the person.
    provider.set(r#"{"actor": false}"#).unwrap();
    let why = refused(&mut kept(exchange(None))).await;
    assert!(why.contains("`act`"), "{why}");
}

#[tokio::test]
async fn what_the_provider_has_revoked_holds_no_more() {
    let provider = started();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("token");
    let token = provider.sign(r#"{"claims": {"jti": "j1"}}"#).unwrap();
    fs::write(&path, token).unwrap();
    let mut told = kept(Keeper {
        introspection: Some(introspection(Duration::from_mins(5))),
        ..by_file(&provider, &path)
    });
    subject(&mut told).await;
    provider.set(r#"{"revoked": ["j1"]}"#).unwrap();
    let why = refused(&mut told).await;
    assert!(why.contains("revoked"), "{why}");
    // Another one is as good as any.
    fs::write(
        &path,
        provider.sign(r#"{"claims": {"jti": "j2"}}"#).unwrap(),
    )
    .unwrap();
    subject(&mut told).await;
}

/// Asked each second.
fn introspection(unreachable_grace: Duration) -> Introspection {
    Introspection {
        client: client("secretive", OidcProvider::SECRET),
        every: Duration::from_secs(1),
        unreachable_grace,
    }
}

#[tokio::test]
async fn a_provider_that_can_t_be_asked_is_believed_for_the_grace_and_no_longer() {
    let provider = started();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("token");
    let token = || provider.sign("{}").unwrap();
    fs::write(&path, token()).unwrap();
    let graced = |grace| {
        kept(Keeper {
            introspection: Some(introspection(grace)),
            ..by_file(&provider, &path)
        })
    };
    let (mut patient, mut short) = (
        graced(Duration::from_mins(2)),
        graced(Duration::from_secs(1)),
    );
    subject(&mut patient).await;
    subject(&mut short).await;
    provider.set(r#"{"away": true}"#).unwrap();
    let doubts = |account: &Account| {
        let failure = account.failure.as_ref();
        failure.is_some_and(|failure| failure.message.contains("can't be asked whether"))
    };
    // Within the grace it is believed, and told until when.
    let believed = until(&mut patient, doubts).await;
    let Standing::Verified { expires, .. } = believed.standing else {
        panic!("{believed:?}");
    };
    assert!(expires <= Timestamp::now() + Duration::from_mins(2));
    let why = refused(&mut short).await;
    assert!(why.contains("away for too long"), "{why}");
    // Nor is another token believed, whose provider can't be asked either.
    fs::write(&path, "garbage").unwrap();
    until(&mut short, |account| !doubts(account)).await;
    fs::write(&path, token()).unwrap();
    let another = until(&mut short, doubts).await;
    assert!(
        matches!(another.standing, Standing::Unverified(_)),
        "{another:?}"
    );
    provider.set(r#"{"away": false}"#).unwrap();
    subject(&mut short).await;
}

#[tokio::test]
async fn a_workload_s_token_that_proves_nothing_makes_it_nobody() {
    let provider = started();
    let dir = tempfile::tempdir().unwrap();
    for (i, (what, expected)) in [
        (r#"{"how": "another"}"#, "signature"),
        (r#"{"header": {"alg": "none"}, "how": "none"}"#, "none"),
        (r#"{"claims": {"aud": "another"}}"#, "meant for another"),
        (r#"{"claims": {"iss": "http://127.0.0.1:9"}}"#, "issued by"),
        (
            r#"{"claims": {"act": {"sub": "x", "iss": "http://127.0.0.1:9"}}}"#,
            "actor",
        ),
        (r#"{"header": {"typ": "logout+jwt"}}"#, "type"),
    ]
    .into_iter()
    .enumerate()
    {
        let path = dir.path().join(i.to_string());
        fs::write(&path, provider.sign(what).unwrap()).unwrap();
        let why = refused(&mut kept(by_file(&provider, &path))).await;
        assert!(why.contains(expected), "{what}: {why}");
    }
}
