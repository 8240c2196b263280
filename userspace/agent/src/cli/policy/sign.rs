//! `weir policy keygen` and `weir policy sign`.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use weir_policy::Policies;
use zeroize::Zeroizing;

use super::{
    super::{
        args::{PolicyKeygen, PolicySign},
        error::CliError,
        line::{Line, Tone},
        out::Out,
    },
    error::PolicyError,
};
use crate::{
    engine::{PolicyFiles, ReloadError},
    signing::{MANIFEST, Manifest, SIGNATURE, SigningKey, generate},
};

/// Makes a pair of keys.
pub(super) fn keygen(asked: &PolicyKeygen, out: &mut Out) -> Result<(), CliError> {
    let (private, public) = generate().map_err(PolicyError::Generate)?;
    let private = Zeroizing::new(private);
    let mut named = asked.key.clone().into_os_string();
    named.push(".pub");
    let beside = PathBuf::from(named);
    create(&asked.key, 0o600, private.as_bytes())?;
    create(&beside, 0o644, public.as_bytes())?;
    let inner: String = public.lines().filter(|l| !l.starts_with('-')).collect();
    let line = Line::of(Tone::Good, "made: ").text(format!(
        "{} (keep it secret) and {}",
        asked.key.display(),
        beside.display()
    ));
    out.line(&line)?;
    out.line(&Line::plain(
        "weir.toml takes what it signs, and nothing else, with",
    ))?;
    let keys = format!("[policies]\nkeys = [\"{inner}\"]");
    Ok(out.block(Tone::Key, "  ", &keys)?)
}

/// Signs a directory of policies that load.
pub(super) fn sign(asked: &PolicySign, out: &mut Out) -> Result<(), CliError> {
    let pem = fs::read(&asked.key)
        .map_err(at(&asked.key))
        .map(Zeroizing::new)?;
    let key = SigningKey::from_pem(&pem).map_err(|source| PolicyError::Key {
        path: asked.key.clone(),
        source,
    })?;
    let sources = PolicyFiles::sources_of(&asked.dir).map_err(ReloadError::from)?;
    let policies = Policies::load(&sources).map_err(ReloadError::Rejected)?;
    let files = sources.iter().filter_map(|source| {
        let name = Path::new(&source.name).file_name()?.to_str()?;
        Some((name, source.text.as_str()))
    });
    let sequence = match asked.sequence {
        Some(sequence) => sequence,
        None => next(&asked.dir)?,
    };
    let manifest = Manifest::of(sequence, files).to_string();
    let signature = key.sign(&manifest);
    for (name, text) in [(MANIFEST, manifest), (SIGNATURE, signature)] {
        let path = asked.dir.join(name);
        fs::write(&path, text).map_err(at(&path))?;
    }
    let line = Line::of(Tone::Good, "signed: ").text(format!(
        "{} as number {sequence}, version ",
        asked.dir.display()
    ));
    Ok(out.line(&line.and(Tone::Key, policies.version()))?)
}

/// One more than the number of the manifest that is there.
fn next(dir: &Path) -> Result<u64, PolicyError> {
    let path = dir.join(MANIFEST);
    let text = match fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(1),
        read => read.map_err(at(&path))?,
    };
    let last = Manifest::parse(&text)
        .map_err(|why| at(&path)(io::Error::new(io::ErrorKind::InvalidData, why)))?
        .sequence();
    last.checked_add(1).ok_or(PolicyError::Spent(last))
}

fn create(path: &Path, mode: u32, text: &[u8]) -> Result<(), PolicyError> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)
        .map_err(at(path))?;
    file.write_all(text).map_err(at(path))
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> PolicyError + use<> {
    let path = path.to_owned();
    move |source| PolicyError::File { path, source }
}

#[cfg(test)]
mod tests {
    use super::{super::super::out::capture, *};
    use crate::signing::PublicKey;

    #[test]
    fn what_is_signed_is_taken_with_the_key_and_the_number_grows() {
        let dir = tempfile::tempdir().unwrap();
        let key = dir.path().join("release.pem");
        let bundle = dir.path().join("policies");
        fs::create_dir(&bundle).unwrap();
        let policy = "@id(\"a\") permit (principal, action, resource);";
        fs::write(bundle.join("a.cedar"), policy).unwrap();
        let made = capture::plain(|out| {
            keygen(&PolicyKeygen { key: key.clone() }, out).map_err(io::Error::other)
        });
        let public: PublicKey = made.split('"').nth(1).unwrap().parse().unwrap();
        let mut asked = PolicySign {
            dir: bundle.clone(),
            key,
            sequence: None,
        };
        for number in [1, 2] {
            let told = capture::plain(|out| sign(&asked, out).map_err(io::Error::other));
            assert!(
                told.contains(&format!("as number {number}, version ")),
                "{told}"
            );
            let files = PolicyFiles::new(Some(bundle.clone())).signed_by(vec![public.clone()]);
            files.load().unwrap();
        }
        // What doesn't load isn't signed, and no key is written over.
        fs::write(bundle.join("a.cedar"), "no").unwrap();
        let told = capture::plain(|out| {
            assert!(sign(&asked, out).is_err());
            let again = PolicyKeygen {
                key: asked.key.clone(),
            };
            assert!(keygen(&again, out).is_err());
            Ok(())
        });
        assert_eq!(told, "");
        fs::write(bundle.join("a.cedar"), policy).unwrap();
        asked.sequence = Some(u64::MAX);
        capture::plain(|out| sign(&asked, out).map_err(io::Error::other));
        asked.sequence = None;
        assert!(matches!(next(&bundle), Err(PolicyError::Spent(u64::MAX))));
    }
}
