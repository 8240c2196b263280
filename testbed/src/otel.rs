//! A real OpenTelemetry collector (PyPI's `rotel`, a Rust program), on loopback, for one test.
//!
//! Job: start it at a port, stop it, and keep what it passes on, read anew from its own protobuf. Not
//! its job: installing it (`cargo xtask setup` does).

mod downstream;

use std::fs;
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::process::{Running, Spawn};
use crate::{Error, Result, free_port, venv_dir};

pub use downstream::Downstream;

/// How long it may take to start on a busy machine.
const START: Duration = Duration::from_secs(60);
const NOT_INSTALLED: Error = Error::NotInstalled { what: "rotel" };

/// A collector that runs. Dropping it ends it.
#[derive(Debug)]
pub struct Collector {
    port: u16,
    _dir: tempfile::TempDir,
    _running: Running,
}

impl Collector {
    /// Starts one that listens at `port` by HTTP, and passes on what it gets.
    ///
    /// # Errors
    /// Without the program, which says so; or when it doesn't start.
    pub fn start(port: u16, downstream: &Downstream) -> Result<Self> {
        let program = program().ok_or(NOT_INSTALLED)?;
        let dir = tempfile::tempdir().map_err(|source| Error::File {
            doing: "make a directory in",
            path: std::env::temp_dir(),
            source,
        })?;
        let log = dir.path().join("log");
        let file = fs::File::create(&log).map_err(|source| Error::File {
            doing: "write",
            path: log.clone(),
            source,
        })?;
        let at = |port: u16| format!("127.0.0.1:{port}");
        let unused = free_port().map_err(|source| Error::Start {
            program: program.to_string_lossy().into_owned(),
            source,
        })?;
        let running = Spawn::new(program)
            .args(["start", "--exporter", "otlp"])
            .args(["--otlp-http-endpoint", &at(port)])
            .args(["--otlp-grpc-endpoint", &at(unused)])
            .args(["--otlp-exporter-protocol", "http"])
            .args(["--otlp-exporter-endpoint", &downstream.endpoint()])
            .args(["--otlp-exporter-retry-initial-backoff", "200ms"])
            .args(["--batch-timeout", "50ms"])
            .arg("--pid-file")
            .arg(dir.path().join("pid"))
            .log_to(file)
            .deadline(Duration::from_secs(600))
            .start()
            .map_err(|_| NOT_INSTALLED)?;
        let since = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if running.has_ended()? || since.elapsed() > START {
                return Err(Error::NotReady {
                    server: "rotel",
                    after: since.elapsed(),
                    log: fs::read_to_string(&log).unwrap_or_default(),
                });
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(Self {
            port,
            _dir: dir,
            _running: running,
        })
    }

    /// Its base address.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

/// Where pip puts it, which depends on the version of Python.
fn program() -> Option<PathBuf> {
    let libraries = fs::read_dir(venv_dir().join("lib")).ok()?;
    let at = |entry: fs::DirEntry| entry.path().join("site-packages/rotel/rotel-agent");
    let mut all = libraries.filter_map(std::result::Result::ok).map(at);
    all.find(|path| path.is_file())
}
