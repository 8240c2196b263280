//! What a collector passes on to.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use opentelemetry_proto::tonic::collector::{
    metrics::v1::ExportMetricsServiceRequest, trace::v1::ExportTraceServiceRequest,
};
use opentelemetry_proto::tonic::metrics::v1::Metric;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

use crate::process::Spawn;
use crate::{Error, Result};

/// Longer than anything that a test sends.
const LONGEST: usize = 16 << 20;

/// Takes OTLP by HTTP and keeps it. It lives as long as the test's process.
#[derive(Clone, Debug)]
pub struct Downstream {
    port: u16,
    got: Arc<Mutex<Got>>,
}

#[derive(Debug, Default)]
struct Got {
    resources: Vec<Resource>,
    spans: Vec<Span>,
    metrics: Vec<Metric>,
    bytes: Vec<u8>,
}

impl Downstream {
    /// Starts.
    ///
    /// # Errors
    /// When nothing can listen.
    pub fn start() -> Result<Self> {
        let lost = |source| Error::Lost {
            program: "what the collector passes on to".to_owned(),
            source,
        };
        let listener = TcpListener::bind("127.0.0.1:0").map_err(lost)?;
        let port = listener.local_addr().map_err(lost)?.port();
        let got = Arc::<Mutex<Got>>::default();
        let keep = Arc::clone(&got);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let keep = Arc::clone(&keep);
                // Whoever asks too much is not answered.
                thread::spawn(move || serve(&stream, &keep).unwrap_or_default());
            }
        });
        Ok(Self { port, got })
    }

    /// Its base address.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The spans that it got.
    #[must_use]
    pub fn spans(&self) -> Vec<Span> {
        self.with(|got| got.spans.clone())
    }

    /// The metrics that it got, each as often as it came.
    #[must_use]
    pub fn metrics(&self) -> Vec<Metric> {
        self.with(|got| got.metrics.clone())
    }

    /// What they are all of.
    #[must_use]
    pub fn resources(&self) -> Vec<Resource> {
        self.with(|got| got.resources.clone())
    }

    /// Whether these bytes are anywhere in what it got.
    #[must_use]
    pub fn holds(&self, bytes: &[u8]) -> bool {
        self.with(|got| got.bytes.windows(bytes.len()).any(|some| some == bytes))
    }

    fn with<T>(&self, look: impl FnOnce(&Got) -> T) -> T {
        look(&self.got.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Requests of one connection, until its end.
fn serve(stream: &TcpStream, got: &Mutex<Got>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let (mut path, mut length, mut zipped) = (String::new(), 0, false);
        loop {
            let mut line = String::new();
            if reader.by_ref().take(64 << 10).read_line(&mut line)? == 0 {
                return Ok(());
            }
            let line = line.trim_end();
            if line.is_empty() {
                break;
            }
            match line.split_once(": ") {
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                    length = value.parse().unwrap_or(0);
                }
                Some((name, value)) if name.eq_ignore_ascii_case("content-encoding") => {
                    zipped = value == "gzip";
                }
                _ if path.is_empty() => {
                    path = line.split(' ').nth(1).unwrap_or_default().to_owned();
                }
                _ => {}
            }
        }
        if length > LONGEST {
            return Ok(());
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        if zipped {
            body = unzipped(body).map_err(std::io::Error::other)?;
        }
        let status = if take(&path, &body, got) {
            "200 OK"
        } else {
            "400 no"
        };
        let mut writer = stream;
        write!(
            writer,
            "HTTP/1.1 {status}\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n"
        )?;
    }
}

/// By Debian's own gzip, which is on every machine.
fn unzipped(body: Vec<u8>) -> Result<Vec<u8>> {
    let output = Spawn::new("gzip").arg("-dc").stdin(body).run_ok()?;
    Ok(output.stdout)
}

fn take(path: &str, body: &[u8], got: &Mutex<Got>) -> bool {
    let mut got = got.lock().unwrap_or_else(PoisonError::into_inner);
    got.bytes.extend_from_slice(body);
    match path {
        "/v1/traces" => {
            let Ok(request) = ExportTraceServiceRequest::decode(body) else {
                return false;
            };
            for of in request.resource_spans {
                got.resources.extend(of.resource);
                got.spans
                    .extend(of.scope_spans.into_iter().flat_map(|scope| scope.spans));
            }
        }
        "/v1/metrics" => {
            let Ok(request) = ExportMetricsServiceRequest::decode(body) else {
                return false;
            };
            for of in request.resource_metrics {
                got.resources.extend(of.resource);
                let metrics = of.scope_metrics.into_iter().flat_map(|scope| scope.metrics);
                got.metrics.extend(metrics);
            }
        }
        _ => return false,
    }
    true
}
