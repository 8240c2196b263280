//! What a signed assertion says, and whether it is for us, now.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    Refused, Settings,
    document::{ASSERTION, Markup, PROTOCOL},
    refused::quoted,
    signature::Signed,
};
use crate::Person;

const SUCCESS: &str = "urn:oasis:names:tc:SAML:2.0:status:Success";
const BEARER: &str = "urn:oasis:names:tc:SAML:2.0:cm:bearer";
const ENTITY: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:entity";
const TRANSIENT: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient";
const EMAIL: &str = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress";

/// Longest id, name or group, in bytes.
const LONGEST: usize = 256;
/// Most values of one attribute, and most groups. More are refused rather than cut: a group that
/// fell out could be one that forbids.
const MOST: usize = 1000;

/// What the provider has said.
#[derive(Debug)]
pub(super) struct Vouched {
    /// The assertion's id.
    pub(super) assertion: String,
    /// Until when it could be used again.
    pub(super) until: Timestamp,
    pub(super) person: Person,
}

/// Whom it is of, if it is the answer to this request.
pub(super) fn judge(
    signed: &Signed<'_>,
    request: &str,
    settings: &Settings,
    now: Timestamp,
) -> Result<Vouched, Refused> {
    let judge = Judge {
        request,
        settings,
        now,
    };
    judge.response(signed)?;
    let assertion = signed.assertion;
    if assertion.attribute("Version") != Some("2.0") {
        return Err(Refused::Shape("it is no SAML 2.0 Assertion".to_owned()));
    }
    judge.issuer(assertion.the(ASSERTION, "Issuer")?)?;
    let subject = assertion.the(ASSERTION, "Subject")?;
    let until = judge.confirmed(subject)?;
    judge.conditions(assertion.the(ASSERTION, "Conditions")?)?;
    let expires = judge.session(assertion)?;
    let id = assertion.attribute("ID").filter(|id| !id.is_empty());
    Ok(Vouched {
        assertion: id
            .ok_or_else(|| Refused::Shape("an assertion without an ID".to_owned()))?
            .to_owned(),
        // The widest that anything above would have taken.
        until: later(until, settings.skew),
        person: judge.person(assertion, subject, expires)?,
    })
}

/// Whether the provider says that it signed the person in.
pub(super) fn status(response: Markup<'_>) -> Result<(), Refused> {
    let status = response.the(PROTOCOL, "Status")?;
    let code = status.the(PROTOCOL, "StatusCode")?;
    let value = code.attribute("Value").unwrap_or_default();
    if value == SUCCESS {
        return Ok(());
    }
    let message = status.only(PROTOCOL, "StatusMessage")?;
    let text = message.map(Markup::text).transpose()?;
    Err(Refused::Status(quoted(text.as_deref().unwrap_or(value))))
}

struct Judge<'a> {
    request: &'a str,
    settings: &'a Settings,
    now: Timestamp,
}

impl Judge<'_> {
    /// The envelope. It need not be signed, so nothing is known by it that the assertion doesn't
    /// say again; it may only take away.
    fn response(&self, signed: &Signed<'_>) -> Result<(), Refused> {
        let response = signed.response;
        status(response)?;
        if let Some(issuer) = response.only(ASSERTION, "Issuer")? {
            self.issuer(issuer)?;
        }
        match response.attribute("Destination") {
            Some(to) => self.recipient(to)?,
            None if signed.response_too => {
                let problem = "a signed response without a Destination";
                return Err(Refused::Shape(problem.to_owned()));
            }
            None => {}
        }
        if response.attribute("InResponseTo") != Some(self.request) {
            return Err(Refused::NotOurs);
        }
        Ok(())
    }

    fn issuer(&self, issuer: Markup<'_>) -> Result<(), Refused> {
        let found = issuer.text()?;
        let format = issuer.attribute("Format").unwrap_or(ENTITY);
        if found != self.settings.identity_provider.entity_id || format != ENTITY {
            return Err(Refused::Issuer {
                found: quoted(&found),
            });
        }
        Ok(())
    }

    fn recipient(&self, found: &str) -> Result<(), Refused> {
        if found != self.settings.consumer.as_str() {
            return Err(Refused::Recipient {
                found: quoted(found),
            });
        }
        Ok(())
    }

    /// One bearer confirmation must hold in full (saml-profiles-2.0-os, section 4.1.4.3). Until
    /// when it does.
    fn confirmed(&self, subject: Markup<'_>) -> Result<Timestamp, Refused> {
        let mut refused = Refused::NotBearer;
        for confirmation in subject.all(ASSERTION, "SubjectConfirmation") {
            if confirmation.attribute("Method") != Some(BEARER) {
                continue;
            }
            match self.bearer(confirmation) {
                Ok(until) => return Ok(until),
                Err(error) => refused = error,
            }
        }
        Err(refused)
    }

    fn bearer(&self, confirmation: Markup<'_>) -> Result<Timestamp, Refused> {
        let data = confirmation.the(ASSERTION, "SubjectConfirmationData")?;
        self.recipient(data.attribute("Recipient").unwrap_or_default())?;
        if data.attribute("InResponseTo") != Some(self.request) {
            return Err(Refused::NotOurs);
        }
        if data.attribute("NotBefore").is_some() {
            let problem = "a bearer confirmation with NotBefore";
            return Err(Refused::Shape(problem.to_owned()));
        }
        self.ended(data, "NotOnOrAfter")?
            .ok_or_else(|| Refused::Shape("a bearer confirmation without an end".to_owned()))
    }

    fn conditions(&self, conditions: Markup<'_>) -> Result<(), Refused> {
        if let Some(from) = time(conditions, "NotBefore")?
            && later(self.now, self.settings.skew) < from
        {
            return Err(Refused::Early { from });
        }
        self.ended(conditions, "NotOnOrAfter")?;
        let mut restricted = false;
        for condition in conditions.children() {
            if condition.is(ASSERTION, "AudienceRestriction") {
                restricted = true;
                self.audience(condition)?;
            } else if !condition.is(ASSERTION, "OneTimeUse")
                && !condition.is(ASSERTION, "ProxyRestriction")
            {
                // One that isn't understood leaves all in doubt (saml-core-2.0-os, section 2.5.1.1).
                return Err(Refused::Shape(
                    "a condition that weir does not know".to_owned(),
                ));
            }
        }
        if restricted {
            return Ok(());
        }
        Err(Refused::Audience {
            found: "anybody".to_owned(),
        })
    }

    fn audience(&self, restriction: Markup<'_>) -> Result<(), Refused> {
        let mut last = String::new();
        for audience in restriction.all(ASSERTION, "Audience") {
            last = audience.text()?;
            if last == self.settings.entity_id {
                return Ok(());
            }
        }
        Err(Refused::Audience {
            found: quoted(&last),
        })
    }

    /// When the sign-in ends.
    fn session(&self, assertion: Markup<'_>) -> Result<Timestamp, Refused> {
        let mut expires = later(self.now, self.settings.lifetime);
        let mut statements = 0;
        for statement in assertion.all(ASSERTION, "AuthnStatement") {
            statements += 1;
            if let Some(until) = self.ended(statement, "SessionNotOnOrAfter")? {
                expires = expires.min(until);
            }
        }
        if statements == 0 {
            let problem = "an assertion that doesn't say that anybody signed in";
            return Err(Refused::Shape(problem.to_owned()));
        }
        Ok(expires)
    }

    /// The time in an attribute, which must not have come, but for the skew.
    fn ended(&self, element: Markup<'_>, name: &str) -> Result<Option<Timestamp>, Refused> {
        let until = time(element, name)?;
        match until {
            Some(until) if later(until, self.settings.skew) <= self.now => {
                Err(Refused::Late { until })
            }
            until => Ok(until),
        }
    }

    fn person(
        &self,
        assertion: Markup<'_>,
        subject: Markup<'_>,
        expires: Timestamp,
    ) -> Result<Person, Refused> {
        let wanted = &self.settings.attributes;
        let provider = &self.settings.identity_provider.entity_id;
        let said = Said::read(assertion)?;
        let name_id = subject.only(ASSERTION, "NameID")?;
        let mut aliases = match &wanted.mail {
            Some(mail) => said.values(mail)?,
            None => Vec::new(),
        };
        let id = match &wanted.id {
            Some(name) => said.one(name)?.ok_or_else(|| Refused::Attribute {
                name: name.clone(),
                problem: "is missing, and people are told apart by it",
            })?,
            None => {
                let name_id =
                    name_id.ok_or_else(|| Refused::Shape("nobody is named".to_owned()))?;
                let (id, is_mail) = self.name_id(name_id)?;
                if is_mail {
                    aliases.push(id.clone());
                }
                id
            }
        };
        let mut groups = Vec::new();
        for name in &wanted.groups {
            let values = said.values(name)?;
            groups.extend(
                values
                    .into_iter()
                    .map(|one| format!("{}{one}", wanted.prefix)),
            );
        }
        for list in [&mut groups, &mut aliases] {
            list.sort();
            list.dedup();
        }
        let name = match &wanted.name {
            Some(name) => said.one(name)?,
            None => None,
        };
        Ok(Person {
            name: name
                .or_else(|| aliases.first().cloned())
                .or_else(|| Some(id.clone())),
            id: format!("saml:{provider}#{id}"),
            aliases,
            groups,
            expires,
        })
    }

    /// A name that means the same person the next time, and whether it is a mail address.
    fn name_id(&self, name_id: Markup<'_>) -> Result<(String, bool), Refused> {
        let format = name_id.attribute("Format").unwrap_or_default();
        if format == TRANSIENT {
            return Err(Refused::Transient);
        }
        // Names are unique within these; another's could be the same.
        for (qualifier, ours) in [
            ("NameQualifier", &self.settings.identity_provider.entity_id),
            ("SPNameQualifier", &self.settings.entity_id),
        ] {
            if name_id
                .attribute(qualifier)
                .is_some_and(|found| found != ours)
            {
                return Err(Refused::Shape(format!("a NameID of another {qualifier}")));
            }
        }
        Ok((usable("NameID", name_id.text()?)?, format == EMAIL))
    }
}

/// The attributes of an assertion, by name.
struct Said<'d>(Vec<(&'d str, Markup<'d>)>);

impl<'d> Said<'d> {
    fn read(assertion: Markup<'d>) -> Result<Self, Refused> {
        let mut said = Vec::new();
        for statement in assertion.all(ASSERTION, "AttributeStatement") {
            for attribute in statement.all(ASSERTION, "Attribute") {
                let name = attribute
                    .attribute("Name")
                    .ok_or_else(|| Refused::Shape("an attribute without a name".to_owned()))?;
                said.push((name, attribute));
            }
        }
        Ok(Self(said))
    }

    /// All values under a name; none where it isn't there.
    fn values(&self, name: &str) -> Result<Vec<String>, Refused> {
        let Self(said) = self;
        let mut values = Vec::new();
        for (_, attribute) in said.iter().filter(|(found, _)| *found == name) {
            for value in attribute.all(ASSERTION, "AttributeValue") {
                if values.len() >= MOST {
                    return Err(unusable(name, "has more than 1000 values"));
                }
                values.push(usable(name, value.text()?)?);
            }
        }
        Ok(values)
    }

    fn one(&self, name: &str) -> Result<Option<String>, Refused> {
        let mut values = self.values(name)?;
        if values.len() > 1 {
            return Err(unusable(name, "has several values where one may be"));
        }
        Ok(values.pop())
    }
}

fn usable(name: &str, value: String) -> Result<String, Refused> {
    if value.is_empty() || value.len() > LONGEST || value.contains(char::is_control) {
        return Err(unusable(
            name,
            "is empty, too long or has control characters",
        ));
    }
    Ok(value)
}

fn unusable(name: &str, problem: &'static str) -> Refused {
    Refused::Attribute {
        name: name.to_owned(),
        problem,
    }
}

fn time(element: Markup<'_>, name: &str) -> Result<Option<Timestamp>, Refused> {
    let parsed = element.attribute(name).map(str::parse).transpose();
    parsed.map_err(|_| Refused::Shape(format!("{name} is no time in UTC")))
}

fn later(time: Timestamp, by: Duration) -> Timestamp {
    time.saturating_add(by).unwrap_or(time)
}
