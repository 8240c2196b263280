//! `weir login`, `weir logout`, `weir whoami`: who sits at the keyboard.

mod kept;

use std::{io, path::PathBuf, time::Duration};

use secrecy::SecretString;
use weir_identity::{
    Evidence, Offer, Way,
    oidc::{
        self,
        login::{self, Elsewhere, IdToken},
    },
    saml::{self, Begun, Consumer, ConsumerError},
};

pub(super) use self::kept::client;
use super::{
    args,
    error::CliError,
    line::{Line, Tone},
    moment,
    out::Out,
    runtime,
};
use crate::control::{
    Begin, Providers, SignedIn, SignedOut, WhoAmI,
    client::{Client, ClientError},
};

/// How long a person may take in a browser.
const PATIENCE: Duration = Duration::from_secs(600);

/// Why nobody is signed in.
#[derive(Debug, thiserror::Error)]
pub(super) enum LoginError {
    #[error("no provider is declared by which people sign in")]
    NoProvider,
    #[error("no provider is called `{name}`; there is: {known}")]
    Unknown { name: String, known: String },
    #[error("there are several providers: {known}; choose one with --provider NAME")]
    Several { known: String },
    #[error(transparent)]
    Consumer(#[from] ConsumerError),
    #[error(transparent)]
    Flow(#[from] login::LoginError),
    #[error("can't keep the sign-in in {}: {source}", path.display())]
    Keep { path: PathBuf, source: io::Error },
    #[error("can't use the sign-in in {}: {source}", path.display())]
    Kept { path: PathBuf, source: io::Error },
    #[error("there is nowhere to keep the sign-in: neither XDG_RUNTIME_DIR nor HOME is set")]
    Nowhere,
}

/// Runs `weir login`.
pub(super) fn run(asked: &args::Login, out: &mut Out) -> Result<(), CliError> {
    runtime::small()?.block_on(sign_in(asked, out))
}

async fn sign_in(asked: &args::Login, out: &mut Out) -> Result<(), CliError> {
    // Whoever signs in anew is not who they were.
    let client = Client::new(&asked.socket);
    let Providers { providers } = client.get("/v1/providers").await?;
    let offer = chosen(providers, asked.provider.as_deref())?;
    let evidence = match &offer.way {
        Way::Oidc(way) => by_oidc(asked, offer.name, way, out).await?,
        Way::Saml(way) => by_saml(&client, offer.name, way, out).await?,
    };
    let signed: SignedIn = client.post("/v1/sign-in", &evidence).await?;
    let SignedIn {
        token,
        id,
        name,
        groups,
        expires,
    } = signed;
    kept::keep(&SecretString::from(token))?;
    let called = name.as_deref().unwrap_or(&id);
    let line = Line::of(Tone::Good, "signed in").text(format!(" as {called}, until "));
    out.line(&line.text(moment::second(expires)))?;
    out.line(&Line::of(Tone::Dim, format!("  {id}")))?;
    if !groups.is_empty() {
        out.line(&Line::of(
            Tone::Dim,
            format!("  groups: {}", groups.join(", ")),
        ))?;
    }
    Ok(())
}

async fn by_oidc(
    asked: &args::Login,
    provider: String,
    way: &oidc::Offer,
    out: &mut Out,
) -> Result<Evidence, CliError> {
    let token = if asked.browser {
        login::browser(way, |url| told(open(out, url.as_str()))).await
    } else {
        login::device(way, |elsewhere| told(code(out, elsewhere))).await
    };
    let IdToken { token, nonce } = token.map_err(LoginError::from)?;
    Ok(Evidence::Oidc {
        provider,
        id_token: token,
        nonce,
    })
}

/// Always in a browser on this machine: SAML has no other way.
async fn by_saml(
    client: &Client,
    provider: String,
    way: &saml::Offer,
    out: &mut Out,
) -> Result<Evidence, CliError> {
    let consumer = Consumer::bind(&way.consumer).await;
    let consumer = consumer.map_err(LoginError::from)?;
    let begin = Begin { provider };
    let begun: Begun = client.post("/v1/sign-in/begin", &begin).await?;
    open(out, begun.url.as_str())?;
    let response = consumer
        .response(PATIENCE)
        .await
        .map_err(LoginError::from)?;
    Ok(Evidence::Saml {
        provider: begin.provider,
        request: begun.request,
        response,
    })
}

fn chosen(offers: Vec<Offer>, wanted: Option<&str>) -> Result<Offer, LoginError> {
    let names: Vec<&str> = offers.iter().map(|offer| offer.name.as_str()).collect();
    let known = names.join(", ");
    let mut fitting = offers
        .into_iter()
        .filter(|offer| wanted.is_none_or(|wanted| offer.name == wanted));
    match (fitting.next(), fitting.next(), wanted) {
        (Some(only), None, _) => Ok(only),
        (None, _, Some(name)) if !known.is_empty() => Err(LoginError::Unknown {
            name: name.to_owned(),
            known,
        }),
        (None, ..) => Err(LoginError::NoProvider),
        (Some(_), Some(_), _) => Err(LoginError::Several { known }),
    }
}

fn code(out: &mut Out, elsewhere: &Elsewhere) -> io::Result<()> {
    let Elsewhere {
        url,
        code,
        complete,
    } = elsewhere;
    out.line(
        &Line::plain("Open ")
            .and(Tone::Key, url)
            .text(" on any machine, and type "),
    )?;
    out.line(&Line::of(Tone::Strong, format!("  {code}")))?;
    if let Some(complete) = complete {
        out.line(&Line::of(Tone::Dim, format!("or open {complete}")))?;
    }
    out.flush()
}

fn open(out: &mut Out, url: &str) -> io::Result<()> {
    out.line(&Line::plain("Open this in a browser on this machine:"))?;
    out.line(&Line::of(Tone::Key, format!("  {url}")))?;
    out.flush()
}

/// What can't be shown can't be acted on either; the flow then ends by itself.
fn told(shown: io::Result<()>) {
    if let Err(error) = shown {
        tracing::debug!(%error, "can't show what to do");
    }
}

/// Runs `weir logout`.
pub(super) fn logout(asked: &args::Whoever, out: &mut Out) -> Result<(), CliError> {
    let Some(token) = kept::token()? else {
        return Ok(tell(asked.json, false, out)?);
    };
    // What is kept here goes in any case.
    kept::forget()?;
    let client = Client::new(&asked.socket).with_token(token);
    let told = runtime::small()?.block_on(client.post::<SignedOut>("/v1/sign-out", &()));
    match told {
        Ok(_) => {}
        Err(ClientError::Refused { code, .. }) if code == "not_signed_in" => {}
        Err(error) => return Err(error.into()),
    }
    Ok(tell(asked.json, true, out)?)
}

/// As a program reads it, the same whether it was the daemon that ended the sign-in or time.
fn tell(json: bool, signed_out: bool, out: &mut Out) -> io::Result<()> {
    if json {
        return out.json(&SignedOut { signed_out });
    }
    out.line(&if signed_out {
        Line::of(Tone::Good, "signed out")
    } else {
        Line::of(Tone::Dim, "nobody is signed in")
    })
}

/// Runs `weir whoami`.
pub(super) fn whoami(asked: &args::Whoever, out: &mut Out) -> Result<(), CliError> {
    let client = client(&asked.socket)?;
    let who = runtime::small()?.block_on(client.whoami())?;
    if asked.json {
        return Ok(out.json(&who)?);
    }
    let line = match who {
        WhoAmI::Operator { uid } => {
            Line::of(Tone::Strong, "an operator").text(format!(", uid {uid}"))
        }
        WhoAmI::Stranger { uid } => Line::plain(format!("uid {uid}, not signed in"))
            .and(Tone::Dim, "; sign in with `weir login`"),
        WhoAmI::Person {
            id,
            name,
            groups,
            expires,
            ..
        } => {
            let line = Line::of(Tone::Strong, name.as_deref().unwrap_or(&id)).text(", until ");
            out.line(&line.text(moment::second(expires)))?;
            if !groups.is_empty() {
                out.line(&Line::of(
                    Tone::Dim,
                    format!("groups: {}", groups.join(", ")),
                ))?;
            }
            Line::of(Tone::Dim, id)
        }
    };
    Ok(out.line(&line)?)
}

#[cfg(test)]
mod tests {
    use super::{super::out::capture, *};

    #[test]
    fn programs_are_told_who_signed_out_in_json() {
        for signed_out in [true, false] {
            let told = capture::plain(|out| tell(true, signed_out, out));
            let told: serde_json::Value = serde_json::from_str(&told).expect(&told);
            assert_eq!(told["signed_out"], signed_out);
        }
    }
}
