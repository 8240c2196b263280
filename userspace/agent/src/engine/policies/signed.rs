//! With a key configured, only what it signed is taken, and nothing older.

use std::{fs, path::Path};

use super::{PolicyFiles, ReloadError};
use crate::signing::{MANIFEST, Manifest, NotSigned, PublicKey, SIGNATURE, SigningKey, generate};

const POLICY: &str = "@id(\"a\") permit (principal, action, resource);";

struct Bundle {
    dir: tempfile::TempDir,
    state: tempfile::TempDir,
    key: SigningKey,
    public: PublicKey,
}

impl Bundle {
    fn new() -> Self {
        let (private, public) = generate().unwrap();
        let bundle = Self {
            dir: tempfile::tempdir().unwrap(),
            state: tempfile::tempdir().unwrap(),
            key: SigningKey::from_pem(private.as_bytes()).unwrap(),
            public: public.parse().unwrap(),
        };
        bundle.write("a.cedar", POLICY);
        bundle.sign(5, &[("a.cedar", POLICY)]);
        bundle
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.dir.path().join(name), text).unwrap();
    }

    fn sign(&self, sequence: u64, files: &[(&str, &str)]) {
        let text = Manifest::of(sequence, files.iter().copied()).to_string();
        self.write(MANIFEST, &text);
        self.write(SIGNATURE, &self.key.sign(&text));
    }

    fn files(&self) -> PolicyFiles {
        PolicyFiles::new(Some(self.dir.path().to_owned()))
            .signed_by(vec![self.public.clone()])
            .remembered_in(self.state.path())
    }

    /// Takes it as the engine does.
    fn take(&self) -> Result<String, ReloadError> {
        let files = self.files();
        let loaded = files.read()?;
        files.note(&loaded)?;
        Ok(loaded.policies.version().to_string())
    }

    fn refused(&self) -> NotSigned {
        match self.take() {
            Err(ReloadError::NotSigned { why, .. }) => why,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn what_is_signed_is_taken_and_nothing_that_differs_from_it() {
    let bundle = Bundle::new();
    bundle.take().unwrap();
    bundle.write("notes.txt", "not looked at");
    bundle.take().unwrap();
    bundle.write(
        "b.cedar",
        "@id(\"b\") forbid (principal, action, resource);",
    );
    assert_eq!(bundle.refused(), NotSigned::Extra("b.cedar".into()));
    fs::remove_file(bundle.dir.path().join("b.cedar")).unwrap();
    bundle.write("masking.toml", "");
    assert_eq!(bundle.refused(), NotSigned::Extra("masking.toml".into()));
    fs::remove_file(bundle.dir.path().join("masking.toml")).unwrap();
    bundle.write("a.cedar", &POLICY.replace("permit", "forbid"));
    assert_eq!(bundle.refused(), NotSigned::Changed("a.cedar".into()));
    bundle.write("a.cedar", POLICY);
    bundle.take().unwrap();
    for name in [SIGNATURE, MANIFEST] {
        fs::remove_file(bundle.dir.path().join(name)).unwrap();
        assert_eq!(bundle.refused(), NotSigned::Missing(name));
    }
}

#[test]
fn a_file_that_was_signed_must_be_there() {
    let bundle = Bundle::new();
    bundle.sign(6, &[("a.cedar", POLICY), ("b.cedar", POLICY)]);
    assert_eq!(bundle.refused(), NotSigned::Gone("b.cedar".into()));
}

#[test]
fn an_older_bundle_does_not_come_back_though_it_is_signed() {
    let bundle = Bundle::new();
    let first = bundle.take().unwrap();
    let newer = POLICY.replace("\"a\"", "\"b\"");
    bundle.write("a.cedar", &newer);
    // Of one number there is one bundle.
    bundle.sign(5, &[("a.cedar", &newer)]);
    let same = NotSigned::Older {
        offered: 5,
        taken: 5,
    };
    assert_eq!(bundle.refused(), same);
    bundle.sign(6, &[("a.cedar", &newer)]);
    assert_ne!(bundle.take().unwrap(), first);
    bundle.take().unwrap();
    bundle.write("a.cedar", POLICY);
    bundle.sign(5, &[("a.cedar", POLICY)]);
    let older = NotSigned::Older {
        offered: 5,
        taken: 6,
    };
    assert_eq!(bundle.refused(), older);
    // Damage is no way around it.
    let memory = bundle.state.path().join("policies").join("accepted.json");
    fs::write(memory, "{").unwrap();
    assert!(matches!(bundle.take(), Err(ReloadError::Memory { .. })));
}

#[test]
fn what_was_in_force_is_remembered_by_its_version() {
    let bundle = Bundle::new();
    let version = bundle.take().unwrap();
    bundle.write("a.cedar", "no policy any more");
    let remembered = |version: &str| PolicyFiles::remembered(bundle.state.path(), version).unwrap();
    assert_eq!(remembered(&version).unwrap().version().as_str(), version);
    assert!(remembered("00").is_none());
    assert!(
        PolicyFiles::remembered(Path::new("/nonexistent"), &version)
            .unwrap()
            .is_none()
    );
}
