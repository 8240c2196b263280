//! A bundle is taken as it was signed, or not at all.

use weir_policy::Source;

use super::{Manifest, NotSigned, PublicKey, SigningKey, generate};

fn pair() -> (SigningKey, PublicKey) {
    let (private, public) = generate().unwrap();
    (
        SigningKey::from_pem(private.as_bytes()).unwrap(),
        public.parse().unwrap(),
    )
}

fn file(name: &str, text: &str) -> Source {
    Source {
        name: name.into(),
        text: text.into(),
    }
}

#[test]
fn a_manifest_is_read_as_it_was_written() {
    let manifest = Manifest::of(7, [("b.cedar", "2"), ("a.cedar", "1")]);
    assert_eq!(Manifest::parse(&manifest.to_string()), Ok(manifest));
}

#[test]
fn only_a_configured_keys_signature_of_this_very_text_counts() {
    let ((key, public), (other, _)) = (pair(), pair());
    let text = Manifest::of(1, [("a.cedar", "1")]).to_string();
    let keys = [public];
    let verified = |text: &str, signature: &str| {
        Manifest::verified(text.as_bytes(), signature.as_bytes(), &keys)
    };
    assert!(verified(&text, &key.sign(&text)).is_ok());
    let changed = text.replace("sequence 1", "sequence 2");
    for (text, signature) in [
        (&text, other.sign(&text)),
        (&changed, key.sign(&text)),
        (&text, String::new()),
        (&text, "00".repeat(64)),
        (&text, "+1".repeat(64)),
        (&text, key.sign(&text).repeat(2)),
    ] {
        assert_eq!(verified(text, &signature), Err(NotSigned::Forged));
    }
    assert_eq!(
        Manifest::verified(text.as_bytes(), key.sign(&text).as_bytes(), &[]),
        Err(NotSigned::Forged)
    );
}

#[test]
fn every_file_is_there_unchanged_and_no_other() {
    let manifest = Manifest::of(1, [("a.cedar", "1"), ("masking.toml", "2")]);
    let (a, masking) = (file("a.cedar", "1"), file("masking.toml", "2"));
    assert_eq!(manifest.covers(&[a.clone(), masking.clone()]), Ok(()));
    for (files, why) in [
        (vec![a.clone()], NotSigned::Gone("masking.toml".into())),
        (
            vec![file("a.cedar", "1 "), masking.clone()],
            NotSigned::Changed("a.cedar".into()),
        ),
        (
            vec![a, masking, file("z.cedar", "")],
            NotSigned::Extra("z.cedar".into()),
        ),
    ] {
        assert_eq!(manifest.covers(&files), Err(why));
    }
}

#[test]
fn a_malformed_manifest_is_told_by_its_line() {
    let hash = blake3::hash(b"").to_hex();
    for (text, line) in [
        (String::new(), 1),
        ("weir policies 2\nsequence 1\n".into(), 1),
        ("weir policies 1\n".into(), 2),
        ("weir policies 1\nsequence -1\n".into(), 2),
        ("weir policies 1\nsequence 1\nno\n".into(), 3),
        (
            format!("weir policies 1\nsequence 1\n{hash}  a\n{hash}  a\n"),
            4,
        ),
    ] {
        let error = Manifest::parse(&text).unwrap_err();
        assert!(
            matches!(error, NotSigned::Malformed { line: at, .. } if at == line),
            "{text}: {error}"
        );
    }
}

#[test]
fn keys_are_read_in_each_form_and_nothing_else_is_one() {
    let (private, public) = generate().unwrap();
    let key: PublicKey = public.parse().unwrap();
    let inner: String = public.lines().filter(|l| !l.starts_with('-')).collect();
    assert_eq!(inner.parse(), Ok(key));
    // 32 bytes of zero.
    assert!(format!("{}=", "A".repeat(43)).parse::<PublicKey>().is_ok());
    for text in ["", "AAAA", "?", private.as_str(), &"A".repeat(5000)] {
        assert!(text.parse::<PublicKey>().is_err(), "{text}");
    }
    for text in [
        "",
        public.as_str(),
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
    ] {
        assert!(SigningKey::from_pem(text.as_bytes()).is_err(), "{text}");
    }
}
