use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    path::PathBuf,
    time::Duration,
};

use nix::sys::signal::Signal;
use object_store::{
    ObjectStore, ObjectStoreExt,
    aws::{AmazonS3, AmazonS3Builder},
    path::Path,
};
use testbed::{Running, Spawn};
use weir_record::{End, SessionId};
use weir_ship::{S3Credentials, S3Options, Shipped, Shipper, Shipping};

use crate::stand::{Stand, command, error_of, until};

const BUCKET: &str = "records";
/// As small as S3 allows.
const PART: usize = 5 << 20;

/// A real S3-compatible server. What it holds goes with its process.
struct Moto {
    port: u16,
    server: Option<Running>,
}

impl Moto {
    fn start(port: u16) -> Self {
        let program = testbed::venv_dir().join("bin/moto_server");
        assert!(
            program.is_file(),
            "moto is not installed: run `cargo xtask setup`"
        );
        let server = Spawn::new(program)
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .deadline(Duration::from_secs(300))
            .start()
            .unwrap();
        let moto = Self {
            port,
            server: Some(server),
        };
        until("moto answers", || moto.request("GET", "/").is_some());
        moto
    }

    fn make_bucket(&self) {
        let made = self.request("PUT", &format!("/{BUCKET}")).unwrap();
        assert!(made.starts_with("HTTP/1.1 200"), "{made}");
    }

    fn request(&self, method: &str, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nAuthorization: AWS4-HMAC-SHA256 \
             Credential=k/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0\r\n\
             Content-Length: 0\r\nConnection: close\r\n\r\n",
            self.port
        );
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }

    /// Uploads that were begun and neither completed nor given up.
    fn open_uploads(&self) -> usize {
        let listed = self.request("GET", &format!("/{BUCKET}?uploads")).unwrap();
        listed.matches("<UploadId>").count()
    }

    fn signal(&self, signal: Signal) {
        self.server.as_ref().unwrap().signal(signal).unwrap();
    }

    fn kill(&mut self) {
        self.server = None;
    }

    fn store(&self) -> AmazonS3 {
        AmazonS3Builder::new()
            .with_bucket_name(BUCKET)
            .with_endpoint(format!("http://127.0.0.1:{}", self.port))
            .with_allow_http(true)
            .with_access_key_id("k")
            .with_secret_access_key("s")
            .build()
            .unwrap()
    }

    /// Holds that the store has exactly what the disk has.
    async fn has(&self, stand: &Stand, id: SessionId) {
        let day = id.began().strftime("%Y/%m/%d").to_string();
        let key = Path::from(format!("weir/db-1/{day}/{id}.weir"));
        let object = self.store().get(&key).await.unwrap().bytes().await.unwrap();
        assert!(
            object == fs::read(stand.record(id)).unwrap(),
            "{key} differs"
        );
    }
}

fn shipping(stand: &Stand, port: u16, shipped: &Shipped) -> Shipping {
    fs::write(stand.path("secret"), "s\n").unwrap();
    Shipping {
        source: stand.source(),
        state: stand.path("ship"),
        sinks: Vec::new(),
        s3: Some(S3Options {
            bucket: BUCKET.to_owned(),
            prefix: "weir".to_owned(),
            region: "us-east-1".to_owned(),
            endpoint: Some(format!("http://127.0.0.1:{port}")),
            ca: None,
            credentials: S3Credentials::Key {
                id: "k".to_owned(),
                secret_file: stand.path("secret"),
            },
            keep_local_until_shipped: true,
            part: PART,
        }),
        shipped: shipped.clone(),
    }
}

/// A finished record of more than three parts, which compression doesn't make less.
fn large(stand: &mut Stand) -> SessionId {
    let mut writer = stand.begin();
    let id = *writer.id();
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut noise = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    command(&mut writer, 1);
    let seq = serde_json::from_str("1").unwrap();
    for _ in 0..18 {
        let bytes: Vec<u8> = (0..(1 << 17)).flat_map(|_| noise()).collect();
        writer.response(seq, &bytes).unwrap();
    }
    writer.end(&End::Closed).unwrap();
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn finished_records_are_uploaded_across_an_outage_of_the_store() {
    let (mut stand, shipped) = (Stand::new(), Shipped::default());
    let port = testbed::free_port().unwrap();
    let first = stand.session(3);
    let shipper = Shipper::start(shipping(&stand, port, &shipped)).unwrap();
    until("the outage shows", || error_of(&shipper).is_some());
    assert!(!shipped.has(first));

    let mut moto = Moto::start(port);
    // There, but without its bucket: an outage like another.
    until("the missing bucket shows", || {
        error_of(&shipper).is_some_and(|error| error.contains("NoSuchBucket"))
    });
    moto.make_bucket();
    until("the first is uploaded", || shipped.has(first));
    moto.has(&stand, first).await;

    let mut live = stand.begin();
    command(&mut live, 3);
    let second = stand.session(4);
    until("the second is uploaded", || shipped.has(second));
    moto.has(&stand, second).await;
    let third = *live.id();
    assert!(!shipped.has(third), "it is not finished");

    moto.kill();
    live.end(&End::Closed).unwrap();
    let fourth = stand.session(1);
    until("the outage shows", || error_of(&shipper).is_some());
    let moto = Moto::start(port);
    moto.make_bucket();
    until("the rest is uploaded", || {
        shipped.has(third) && shipped.has(fourth)
    });
    moto.has(&stand, third).await;
    moto.has(&stand, fourth).await;
    shipper.stop().await;

    // The next one knows what was uploaded, and does it once.
    let shipped = Shipped::default();
    let shipper = Shipper::start(shipping(&stand, port, &shipped)).unwrap();
    assert!(
        [first, second, third, fourth]
            .iter()
            .all(|id| shipped.has(*id))
    );
    shipper.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_was_cut_off_goes_on_where_it_stopped_and_leaves_a_whole_object() {
    let (mut stand, shipped) = (Stand::new(), Shipped::default());
    let moto = Moto::start(testbed::free_port().unwrap());
    moto.make_bucket();
    let id = large(&mut stand);
    let progress: PathBuf = stand.path(&format!("ship/uploads/{id}.json"));
    let parts = || {
        let text = fs::read_to_string(&progress).unwrap_or_default();
        let progress: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        progress["parts"].as_array().map_or(0, Vec::len)
    };
    let shipper = Shipper::start(shipping(&stand, moto.port, &shipped)).unwrap();
    until("a part is there", || parts() > 0);
    moto.signal(Signal::SIGSTOP);
    // As a kill would: in the middle of a part.
    drop(shipper);
    let before = parts();
    assert!((1..4).contains(&before), "{before} of four parts");
    moto.signal(Signal::SIGCONT);
    assert_eq!(moto.open_uploads(), 1);

    let shipper = Shipper::start(shipping(&stand, moto.port, &shipped)).unwrap();
    until("it is uploaded", || shipped.has(id));
    moto.has(&stand, id).await;
    assert_eq!(moto.open_uploads(), 0, "it was the same upload");
    assert!(!progress.exists());
    let listed = moto
        .store()
        .list_with_delimiter(Some(&Path::from("weir/db-1")))
        .await;
    assert_eq!(listed.unwrap().common_prefixes.len(), 1);
    shipper.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_the_store_forgot_begins_anew() {
    let (mut stand, shipped) = (Stand::new(), Shipped::default());
    let port = testbed::free_port().unwrap();
    let mut moto = Moto::start(port);
    moto.make_bucket();
    let id = large(&mut stand);
    let progress: PathBuf = stand.path(&format!("ship/uploads/{id}.json"));
    let shipper = Shipper::start(shipping(&stand, port, &shipped)).unwrap();
    until("it is begun", || progress.exists());
    moto.kill();
    until("the outage shows", || error_of(&shipper).is_some());
    let moto = Moto::start(port);
    moto.make_bucket();
    until("it is uploaded", || shipped.has(id));
    moto.has(&stand, id).await;
    shipper.stop().await;
}
