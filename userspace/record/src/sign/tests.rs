use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::samples;

#[test]
fn a_key_is_made_once_for_us_alone_and_published() {
    let dir = samples::dir();
    let key = SigningKey::open(dir.path()).unwrap();
    key.publish(dir.path()).unwrap();
    let again = SigningKey::open(dir.path()).unwrap();
    again.publish(dir.path()).unwrap();
    assert_eq!(key.public(), again.public());
    let mode = |name| {
        fs::metadata(dir.path().join(name))
            .unwrap()
            .permissions()
            .mode()
    };
    assert_eq!(mode("record.key") & 0o777, 0o600);
    let trusted = TrustedKeys::read(&dir.path().join("record.pub")).unwrap();
    assert_eq!(trusted.0, [key.public()]);
    assert!(!format!("{key:?}").contains(&key.public().to_string()));

    // Another key is added to the public ones, so that older records still verify.
    fs::remove_file(dir.path().join("record.key")).unwrap();
    let other = SigningKey::open(dir.path()).unwrap();
    other.publish(dir.path()).unwrap();
    let trusted = TrustedKeys::read(&dir.path().join("record.pub")).unwrap();
    assert_eq!(trusted.0, [key.public(), other.public()]);

    fs::set_permissions(
        dir.path().join("record.key"),
        PermissionsExt::from_mode(0o640),
    )
    .unwrap();
    let error = SigningKey::open(dir.path()).unwrap_err();
    assert!(matches!(error, KeyError::Exposed { mode: 0o640, .. }));
}

#[test]
fn a_signature_is_of_one_key_and_one_message() {
    let (one, other) = (samples::key(1), samples::key(2));
    let signature = one.sign(b"message");
    assert!(one.public().verifies(b"message", &signature));
    assert!(!one.public().verifies(b"massage", &signature));
    assert!(!other.public().verifies(b"message", &signature));
    assert_ne!(one.public().id(), other.public().id());
}

#[test]
fn what_is_no_key_is_refused() {
    let dir = samples::dir();
    let path = dir.path().join("key");
    let digits = "0".repeat(64);
    for text in [
        "",
        "0",
        &"0".repeat(63),
        &format!("{digits}0"),
        &digits.replace('0', "g"),
    ] {
        fs::write(&path, text).unwrap();
        let error = SigningKey::read(&path).unwrap_err();
        assert!(matches!(error, KeyError::Invalid { .. }), "{text:?}");
    }
    fs::write(&path, format!("{digits}\n")).unwrap();
    assert!(SigningKey::read(&path).is_ok());
    assert!("# ours\n\n".parse::<TrustedKeys>().unwrap().is_empty());
    assert!("xyz".parse::<TrustedKeys>().is_err());
}
