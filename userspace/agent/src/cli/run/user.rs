//! As whom the command runs: never root, and without the groups that amount to it.
//!
//! Known limit: other processes of the same user, outside of weir, may do the command's bidding.
//! A user of its own closes that.

use std::{
    env,
    ffi::{CString, OsString},
    path::PathBuf,
};

use nix::{
    errno::Errno,
    unistd::{Gid, Group, Uid, User, getgrouplist},
};

use super::error::RunError;

/// Members of these can make themselves root, or have a root process act for them.
const AS_GOOD_AS_ROOT: [&str; 8] = [
    "root",
    "docker",
    "incus",
    "incus-admin",
    "lxd",
    "libvirt",
    "disk",
    "kmem",
];

/// As whom the command runs.
#[derive(Clone, Debug)]
pub(super) struct Account {
    pub(super) name: String,
    pub(super) uid: Uid,
    pub(super) gid: Gid,
    /// Supplementary groups.
    pub(super) groups: Vec<Gid>,
    /// Groups of the user that the command is not given.
    pub(super) withheld: Vec<String>,
    pub(super) home: PathBuf,
    pub(super) shell: PathBuf,
}

impl Account {
    /// The named user, or else the one who called sudo.
    ///
    /// # Errors
    /// The user is root, or unknown to this host: without a name there is no identity.
    pub(super) fn find(named: Option<&str>) -> Result<Self, RunError> {
        match named {
            Some(name) => Self::of(by_name(name)?),
            None => Self::of(caller(env::var_os("SUDO_UID"))?),
        }
    }

    fn of(user: User) -> Result<Self, RunError> {
        if user.uid.is_root() {
            return Err(RunError::RootAgent);
        }
        let blame = |errno| RunError::Lookup {
            who: user.name.clone(),
            errno,
        };
        let name = CString::new(user.name.as_str()).map_err(|_| blame(Errno::EINVAL))?;
        let mut groups = Vec::new();
        let mut withheld = Vec::new();
        for gid in getgrouplist(&name, user.gid).map_err(blame)? {
            let group = Group::from_gid(gid).map_err(blame)?.map(|group| group.name);
            match group {
                _ if gid == user.gid => {}
                Some(group) if gid.as_raw() == 0 || AS_GOOD_AS_ROOT.contains(&&*group) => {
                    withheld.push(group);
                }
                _ => groups.push(gid),
            }
        }
        Ok(Self {
            name: user.name,
            uid: user.uid,
            gid: user.gid,
            groups,
            withheld,
            home: user.dir,
            shell: user.shell,
        })
    }
}

fn by_name(name: &str) -> Result<User, RunError> {
    let found = match name.parse() {
        Ok(uid) => User::from_uid(Uid::from_raw(uid)),
        Err(_) => User::from_name(name),
    };
    found
        .map_err(|errno| RunError::Lookup {
            who: name.to_owned(),
            errno,
        })?
        .ok_or_else(|| RunError::NoSuchUser(name.to_owned()))
}

fn caller(sudo_uid: Option<OsString>) -> Result<User, RunError> {
    let Some(sudo_uid) = sudo_uid else {
        return Err(RunError::RootAgent);
    };
    let text = sudo_uid.to_string_lossy().into_owned();
    let uid: u32 = text
        .parse()
        .map_err(|_| RunError::BadSudoUid(text.clone()))?;
    User::from_uid(Uid::from_raw(uid))
        .map_err(|errno| RunError::Lookup {
            who: text.clone(),
            errno,
        })?
        .ok_or(RunError::NoSuchUser(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_is_refused_by_whatever_name() {
        for name in ["root", "0"] {
            assert!(
                matches!(Account::find(Some(name)), Err(RunError::RootAgent)),
                "{name}"
            );
        }
        assert!(
            matches!(caller(None), Err(RunError::RootAgent)),
            "root without sudo"
        );
        let root = caller(Some("0".into())).and_then(Account::of);
        assert!(matches!(root, Err(RunError::RootAgent)), "root by sudo");
    }

    #[test]
    fn who_is_unknown_is_refused() {
        let missing = Account::find(Some("no-such-user"));
        assert!(matches!(missing, Err(RunError::NoSuchUser(name)) if name == "no-such-user"));
        assert!(matches!(
            Account::find(Some("4000000000")),
            Err(RunError::NoSuchUser(_))
        ));
        for uid in ["", "-1", "1000x", "99999999999"] {
            assert!(
                matches!(caller(Some(uid.into())), Err(RunError::BadSudoUid(_))),
                "{uid}"
            );
        }
    }

    #[test]
    fn an_ordinary_user_is_found_by_name_and_number() {
        let nobody = Account::find(Some("nobody")).unwrap();
        assert_eq!(nobody.uid.as_raw(), 65_534);
        assert_eq!(Account::find(Some("65534")).unwrap().name, "nobody");
        assert_eq!(caller(Some("65534".into())).unwrap().name, "nobody");
        assert!(!nobody.groups.contains(&Gid::from_raw(0)));
    }
}
