use nix::unistd::{Gid, Uid, User};

use super::{IdentityError, declared, group_name, usable};
use crate::config::{Config, Identity};

fn identity(text: &str) -> Identity {
    let text = format!("[[identity]]\nname = \"bot\"\n{text}");
    let config = Config::parse("weir.toml", &text).unwrap_or_else(|errors| panic!("{errors}"));
    Identity::clone(&config.identities[0])
}

/// The highest number without a user; the last one of all, -1, never is one.
fn nobodys_uid() -> u32 {
    (0..u32::MAX)
        .rev()
        .find(|uid| User::from_uid(Uid::from_raw(*uid)) == Ok(None))
        .unwrap()
}

#[test]
fn a_user_that_has_no_name_is_refused() {
    let unix = identity("kind = \"unix\"");
    for uid in [u32::MAX, nobodys_uid()] {
        let refused = declared(&unix, uid).unwrap_err();
        assert!(
            matches!(
                refused,
                IdentityError::UnknownUser { .. } | IdentityError::LookUp { .. }
            ),
            "{refused}"
        );
        assert!(refused.to_string().contains(&uid.to_string()), "{refused}");
    }
}

#[test]
fn a_unix_identity_is_the_connecting_user() {
    let unix = identity("kind = \"unix\"\non_behalf_of = \"alice@example.com\"");
    let root = declared(&unix, 0).unwrap();
    assert_eq!(root.id, "unix:root");
    assert!(
        root.groups.contains(&"root".to_owned()),
        "{:?}",
        root.groups
    );
    assert!(root.groups.is_sorted());
    assert_eq!(root.on_behalf_of.as_deref(), Some("alice@example.com"));
}

#[test]
fn a_static_identity_is_what_was_declared_whoever_connects() {
    let declared = identity("kind = \"static\"\ngroups = [\"ci\", \"eu\"]");
    for uid in [0, nobodys_uid()] {
        let subject = super::declared(&declared, uid).unwrap();
        assert_eq!(subject.id, "workload:bot");
        assert_eq!(subject.groups, ["ci", "eu"]);
        assert_eq!(subject.on_behalf_of, None);
    }
}

#[test]
fn a_name_that_did_not_come_through_whole_is_refused() {
    for bad in ["", "al\u{fffd}ce", "al\nice", "\0", "gid:0"] {
        let refused = usable("uid", 7, bad.to_owned()).unwrap_err();
        assert_eq!(refused, IdentityError::UnusableName { what: "uid", id: 7 });
    }
    assert_eq!(usable("uid", 7, "älice".to_owned()).unwrap(), "älice");
}

#[test]
fn a_group_without_a_name_is_its_number() {
    assert_eq!(group_name(Gid::from_raw(4242), None).unwrap(), "gid:4242");
}
