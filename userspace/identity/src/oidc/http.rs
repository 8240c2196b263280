//! Asks a provider over HTTP, and believes no more than it must: a request goes to TLS or to this
//! host, an answer has a bound, no redirect is followed and no proxy of the environment taken.

use std::{fs, future::Future, io, path::Path, path::PathBuf, pin::Pin, time::Duration};

use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse, url::Url};
use reqwest::redirect::Policy;
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject as _},
};

use super::settings::is_safe;

/// How long a provider may take to be connected to, and to answer.
const CONNECT: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_secs(10);
/// Largest answer, in bytes.
const LARGEST: usize = 512 * 1024;

/// Asks one provider.
#[derive(Clone, Debug)]
pub struct Http(reqwest::Client);

/// Why a provider can't be asked, or what is wrong with its answer.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The file of authorities can't be read. The operator's to mend.
    #[error("can't read the authorities in {}: {source}", path.display())]
    Authorities {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It holds none, or broken ones. The operator's to mend.
    #[error("{}: {problem}", path.display())]
    NotAuthorities {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// TLS can't be set up.
    #[error("TLS can't be set up: {0}")]
    Tls(String),
    /// It would go out in the clear.
    #[error("{0} is neither https nor on this host, so it is not asked")]
    Unsafe(String),
    /// It is no URL.
    #[error("{0} is not a URL")]
    Url(String),
    /// It doesn't answer. A retry may help.
    #[error("{host} can't be asked: {problem}")]
    Unreachable {
        /// Who.
        host: String,
        /// Why.
        problem: String,
    },
    /// It says more than it may.
    #[error("{0} answers with more than {LARGEST} bytes")]
    TooLarge(String),
}

impl Http {
    /// Trusts the authorities of a PEM file, or the system's.
    ///
    /// # Errors
    /// When they can't be read.
    pub fn new(ca: Option<&Path>) -> Result<Self, HttpError> {
        let tls = |error: rustls::Error| HttpError::Tls(error.to_string());
        let config = ClientConfig::builder_with_provider(ring::default_provider().into())
            .with_safe_default_protocol_versions()
            .map_err(tls)?
            .with_root_certificates(roots(ca)?)
            .with_no_client_auth();
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(config)
            .redirect(Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT)
            .timeout(ANSWER)
            .build();
        let client = client.map_err(|error| HttpError::Tls(error.to_string()))?;
        Ok(Self(client))
    }

    /// Asks once.
    ///
    /// # Errors
    /// See [`HttpError`]. A status that is an error is an answer like any other.
    pub async fn ask(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let shown = request.uri().to_string();
        let url = Url::parse(&shown).map_err(|_| HttpError::Url(shown.clone()))?;
        if !is_safe(&url) {
            return Err(HttpError::Unsafe(shown));
        }
        let host = url.host_str().unwrap_or_default().to_owned();
        let lost = |error: reqwest::Error| HttpError::Unreachable {
            host: host.clone(),
            problem: told(&error),
        };
        let request = reqwest::Request::try_from(request).map_err(lost)?;
        let mut answer = self.0.execute(request).await.map_err(lost)?;
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(lost)? {
            if body.len() + chunk.len() > LARGEST {
                return Err(HttpError::TooLarge(host));
            }
            body.extend_from_slice(&chunk);
        }
        let mut response = HttpResponse::new(body);
        *response.status_mut() = answer.status();
        *response.headers_mut() = std::mem::take(answer.headers_mut());
        Ok(response)
    }
}

impl<'c> AsyncHttpClient<'c> for Http {
    type Error = HttpError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.ask(request))
    }
}

/// The innermost reason, without the URL: a query could hold what is nobody's to see.
fn told(error: &reqwest::Error) -> String {
    let mut inner: &dyn std::error::Error = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    if error.is_timeout() {
        return "it takes too long".to_owned();
    }
    inner.to_string()
}

fn roots(ca: Option<&Path>) -> Result<RootCertStore, HttpError> {
    let mut roots = RootCertStore::empty();
    let Some(path) = ca else {
        // With none at all, no https provider verifies; one on this host may do without.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        return Ok(roots);
    };
    let pem = fs::read(path).map_err(|source| HttpError::Authorities {
        path: path.to_owned(),
        source,
    })?;
    let broken = |problem: String| HttpError::NotAuthorities {
        path: path.to_owned(),
        problem,
    };
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| broken(error.to_string()))?;
        roots
            .add(certificate)
            .map_err(|error| broken(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(broken("it holds no CERTIFICATE block".to_owned()));
    }
    Ok(roots)
}
