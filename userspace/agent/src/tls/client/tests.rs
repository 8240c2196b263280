//! What the verifier must refuse, over a real handshake with weir's own authority as the server.

use std::{fs, path::Path};

use super::*;
use crate::tls::Authority;

async fn handshake(server: &Authority, leaf: &str, client: &Connector) -> Result<Plain, TlsError> {
    let (near, far) = tokio::io::duplex(64 * 1024);
    let (accepted, connected) = tokio::join!(server.accept(far, leaf), client.connect(near));
    drop(accepted);
    connected
}

fn authority(dir: &Path) -> Authority {
    Authority::open(dir).unwrap()
}

#[tokio::test]
async fn the_right_name_under_the_right_ca_is_accepted_and_bound() {
    let dir = tempfile::tempdir().unwrap();
    let server = authority(dir.path());
    for name in ["db.internal", "127.0.0.1"] {
        let client = Connector::new(Some(server.certificate()), name, true).unwrap();
        let plain = handshake(&server, name, &client).await.unwrap();
        assert!(plain.is_encrypted());
        assert_eq!(plain.end_point().map(<[u8]>::len), Some(32));
    }
}

#[tokio::test]
async fn a_wrong_name_is_refused_unless_only_the_ca_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let server = authority(dir.path());
    let full = Connector::new(Some(server.certificate()), "other.internal", true).unwrap();
    assert!(handshake(&server, "db.internal", &full).await.is_err());
    let ca = Connector::new(Some(server.certificate()), "other.internal", false).unwrap();
    assert!(handshake(&server, "db.internal", &ca).await.is_ok());
}

#[tokio::test]
async fn another_ca_is_refused_in_both_modes() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (server, other) = (authority(one.path()), authority(two.path()));
    for check_name in [true, false] {
        let client = Connector::new(Some(other.certificate()), "db.internal", check_name).unwrap();
        assert!(handshake(&server, "db.internal", &client).await.is_err());
        let wrong_name =
            Connector::new(Some(other.certificate()), "x.internal", check_name).unwrap();
        assert!(
            handshake(&server, "db.internal", &wrong_name)
                .await
                .is_err()
        );
    }
}

#[test]
fn a_ca_file_without_certificates_is_an_error_that_names_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("empty.pem");
    fs::write(&path, "").unwrap();
    let error = Connector::new(Some(&path), "db", true)
        .err()
        .unwrap()
        .to_string();
    assert!(
        error.contains("empty.pem") && error.contains("CERTIFICATE"),
        "{error}"
    );
}
