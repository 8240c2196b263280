//! The provider and us, and one way through a sign-in.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use testbed::saml::{self, Account, Service};
use weir_identity::{
    Person,
    saml::{Attributes, IdentityProvider, Refused, ServiceProvider, Settings},
};

pub(crate) const ENTITY: &str = "https://weir.test/sp";
pub(crate) const CONSUMER: &str = "http://127.0.0.1:47110/acs";

const ACCOUNTS: [Account; 2] = [
    Account {
        name: "alice",
        mail: "alice@example.com",
        groups: &["dba-oncall", "staff"],
    },
    Account {
        name: "bob",
        mail: "bob@example.com",
        groups: &["staff"],
    },
];

/// A provider that knows a service.
pub(crate) struct World {
    pub(crate) provider: saml::IdentityProvider,
    pub(crate) us: ServiceProvider,
}

/// An answer of the provider to a request of ours, decoded.
pub(crate) struct Answer {
    pub(crate) request: String,
    pub(crate) xml: String,
}

impl World {
    /// As `change` declares the service at the provider.
    pub(crate) fn new(change: impl FnOnce(&mut Service)) -> Self {
        let mut service = Service::new(ENTITY, CONSUMER);
        change(&mut service);
        let provider = saml::IdentityProvider::start(&ACCOUNTS, &[service]).unwrap();
        let us = ServiceProvider::new(settings(&provider));
        Self { provider, us }
    }

    pub(crate) fn answer(&self, name: &str) -> Answer {
        let begun = self.us.begin(Timestamp::now()).unwrap();
        let posted = self.provider.sign_in(begun.url.as_str(), name).unwrap();
        assert_eq!(posted.action, CONSUMER);
        Answer::decoded(&begun.request, &posted.response)
    }

    pub(crate) fn take(&self, answer: &Answer) -> Result<Person, Refused> {
        self.take_at(answer, Timestamp::now())
    }

    pub(crate) fn take_at(&self, answer: &Answer, now: Timestamp) -> Result<Person, Refused> {
        take(&self.us, answer, now)
    }
}

pub(crate) fn take(
    us: &ServiceProvider,
    answer: &Answer,
    now: Timestamp,
) -> Result<Person, Refused> {
    us.verify(&answer.request, &STANDARD.encode(&answer.xml), now)
}

impl Answer {
    pub(crate) fn decoded(request: &str, response: &str) -> Self {
        Self {
            request: request.to_owned(),
            xml: String::from_utf8(STANDARD.decode(response).unwrap()).unwrap(),
        }
    }

    /// With each `from` replaced; it must be there.
    pub(crate) fn with(&self, from: &str, to: &str) -> Self {
        assert!(self.xml.contains(from), "no {from} in {}", self.xml);
        Self {
            request: self.request.clone(),
            xml: self.xml.replace(from, to),
        }
    }

    pub(crate) fn said(&self, xml: String) -> Self {
        Self {
            request: self.request.clone(),
            xml,
        }
    }

    /// What is from the first `from` to the first `to` after it, both inclusive.
    pub(crate) fn part(&self, from: &str, to: &str) -> &str {
        let start = self.xml.find(from).unwrap();
        let end = start + self.xml[start..].find(to).unwrap() + to.len();
        &self.xml[start..end]
    }
}

pub(crate) fn settings(provider: &saml::IdentityProvider) -> Settings {
    Settings {
        identity_provider: IdentityProvider::from_metadata(&provider.metadata().unwrap()).unwrap(),
        entity_id: ENTITY.into(),
        consumer: CONSUMER.parse().unwrap(),
        attributes: Attributes {
            groups: vec!["groups".into()],
            prefix: "corp:".into(),
            name: Some("uid".into()),
            mail: Some("mail".into()),
            id: None,
        },
        skew: Duration::from_secs(60),
        lifetime: Duration::from_secs(3600),
    }
}
