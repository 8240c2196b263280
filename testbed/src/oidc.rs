//! A real OpenID Connect provider (npm's `oidc-provider`), on loopback, for one test.
//!
//! Job: start it, say where it is, have it behave as the test wants, and be somebody at a browser.
//! Not its job: installing it, and Node (`cargo xtask setup` does).

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::paths::cache_dir;
use crate::process::{Running, Spawn};
use crate::{Error, Output, Result};

const PROVIDER: &str = include_str!("../oidc/provider.mjs");
const BROWSER: &str = include_str!("../oidc/browser.mjs");
/// How long it may take to start on a busy machine.
const START: Duration = Duration::from_secs(60);
const NOT_INSTALLED: Error = Error::NotInstalled {
    what: "oidc-provider, with Node",
};

/// Where `cargo xtask setup` puts the library.
#[must_use]
pub fn oidc_dir() -> PathBuf {
    cache_dir().join("oidc")
}

/// A provider that runs. Dropping it ends it.
///
/// Clients: `weir` (public, for people), `secretive` (secret [`SECRET`](Self::SECRET)) and `keyed`
/// (private_key_jwt, [`client_key`](Self::client_key)), all of whose access tokens are JWTs for the
/// audience `weir-gate`.
#[derive(Debug)]
pub struct OidcProvider {
    issuer: String,
    dir: tempfile::TempDir,
    _running: Running,
}

impl OidcProvider {
    /// The secret of the client `secretive`.
    pub const SECRET: &str = "a+secret with %signs";

    /// Starts one.
    ///
    /// # Errors
    /// Without Node or the library, which says so; or when it doesn't start.
    pub fn start() -> Result<Self> {
        let root = oidc_dir();
        if !root.join("node_modules").join("oidc-provider").is_dir() {
            return Err(NOT_INSTALLED);
        }
        let failed = |doing, path: &PathBuf| {
            let path = path.clone();
            move |source| Error::File {
                doing,
                path,
                source,
            }
        };
        // Below the library, where Node looks for it.
        let dir = tempfile::tempdir_in(&root).map_err(failed("make a directory in", &root))?;
        let script = dir.path().join("provider.mjs");
        fs::write(&script, PROVIDER).map_err(failed("write", &script))?;
        let browser = dir.path().join("browser.mjs");
        fs::write(&browser, BROWSER).map_err(failed("write", &browser))?;
        let ready = dir.path().join("ready");
        let log = dir.path().join("log");
        let log = fs::File::create(&log).map_err(failed("write", &log))?;
        let running = Spawn::new("node")
            .arg(&script)
            .arg(&ready)
            .log_to(log)
            .deadline(Duration::from_secs(600))
            .start()
            .map_err(|_| NOT_INSTALLED)?;
        let since = Instant::now();
        loop {
            if let Ok(issuer) = fs::read_to_string(&ready) {
                return Ok(Self {
                    issuer,
                    dir,
                    _running: running,
                });
            }
            if running.has_ended()? || since.elapsed() > START {
                return Err(Error::Deadline {
                    program: "oidc-provider".to_owned(),
                    after: since.elapsed(),
                });
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Its issuer identifier.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Has it behave otherwise from here on: a JSON object of what `provider.mjs` calls its state.
    ///
    /// # Errors
    /// When it can't be asked.
    pub fn set(&self, state: &str) -> Result<String> {
        self.post("/test/state", state)
    }

    /// Has it take another key in place of the one it has.
    ///
    /// # Errors
    /// When it can't be asked.
    pub fn rotate(&self) -> Result<()> {
        self.post("/test/rotate", "{}").map(drop)
    }

    /// A token of what `{"header": …, "claims": …, "how": …}` says; a claim that is null is left out.
    ///
    /// # Errors
    /// When it can't be asked.
    pub fn sign(&self, what: &str) -> Result<String> {
        let answer = self.post("/test/sign", what)?;
        Ok(text_of(&answer, "token"))
    }

    /// Its key as a SPIFFE trust bundle has it.
    ///
    /// # Errors
    /// When it can't be asked.
    pub fn bundle(&self) -> Result<String> {
        self.post("/test/bundle", "{}")
    }

    /// The private key of the client `keyed`, in PEM.
    ///
    /// # Errors
    /// When it can't be asked.
    pub fn client_key(&self) -> Result<String> {
        let answer = self.post("/test/client-key", "{}")?;
        Ok(text_of(&answer, "pem").replace("\\n", "\n"))
    }

    /// Somebody at a browser.
    #[must_use]
    pub fn browser(&self) -> Browser {
        Browser(self.dir.path().join("browser.mjs"))
    }

    /// Posts to it, and gives back the answer's body.
    fn post(&self, path: &str, body: &str) -> Result<String> {
        let host = self.issuer.trim_start_matches("http://");
        let lost = |source| Error::Lost {
            program: "oidc-provider".to_owned(),
            source,
        };
        let asked = || {
            let mut stream = TcpStream::connect(host)?;
            write!(
                stream,
                "POST {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\
                 content-length: {}\r\n\r\n{body}",
                body.len()
            )?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok(answer)
        };
        let answer: String = asked().map_err(lost)?;
        let body = answer.split_once("\r\n\r\n").map(|(_, body)| body);
        Ok(body.unwrap_or_default().to_owned())
    }
}

/// Somebody at a browser, as long as the provider runs.
#[derive(Clone, Debug)]
pub struct Browser(PathBuf);

impl Browser {
    /// Does what the page at `url` asks for, as the person of this name.
    ///
    /// # Errors
    /// When the browser fails, or ends at a page that is an error.
    pub fn open(&self, url: &str, name: &str) -> Result<Output> {
        Spawn::new("node").arg(&self.0).args([url, name]).run_ok()
    }
}

/// The text of a member of a flat JSON object that holds no escaped quotes.
fn text_of(json: &str, name: &str) -> String {
    let member = format!("\"{name}\":\"");
    let rest = json.split_once(&member).map(|(_, rest)| rest);
    let text = rest.and_then(|rest| rest.split_once('"'));
    text.map(|(text, _)| text.to_owned()).unwrap_or_default()
}
