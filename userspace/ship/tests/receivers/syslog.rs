use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use serde_json::Value;
use testbed::{Running, Spawn};
use weir_record::End;
use weir_ship::{ClientCertificate, Shipper, SinkKind};

use crate::stand::{Stand, command, error_of, lines, until};

/// A real rsyslog that takes TLS from whoever shows a certificate.
struct Rsyslog {
    dir: PathBuf,
    port: u16,
}

impl Rsyslog {
    fn new(dir: &Path) -> Self {
        fs::create_dir(dir).unwrap();
        authority(dir);
        let port = testbed::free_port().unwrap();
        let at = dir.display();
        let configuration = format!(
            r#"
            global(workDirectory="{at}" maxMessageSize="128k" defaultNetstreamDriver="ossl"
                   defaultNetstreamDriverCAFile="{at}/ca.pem"
                   defaultNetstreamDriverCertFile="{at}/server.pem"
                   defaultNetstreamDriverKeyFile="{at}/server.key")
            module(load="imtcp" streamDriver.name="ossl" streamDriver.mode="1"
                   streamDriver.authMode="x509/certvalid")
            template(name="raw" type="string" string="%msg%\n")
            input(type="imtcp" address="127.0.0.1" port="{port}")
            action(type="omfile" file="{at}/got" template="raw" asyncWriting="off" flushOnTXEnd="on")
            "#
        );
        fs::write(dir.join("rsyslog.conf"), configuration).unwrap();
        let dir = dir.to_owned();
        Self { dir, port }
    }

    fn start(&self) -> Running {
        let program = Path::new("/usr/sbin/rsyslogd");
        assert!(
            program.is_file(),
            "rsyslog is not installed: run `cargo xtask setup`"
        );
        Spawn::new(program)
            .arg("-n")
            .arg("-f")
            .arg(self.dir.join("rsyslog.conf"))
            .arg("-i")
            .arg(self.dir.join("pid"))
            .deadline(Duration::from_secs(300))
            .start()
            .unwrap()
    }

    fn kind(&self) -> SinkKind {
        SinkKind::Syslog {
            address: format!("127.0.0.1:{}", self.port),
            server_name: "localhost".to_owned(),
            ca: Some(self.dir.join("ca.pem")),
            client: Some(ClientCertificate {
                certificate: self.dir.join("client.pem"),
                key: self.dir.join("client.key"),
            }),
        }
    }

    fn got(&self) -> Vec<Value> {
        lines(&self.dir.join("got"))
    }
}

fn authority(dir: &Path) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    // By the same name as its leaves, it would seem to be theirs.
    params
        .distinguished_name
        .push(DnType::CommonName, "authority");
    let ca = params.self_signed(&key).unwrap();
    fs::write(dir.join("ca.pem"), ca.pem()).unwrap();
    let issuer = Issuer::new(params, key);
    for name in ["server", "client"] {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let leaf = params.signed_by(&key, &issuer).unwrap();
        fs::write(dir.join(format!("{name}.pem")), leaf.pem()).unwrap();
        let path = dir.join(format!("{name}.key"));
        fs::write(&path, key.serialize_pem()).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_while_rsyslog_is_killed_and_started_again() {
    let mut stand = Stand::new();
    stand.audit(
        r#"{"at":"2026-11-21T10:00:00Z","event":"started","instance":"daemon","policy":"0"}"#,
    );
    let rsyslog = Rsyslog::new(&stand.path("rsyslog"));
    let server = rsyslog.start();
    stand.session(300);
    let shipper = Shipper::start(stand.shipping(rsyslog.kind())).unwrap();
    stand.all_arrive(|| rsyslog.got());

    // Killed while a session is told of.
    let mut live = stand.begin();
    command(&mut live, 700);
    until("some of it arrives", || {
        rsyslog.got().len() > stand.expected().concat().len() - 700
    });
    drop(server);
    command(&mut live, 100);
    stand.session(100);
    stand.audit(r#"{"at":"2026-11-21T10:00:01Z","event":"policy_loaded","from":"0","to":"1"}"#);
    until("the outage shows", || error_of(&shipper).is_some());

    let _server = rsyslog.start();
    command(&mut live, 10);
    live.end(&End::Closed).unwrap();
    stand.all_arrive(|| rsyslog.got());
    until("the outage is over", || error_of(&shipper).is_none());

    // What a restart of weir finds unsure is sent again; nothing is missing either way.
    shipper.stop().await;
    stand.session(5);
    let shipper = Shipper::start(stand.shipping(rsyslog.kind())).unwrap();
    stand.all_arrive(|| rsyslog.got());
    shipper.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_the_authority_does_not_vouch_for_is_sent_nothing() {
    let mut stand = Stand::new();
    let rsyslog = Rsyslog::new(&stand.path("rsyslog"));
    let _server = rsyslog.start();
    stand.session(1);
    let other = stand.path("other");
    fs::create_dir(&other).unwrap();
    authority(&other);
    let SinkKind::Syslog {
        address,
        server_name,
        client,
        ..
    } = rsyslog.kind()
    else {
        panic!("it is of syslog");
    };
    let kind = SinkKind::Syslog {
        address,
        server_name,
        ca: Some(other.join("ca.pem")),
        client,
    };
    let shipper = Shipper::start(stand.shipping(kind)).unwrap();
    until("it is refused", || {
        error_of(&shipper).is_some_and(|error| error.contains("certificate"))
    });
    assert_eq!(rsyslog.got(), Vec::<Value>::new());
    shipper.stop().await;
}
