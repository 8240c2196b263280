//! Against a real OpenID Connect provider.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod flows;
mod forged;
mod svids;
mod workloads;

use std::time::Duration;

use jiff::Timestamp;
use testbed::OidcProvider;
use weir_identity::{
    Evidence, Groups, Offer, Provider, SignIns, Way,
    oidc::{self, Algorithm, Settings},
};

pub(crate) fn started() -> OidcProvider {
    OidcProvider::start().unwrap_or_else(|error| panic!("{error}"))
}

pub(crate) fn settings(provider: &OidcProvider) -> Settings {
    Settings {
        issuer: provider.issuer().to_owned(),
        ca: None,
        client_id: Some("weir".into()),
        scopes: ["openid", "email", "profile"].map(String::from).to_vec(),
        algorithms: vec![Algorithm::Rs256, Algorithm::Es256],
        clock_skew: Duration::from_secs(1),
        groups: Groups {
            claims: vec![
                "/groups".parse().unwrap(),
                "/realm_access/roles".parse().unwrap(),
            ],
            prefix: "corp:".into(),
        },
        sign_in_for: None,
    }
}

pub(crate) fn known(provider: &OidcProvider) -> oidc::Provider {
    oidc::Provider::new(settings(provider)).unwrap()
}

pub(crate) fn sign_ins(provider: &OidcProvider) -> SignIns {
    SignIns::new([("corp".to_owned(), Provider::Oidc(known(provider)))])
}

pub(crate) fn offer(sign_ins: &SignIns) -> oidc::Offer {
    let offers = sign_ins.offers();
    let [Offer { name, way }] = offers.as_slice() else {
        panic!("{offers:?}");
    };
    assert_eq!(name, "corp");
    match way {
        Way::Oidc(offer) => offer.clone(),
        other => panic!("{other:?}"),
    }
}

pub(crate) fn evidence(token: &str, nonce: Option<&str>) -> Evidence {
    Evidence::Oidc {
        provider: "corp".into(),
        id_token: token.into(),
        nonce: nonce.map(str::to_owned),
    }
}

pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}
