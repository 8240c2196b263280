//! Targets whose certificate proves nothing: weir doesn't even say who it is.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    sync::{
        Arc,
        mpsc::{Receiver, Sender, channel},
    },
};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{
    ServerConfig, ServerConnection,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer},
};
use weir_policy::Policies;
use weir_record::End;

use crate::{
    agent::{Agent, PATIENCE},
    common::Gate,
    messages::startup,
    record::end_of,
    target::{PASSWORD, Target},
};

struct Ca {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

fn ca() -> Ca {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let certificate = params.self_signed(&key).unwrap();
    Ca {
        pem: certificate.pem(),
        issuer: Issuer::new(params, key),
    }
}

/// A server's side of TLS, for `name`, signed by `ca`; expired where that is asked for.
fn server(ca: &Ca, name: &str, expired: bool) -> Arc<ServerConfig> {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    if expired {
        params.not_before = rcgen::date_time_ymd(2001, 1, 1);
        params.not_after = rcgen::date_time_ymd(2002, 1, 1);
    }
    let certificate = params.signed_by(&key, &ca.issuer).unwrap();
    let chain = vec![CertificateDer::from(certificate.der().to_vec())];
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    Arc::new(config)
}

/// What the target hears inside TLS.
fn heard_inside(stream: &mut TcpStream, config: &Arc<ServerConfig>) -> Vec<u8> {
    let mut request = [0; 8];
    stream.read_exact(&mut request).unwrap();
    stream.write_all(b"S").unwrap();
    let mut tls = ServerConnection::new(Arc::clone(config)).unwrap();
    let mut stream = rustls::Stream::new(&mut tls, stream);
    let mut heard = [0; 1024];
    let count = stream.read(&mut heard).unwrap_or_default();
    heard[..count].to_vec()
}

/// Whether weir sends its startup packet to a target with this certificate, when it trusts `ca`.
fn is_trusted(config: Arc<ServerConfig>, trusted: &Ca, mode: &str) -> bool {
    let (hear, heard): (Sender<Vec<u8>>, Receiver<_>) = channel();
    let target = Target::raw(move |mut stream| {
        // Whoever stops the target knocks, too.
        if stream.peek(&mut [0]).unwrap_or_default() > 0 {
            hear.send(heard_inside(&mut stream, &config)).unwrap();
        }
    });
    let dir = tempfile::tempdir().unwrap();
    let pem = dir.path().join("ca.pem");
    fs::write(&pem, &trusted.pem).unwrap();
    let tls = format!("mode = \"{mode}\"\nca = \"{}\"", pem.display());
    let gate = Gate::with(
        target.address(),
        &tls,
        PASSWORD,
        Policies::shipped().unwrap(),
    );
    let mut agent = Agent::dial(&gate);
    agent.write(&startup(&[]));
    agent.fatal("08006");
    assert!(matches!(end_of(&gate), End::Error { .. }));
    !heard.recv_timeout(PATIENCE).unwrap().is_empty()
}

#[test]
fn a_certificate_that_holds_is_trusted() {
    let ca = ca();
    assert!(is_trusted(
        server(&ca, "127.0.0.1", false),
        &ca,
        "verify-full"
    ));
}

#[test]
fn a_certificate_of_somebody_else_is_not() {
    let (ours, theirs) = (ca(), ca());
    for mode in ["verify-full", "verify-ca"] {
        assert!(!is_trusted(
            server(&theirs, "127.0.0.1", false),
            &ours,
            mode
        ));
    }
}

#[test]
fn a_certificate_for_another_name_is_only_where_names_are_not_asked_for() {
    let ca = ca();
    for name in ["127.0.0.2", "localhost", "example.com"] {
        assert!(
            !is_trusted(server(&ca, name, false), &ca, "verify-full"),
            "{name}"
        );
    }
    assert!(is_trusted(
        server(&ca, "example.com", false),
        &ca,
        "verify-ca"
    ));
}

#[test]
fn a_certificate_of_another_time_is_not() {
    let ca = ca();
    for mode in ["verify-full", "verify-ca"] {
        assert!(!is_trusted(server(&ca, "127.0.0.1", true), &ca, mode));
    }
    // An expired certificate for another name is no better for having two faults.
    assert!(!is_trusted(
        server(&ca, "example.com", true),
        &ca,
        "verify-ca"
    ));
}
