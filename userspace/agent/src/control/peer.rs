//! Who is at the other end of a connection, and whether the API is for them.
//!
//! Job: take the peer's credentials from the kernel when it is accepted, and say who calls: root
//! and the daemon's own user are operators, anybody else who they show to be. Never a process of a
//! governed cgroup, nor of one that `weir run` governs by itself. What can't be told is refused.

use std::{fs, io};

use axum::{
    Extension,
    extract::{ConnectInfo, Request, State},
    http::StatusCode,
    middleware::Next,
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use nix::unistd::{Uid, geteuid};
use tokio::net::UnixStream;

use super::{
    caller::{self, Caller},
    error::ApiError,
    rooms::Host,
};
use crate::config::CgroupPath;

/// The process that connected, as it was when its connection was accepted.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    facts: Result<Facts, String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Facts {
    uid: Uid,
    /// Its path below the root of the cgroup v2 hierarchy.
    cgroup: String,
}

/// The user that the daemon runs as.
#[derive(Clone, Copy, Debug)]
pub(super) struct Own(Uid);

impl Own {
    pub(super) fn of_this_process() -> Self {
        Self(geteuid())
    }
}

impl Peer {
    /// The peer of a connection that was just accepted.
    pub(super) fn of(stream: &UnixStream) -> Self {
        Self {
            facts: facts(stream).map_err(|error| error.to_string()),
        }
    }

    /// Who calls, where the API is for this peer; if it isn't, why.
    fn admitted(&self, own: Own, governed: &[String]) -> Result<Caller, String> {
        let facts = self
            .facts
            .as_ref()
            .map_err(|error| format!("weir can't tell who calls: {error}"))?;
        let mut governed = governed
            .iter()
            .map(String::as_str)
            .chain([CgroupPath::RUNS]);
        if let Some(tagged) = governed.find(|tagged| is_within(&facts.cgroup, tagged)) {
            return Err(format!(
                "a process governed by weir (cgroup {tagged}) can't ask it"
            ));
        }
        let uid = facts.uid.as_raw();
        Ok(if facts.uid.is_root() || facts.uid == own.0 {
            Caller::Operator { uid }
        } else {
            Caller::Stranger { uid }
        })
    }
}

/// Lets a request through only when its connection's peer may call.
pub(super) async fn admit<D: Host>(
    State(daemon): State<D>,
    Extension(own): Extension<Own>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    mut request: Request,
    next: Next,
) -> Response {
    let admitted = peer.admitted(own, &daemon.governed()).map(|caller| {
        let Some(token) = caller::token(request.headers()) else {
            return Some(caller);
        };
        let person = daemon.people().find(token, Timestamp::now());
        person.map(Caller::Person)
    });
    match admitted {
        Ok(Some(caller)) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Ok(None) => caller::not_signed_in("the sign-in is unknown or has expired").into_response(),
        Err(message) => {
            tracing::warn!(%message, path = request.uri().path(), "refused a caller of the local API");
            ApiError::new(StatusCode::FORBIDDEN, "forbidden", &message)
                .with_help("run the command as root, outside of governed cgroups")
                .into_response()
        }
    }
}

fn facts(stream: &UnixStream) -> io::Result<Facts> {
    let credentials = stream.peer_cred()?;
    // A peer outside of the daemon's pid namespace has no pid here, so its cgroup can't be known.
    let pid = credentials
        .pid()
        .filter(|pid| *pid > 0)
        .ok_or_else(|| io::Error::other("its process is not in weir's pid namespace"))?;
    let cgroup = v2_path(&fs::read_to_string(format!("/proc/{pid}/cgroup"))?)
        .ok_or_else(|| io::Error::other("its process is in no cgroup v2"))?;
    Ok(Facts {
        uid: Uid::from_raw(credentials.uid()),
        cgroup,
    })
}

/// The v2 entry of a `/proc/<pid>/cgroup`: the line of hierarchy 0.
fn v2_path(text: &str) -> Option<String> {
    text.lines()
        .find_map(|line| line.strip_prefix("0::"))
        .map(str::to_owned)
}

/// Whether a cgroup is another or below it, both as paths below the hierarchy's root.
fn is_within(cgroup: &str, ancestor: &str) -> bool {
    let ancestor = ancestor.trim_end_matches('/');
    cgroup
        .strip_prefix(ancestor)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(uid: u32, cgroup: &str) -> Peer {
        Peer {
            facts: Ok(Facts {
                uid: Uid::from_raw(uid),
                cgroup: cgroup.to_owned(),
            }),
        }
    }

    #[test]
    fn only_root_and_the_daemons_user_are_operators() {
        let own = Own(Uid::from_raw(990));
        for uid in [0, 990] {
            let caller = peer(uid, "/").admitted(own, &[]).unwrap();
            assert!(matches!(caller, Caller::Operator { uid: named } if named == uid));
        }
        let caller = peer(1000, "/").admitted(own, &[]).unwrap();
        assert!(matches!(caller, Caller::Stranger { uid: 1000 }));
    }

    #[test]
    fn a_governed_process_is_refused_even_as_root() {
        let own = Own(Uid::from_raw(0));
        let governed = ["/weir/ci".to_owned()];
        assert!(peer(0, "/weir/ci").admitted(own, &governed).is_err());
        assert!(peer(0, "/weir/ci/job-1").admitted(own, &governed).is_err());
        assert!(peer(0, "/weir/ci-other").admitted(own, &governed).is_ok());
        assert!(peer(0, "/weir").admitted(own, &governed).is_ok());
        assert!(peer(1000, "/weir.run/1-abc").admitted(own, &[]).is_err());
    }

    #[test]
    fn who_can_t_be_told_is_refused() {
        let unknown = Peer {
            facts: Err("no such process".into()),
        };
        assert!(unknown.admitted(Own(Uid::from_raw(0)), &[]).is_err());
    }

    #[test]
    fn the_v2_line_is_found_on_hybrid_hosts() {
        assert_eq!(
            v2_path("4:memory:/a\n1:cpu:/\n0::/weir/ci\n").as_deref(),
            Some("/weir/ci")
        );
        assert_eq!(v2_path("4:memory:/a\n"), None);
    }
}
