use std::{
    fs::{self, Permissions},
    os::unix::fs::{PermissionsExt, chown, symlink},
    path::PathBuf,
};

use nix::sys::stat::Mode;
use secrecy::ExposeSecret;
use tempfile::TempDir;

use super::{CredentialError, LONGEST, PasswordSource, credential, read, secret};

fn kept(content: &[u8], mode: u32) -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("orders");
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    (dir, path)
}

#[test]
fn what_others_may_touch_is_refused_with_the_way_out() {
    for mode in [0o640, 0o604, 0o602, 0o620, 0o610, 0o777, 0o644] {
        let (_dir, path) = kept(b"hunter2", mode);
        let error = PasswordSource::File(path.clone())
            .read()
            .unwrap_err()
            .to_string();
        let path = path.display();
        assert_eq!(
            error,
            format!(
                "{path} may be touched by others than its owner (mode {mode:04o}); run: chmod 600 {path}"
            )
        );
    }
    for mode in [0o600, 0o400, 0o700] {
        let (_dir, path) = kept(b"hunter2", mode);
        assert_eq!(
            PasswordSource::File(path).read().unwrap().expose_secret(),
            "hunter2"
        );
    }
}

#[test]
fn a_credential_may_be_read_by_its_access_list_only() {
    let outside = credential(None, "orders").unwrap_err().to_string();
    assert!(outside.contains("LoadCredential=orders:PATH"), "{outside}");
    for (mode, fine) in [
        (0o400, true),
        (0o440, true),
        (0o460, false),
        (0o444, false),
        (0o442, false),
    ] {
        let (dir, _path) = kept(b"hunter2", mode);
        let place = credential(Some(dir.path().as_os_str()), "orders");
        let read = place.and_then(|(path, forbidden)| read(&path, forbidden));
        assert_eq!(read.is_ok(), fine, "{mode:o}");
    }
}

#[test]
fn a_file_of_a_stranger_is_refused() {
    let (_dir, path) = kept(b"hunter2", 0o600);
    // Only root can give a file away.
    if nix::unistd::geteuid().is_root() {
        chown(&path, Some(4242), None).unwrap();
        assert!(matches!(
            read(&path, 0o077),
            Err(CredentialError::Foreign { owner: 4242, .. })
        ));
    }
}

#[test]
fn what_is_no_file_is_refused_and_holds_nothing_up() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(
        read(dir.path(), 0o077),
        Err(CredentialError::NotAFile(_))
    ));
    let pipe = dir.path().join("pipe");
    nix::unistd::mkfifo(&pipe, Mode::S_IRWXU).unwrap();
    assert!(matches!(
        read(&pipe, 0o077),
        Err(CredentialError::NotAFile(_))
    ));
    let nowhere = dir.path().join("nowhere");
    let error = read(&nowhere, 0o077).unwrap_err().to_string();
    assert!(error.starts_with(&format!(
        "can't read the password in {}: No such",
        nowhere.display()
    )));
}

#[test]
fn the_mode_that_counts_is_the_files_not_the_links() {
    let (dir, path) = kept(b"hunter2", 0o644);
    let link = dir.path().join("link");
    symlink(&path, &link).unwrap();
    assert!(matches!(
        read(&link, 0o077),
        Err(CredentialError::Exposed { .. })
    ));
}

#[test]
fn one_newline_is_not_part_of_a_password_and_nothing_else_is_stripped() {
    for (content, password) in [
        ("a", "a"),
        ("a\n", "a"),
        (" a \n", " a "),
        ("pässwörd\n", "pässwörd"),
    ] {
        assert_eq!(
            secret(content.as_bytes()).unwrap().expose_secret(),
            password
        );
    }
    for bad in [
        &b""[..],
        b"\n",
        b"a\n\n",
        b"a\r\n",
        b"a\nb",
        b"a\0b",
        b"\xff",
    ] {
        assert!(secret(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn a_password_has_a_bound() {
    let longest = "x".repeat(LONGEST);
    let (_dir, path) = kept(format!("{longest}\n").as_bytes(), 0o600);
    assert_eq!(read(&path, 0o077).unwrap().expose_secret(), longest);
    for beyond in [format!("{longest}x"), "x".repeat(1 << 20)] {
        let (_dir, path) = kept(beyond.as_bytes(), 0o600);
        let error = read(&path, 0o077).unwrap_err();
        assert!(
            error.to_string().ends_with("it is longer than 4096 bytes"),
            "{error}"
        );
    }
}

#[test]
fn no_error_and_no_debug_shows_the_password() {
    for content in [&b"hunter2\0"[..], b"hunter2\nhunter2", b"hunter2\xff"] {
        let (_dir, path) = kept(content, 0o600);
        let error = read(&path, 0o077).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }
    assert!(!format!("{:?}", secret(b"hunter2").unwrap()).contains("hunter2"));
}
