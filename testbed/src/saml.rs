//! A throwaway SAML identity provider on loopback: SimpleSAMLphp, served by PHP's own web server.
//!
//! Job: a real provider with people who sign in by name and password, that knows the services it is
//! told of, and signs as each is declared.
//!
//! Not its job: installing SimpleSAMLphp, or being a browser.
//!
//! Known limits: plain HTTP, and one request at a time.

mod browser;
mod setup;

use std::fs::{self, File};
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

pub use self::browser::Posted;
use crate::error::At as _;
use crate::process::{Running, Spawn};
use crate::{Error, Result};

const SERVER: &str = "SimpleSAMLphp";
const READY_WITHIN: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(10);
/// Somebody else can take the port between its being found and its being bound.
const TRIES: usize = 5;
const WWW: &str = "/usr/share/simplesamlphp/www";

/// A person of the provider.
#[derive(Clone, Debug)]
pub struct Account {
    /// The name to sign in with, which is also the attribute `uid`.
    pub name: &'static str,
    /// The attribute `mail`.
    pub mail: &'static str,
    /// The attribute `groups`.
    pub groups: &'static [&'static str],
}

/// A service that the provider knows.
#[derive(Clone, Debug)]
pub struct Service {
    /// Its entity id.
    pub entity_id: String,
    /// Where it takes answers.
    pub consumer: String,
    /// Whether the response is signed.
    pub sign_response: bool,
    /// Whether the assertion is signed.
    pub sign_assertion: bool,
    /// The signature's algorithm, by its URI.
    pub algorithm: &'static str,
    /// The format of the NameID, by its URI; the attribute `mail` is its value.
    pub name_id: &'static str,
    /// Whether the assertion is encrypted, for whoever has the provider's own key.
    pub encrypt: bool,
}

impl Service {
    /// One whose assertions are signed with RSA and SHA-256, and whose responses aren't.
    #[must_use]
    pub fn new(entity_id: impl Into<String>, consumer: impl Into<String>) -> Self {
        Self {
            entity_id: entity_id.into(),
            consumer: consumer.into(),
            sign_response: false,
            sign_assertion: true,
            algorithm: "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
            name_id: "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress",
            encrypt: false,
        }
    }
}

/// A running provider. Stopped, and its directory removed, when dropped.
#[derive(Debug)]
pub struct IdentityProvider {
    // In the order in which they must go: first the process, then what it stands on.
    _server: Running,
    directory: TempDir,
    address: SocketAddr,
}

impl IdentityProvider {
    /// Starts one that knows these people and services.
    pub fn start(accounts: &[Account], services: &[Service]) -> Result<Self> {
        if !is_installed() {
            return Err(Error::NotInstalled {
                what: "SimpleSAMLphp or PHP",
            });
        }
        for _ in 0..TRIES {
            if let Some(provider) = Self::try_start(accounts, services)? {
                return Ok(provider);
            }
        }
        Err(Error::NoPort {
            server: SERVER,
            tries: TRIES,
        })
    }

    fn try_start(accounts: &[Account], services: &[Service]) -> Result<Option<Self>> {
        let directory = tempfile::Builder::new()
            .prefix("weir-saml-")
            .tempdir()
            .at("make a directory in", &std::env::temp_dir())?;
        let address = free_address().at("find a free port for", directory.path())?;
        setup::write(directory.path(), address, accounts, services)?;
        let log = directory.path().join("server.log");
        let server = Spawn::new("php")
            .args(["-d", "session.save_path="])
            .args(["-S", &address.to_string(), "-t", WWW])
            .arg(directory.path().join("router.php"))
            .env("SIMPLESAMLPHP_CONFIG_DIR", directory.path().join("config"))
            .log_to(File::create(&log).at("make", &log)?)
            .deadline(Duration::MAX)
            .start()?;
        while server.age() < READY_WITHIN {
            if TcpStream::connect(address).is_ok() {
                let provider = Self {
                    _server: server,
                    directory,
                    address,
                };
                return Ok(Some(provider));
            }
            let log = fs::read_to_string(&log).unwrap_or_default();
            if log.contains("Address already in use") {
                return Ok(None);
            }
            if server.has_ended()? {
                break;
            }
            thread::sleep(POLL);
        }
        Err(Error::NotReady {
            server: SERVER,
            after: READY_WITHIN,
            log: fs::read_to_string(&log).unwrap_or_default(),
        })
    }

    /// Its entity id, where its metadata is too.
    #[must_use]
    pub fn entity_id(&self) -> String {
        setup::entity_id(self.address)
    }

    /// Its metadata, as a service is given it.
    pub fn metadata(&self) -> Result<String> {
        browser::load(self.address, &self.entity_id())
    }

    /// Follows the address to which a service sends a browser, signs in as the account of that
    /// name, and stops before the service is told.
    pub fn sign_in(&self, url: &str, name: &str) -> Result<Posted> {
        browser::sign_in(self.address, url, name, setup::PASSWORD)
    }

    /// What its server has logged.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("server.log")).unwrap_or_default()
    }
}

/// Whether this machine has what [`IdentityProvider`] starts.
#[must_use]
pub fn is_installed() -> bool {
    let here = |path| std::path::Path::new(path).exists();
    here(WWW) && here("/usr/bin/php")
}

fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind(("127.0.0.1", 0))?.local_addr()
}
