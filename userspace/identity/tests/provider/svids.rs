//! JWT-SVIDs, signed by another implementation's hand and verified by its trust bundle.

use std::{fs, path::Path, sync::Arc, time::Duration};

use testbed::OidcProvider;
use weir_identity::{
    spiffe::{Bundle, Trust},
    workload::{Keeper, Source},
};

use crate::{
    started,
    workloads::{kept, refused, subject},
};

const ID: &str = "spiffe://example.org/ns/agents/ci";

/// Who takes the SVID in `dir/svid`, by the bundle in `dir/bundle`.
fn keeper(dir: &Path, only: Option<&str>) -> Keeper {
    let trust = Trust::new(
        "example.org".into(),
        only.map(str::to_owned),
        vec!["agents".into()],
        Duration::from_secs(1),
        Bundle::File(dir.join("bundle")),
    );
    Keeper {
        source: Source::Svid {
            trust: Arc::new(trust.unwrap()),
            path: dir.join("svid"),
        },
        audience: "weir-gate".into(),
        introspection: None,
    }
}

/// An SVID of these claims and this header.
fn svid(provider: &OidcProvider, claims: &str, header: &str, how: &str) -> String {
    let what = format!(
        r#"{{"header": {{"typ": "JWT"{header}}},
            "claims": {{"iss": null, "sub": "{ID}"{claims}}}, "how": "{how}"}}"#
    );
    provider.sign(&what).unwrap()
}

#[tokio::test]
async fn a_workload_is_who_its_svid_says_also_after_the_keys_have_changed() {
    let provider = started();
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("bundle"), provider.bundle().unwrap()).unwrap();
    fs::write(dir.path().join("svid"), svid(&provider, "", "", "key")).unwrap();
    let mut told = kept(keeper(dir.path(), Some(ID)));
    let found = subject(&mut told).await;
    assert_eq!(
        (found.id.as_str(), &*found.groups),
        (ID, &["agents".to_owned()][..])
    );
    assert_eq!(found.on_behalf_of, None);
    provider.rotate().unwrap();
    fs::write(dir.path().join("svid"), svid(&provider, "", "", "key")).unwrap();
    let why = refused(&mut kept(keeper(dir.path(), None))).await;
    assert!(
        why.contains("key"),
        "the bundle is still the old one: {why}"
    );
    fs::write(dir.path().join("bundle"), provider.bundle().unwrap()).unwrap();
    subject(&mut kept(keeper(dir.path(), None))).await;
}

#[tokio::test]
async fn an_svid_that_proves_nothing_makes_its_workload_nobody() {
    let provider = started();
    let long_ago = "1700000000";
    for (claims, header, how, expected) in [
        ("", "", "another", "signature"),
        ("", r#", "alg": "none""#, "none", "none"),
        ("", r#", "alg": "HS256""#, "confused", "HS256"),
        ("", r#", "typ": "at+jwt""#, "key", "type"),
        (r#", "aud": "another""#, "", "key", "meant for another"),
        (r#", "aud": null"#, "", "key", "aud"),
        (&format!(r#", "exp": {long_ago}"#), "", "key", "expired"),
        (r#", "exp": null"#, "", "key", "exp"),
        (r#", "nbf": 99999999999"#, "", "key", "good from"),
        (
            r#", "sub": "spiffe://example.com/ns/agents/ci""#,
            "",
            "key",
            "example.org",
        ),
        (
            r#", "sub": "spiffe://example.org.evil/ci""#,
            "",
            "key",
            "example.org",
        ),
        (r#", "sub": null"#, "", "key", "`sub` is missing"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("bundle"), provider.bundle().unwrap()).unwrap();
        fs::write(
            dir.path().join("svid"),
            svid(&provider, claims, header, how),
        )
        .unwrap();
        let why = refused(&mut kept(keeper(dir.path(), None))).await;
        assert!(why.contains(expected), "{claims} {header} {how}: {why}");
    }
    // Another's, where one is declared; and keys that are for something else.
    let dir = tempfile::tempdir().unwrap();
    let bundle = provider.bundle().unwrap();
    fs::write(dir.path().join("bundle"), &bundle).unwrap();
    fs::write(dir.path().join("svid"), svid(&provider, "", "", "key")).unwrap();
    let other = "spiffe://example.org/ns/agents/cd";
    let why = refused(&mut kept(keeper(dir.path(), Some(other)))).await;
    assert!(why.contains(other), "{why}");
    let of_tls = bundle.replace("jwt-svid", "x509-svid");
    fs::write(dir.path().join("bundle"), of_tls).unwrap();
    let why = refused(&mut kept(keeper(dir.path(), None))).await;
    assert!(why.contains("key"), "{why}");
}
