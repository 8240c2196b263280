//! The ways around weir, and what closes each on this host.
//!
//! Job: one row a way, from what the probes found. A row stands as closed only if everything that
//! closes it was tried here and works; what could not be tried for want of capabilities is told so.
//! Not its job: trying.

use serde::Serialize;
use weir_intercept::doctor::{Outcome, Probe};

/// How far a way is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    /// For every workload.
    Closed,
    /// For some: it says for which.
    Partly,
    /// For none.
    Open,
    /// What would close it was not tried.
    Untried,
}

/// One way around weir.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Vector {
    pub(super) name: &'static str,
    pub(super) state: State,
    /// What closes it, or what is left.
    pub(super) by: &'static str,
}

/// A way, and what it comes to.
struct Way {
    name: &'static str,
    /// The first whose conditions hold.
    closings: &'static [Closing],
    /// What is left if none does.
    left: &'static str,
}

/// One means against it.
struct Closing {
    /// The probes that must have gone well.
    needs: &'static [&'static str],
    state: State,
    by: &'static str,
}

/// What this crate tries itself: Landlock's scopes.
pub(super) const LANDLOCK: &str = "Landlock scopes";

const fn closed(needs: &'static [&'static str], by: &'static str) -> Closing {
    Closing {
        needs,
        state: State::Closed,
        by,
    }
}

const fn partly(needs: &'static [&'static str], by: &'static str) -> Closing {
    Closing {
        needs,
        state: State::Partly,
        by,
    }
}

const WAYS: [Way; 17] = [
    Way {
        name: "TCP, however it is dialled",
        closings: &[closed(
            &["connect4", "connect6", "flow_open", "flow_accept", "egress"],
            "sent to weir at connect; what was not is dropped on its way out",
        )],
        left: "a program that does this doesn't load",
    },
    Way {
        name: "UDP, QUIC, DNS",
        closings: &[closed(
            &[
                "connect4", "connect6", "sendmsg4", "sendmsg6", "recvmsg4", "recvmsg6", "egress",
            ],
            "questions to resolvers and what is for declared targets is sent to weir, all else is refused",
        )],
        left: "a program that does this doesn't load",
    },
    Way {
        name: "MPTCP, SCTP, UDP-Lite, ping and raw sockets",
        closings: &[closed(
            &["sock_create", "egress"],
            "refused when the socket is made",
        )],
        left: "a program that does this doesn't load",
    },
    Way {
        name: "multicast groups, of which the kernel tells the network",
        closings: &[partly(
            &["setsockopt"],
            "joining is refused; by 32-bit calls only in `weir run` and by agent.conf",
        )],
        left: "joining one tells the network a number of the agent's choice",
    },
    Way {
        name: "connections from outside, answered",
        closings: &[closed(
            &["egress"],
            "answers are dropped, unless the port is declared",
        )],
        left: "a program that does this doesn't load",
    },
    Way {
        name: "a socket of others, not connected yet",
        closings: &[closed(
            &[
                "root_connect4",
                "root_connect6",
                "root_sendmsg4",
                "root_sendmsg6",
            ],
            "judged by the task, on the root of the hierarchy",
        )],
        left: "a socket handed in, or made before, dials past weir",
    },
    Way {
        name: "a connection of others, or from before",
        closings: &[closed(
            &["closing sockets"],
            "found, closed and told, within seconds of its being there",
        )],
        left: "found and told, but this kernel can't close it",
    },
    Way {
        name: "weir's port, while weir is down",
        closings: &[closed(
            &["bind4", "bind6", "root_bind4", "root_bind6"],
            "nobody may bind it",
        )],
        left: "another process could answer in weir's place",
    },
    Way {
        name: "a network namespace of its own",
        closings: &[
            closed(
                &["network namespaces", "connect4", "connect6"],
                "served inside it, or refused",
            ),
            closed(
                &["connect4", "connect6"],
                "refused: it can't be served here",
            ),
        ],
        left: "a program that does this doesn't load",
    },
    Way {
        name: "another cgroup",
        closings: &[closed(
            &["cgroup v2"],
            "the kernel's permissions; a subtree that a user may write is not governed",
        )],
        left: "there is no cgroup v2",
    },
    Way {
        name: "AF_PACKET, AF_XDP",
        closings: &[partly(
            &[],
            "in `weir run` and by agent.conf: no capabilities, and a filter of system calls; open \
             to any other agent with CAP_NET_RAW",
        )],
        left: "",
    },
    Way {
        name: "AF_VSOCK, AF_ALG and other families",
        closings: &[partly(
            &[],
            "in `weir run` and by agent.conf: a filter of system calls; open to any other agent",
        )],
        left: "",
    },
    Way {
        name: "io_uring, for families that no hook sees",
        closings: &[partly(
            &[],
            "in `weir run` and by agent.conf: a filter of system calls; open to any other agent",
        )],
        left: "",
    },
    Way {
        name: "Unix sockets by path",
        closings: &[
            closed(
                &["Unix sockets"],
                "only declared names may be dialled; in `weir run` those there at its start are hidden",
            ),
            partly(
                &[],
                "hidden by mounts in `weir run`, most of them by agent.conf; open to any other agent",
            ),
        ],
        left: "",
    },
    Way {
        name: "abstract Unix sockets",
        closings: &[
            closed(
                &["Unix sockets", LANDLOCK],
                "only declared names may be dialled; in `weir run` by Landlock",
            ),
            partly(
                &["Unix sockets"],
                "only declared names may be dialled; but open in `weir run`, for want of Landlock",
            ),
            partly(
                &[LANDLOCK],
                "in `weir run` by Landlock; open to any other agent",
            ),
        ],
        left: "any agent dials them",
    },
    Way {
        name: "processes of the same user, outside",
        closings: &[partly(
            &[LANDLOCK],
            "in `weir run` by Landlock: no ptrace, no /proc/PID; give any other agent a user of \
             its own",
        )],
        left: "give each agent a user of its own",
    },
    Way {
        name: "root in the agent",
        closings: &[],
        left: "it escapes anything: `weir run` runs nothing as root, a service needs a User=",
    },
];

/// Every way, as these probes leave it.
pub(super) fn all(probes: &[Probe]) -> Vec<Vector> {
    let outcome = |name: &str| {
        let probe = probes.iter().find(|probe| probe.name == name);
        probe.map_or(Outcome::Missing, |probe| probe.outcome)
    };
    let stands = |closing: &Closing| {
        let mut needs = closing.needs.iter();
        needs.all(|name| matches!(outcome(name), Outcome::Ok | Outcome::Untried))
    };
    let tried = |closing: &Closing| {
        let mut needs = closing.needs.iter();
        needs.all(|name| outcome(name) != Outcome::Untried)
    };
    WAYS.iter()
        .map(|way| {
            let (state, by) = match way.closings.iter().find(|closing| stands(closing)) {
                None => (State::Open, way.left),
                Some(closing) if tried(closing) => (closing.state, closing.by),
                Some(_) => (State::Untried, "not tried: needs root"),
            };
            Vector {
                name: way.name,
                state,
                by,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probe(name: &'static str, outcome: Outcome) -> Probe {
        Probe {
            name,
            outcome,
            detail: String::new(),
            remedy: None,
        }
    }

    fn whole() -> Vec<Probe> {
        let needed = WAYS.iter().flat_map(|way| way.closings);
        let mut names: Vec<_> = needed.flat_map(|closing| closing.needs).collect();
        names.sort_unstable();
        names.dedup();
        names
            .into_iter()
            .map(|name| probe(name, Outcome::Ok))
            .collect()
    }

    fn state(probes: &[Probe], name: &str) -> State {
        let vectors = all(probes);
        let found = vectors.iter().find(|vector| vector.name == name);
        found.unwrap_or_else(|| panic!("{name}")).state
    }

    #[test]
    fn only_root_is_open_where_everything_works() {
        let open: Vec<_> = all(&whole())
            .into_iter()
            .filter(|vector| vector.state == State::Open)
            .map(|vector| vector.name)
            .collect();
        assert_eq!(open, ["root in the agent"]);
    }

    #[test]
    fn what_was_not_tried_closes_nothing() {
        for vector in all(&[]) {
            assert_ne!(vector.state, State::Closed, "{}", vector.name);
            assert_ne!(vector.by, "", "{}", vector.name);
        }
    }

    #[test]
    fn what_needs_root_is_neither_open_nor_closed_without_it() {
        let mut probes = whole();
        for probe in &mut probes {
            if !["network namespaces", "cgroup v2", LANDLOCK].contains(&probe.name) {
                probe.outcome = Outcome::Untried;
            }
        }
        for (name, expected) in [
            ("TCP, however it is dialled", State::Untried),
            ("a network namespace of its own", State::Untried),
            ("Unix sockets by path", State::Untried),
            ("abstract Unix sockets", State::Untried),
            ("another cgroup", State::Closed),
            ("AF_PACKET, AF_XDP", State::Partly),
            ("processes of the same user, outside", State::Partly),
            ("root in the agent", State::Open),
        ] {
            assert_eq!(state(&probes, name), expected, "{name}");
        }
        // What is known to fail is open, whatever else was not tried.
        probes.retain(|probe| probe.name != "egress");
        probes.push(probe("egress", Outcome::Missing));
        assert_eq!(state(&probes, "TCP, however it is dialled"), State::Open);
    }

    #[test]
    fn a_way_is_closed_by_everything_it_takes_or_not_at_all() {
        for way in &WAYS {
            let Some(closing) = way.closings.first() else {
                continue;
            };
            for lacking in closing.needs {
                for outcome in [Outcome::Degraded, Outcome::Missing, Outcome::Untried] {
                    let mut probes = whole();
                    probes.retain(|probe| probe.name != *lacking);
                    probes.push(probe(lacking, outcome));
                    let left = all(&probes);
                    let left = left.iter().find(|vector| vector.name == way.name).unwrap();
                    assert_ne!(left.by, closing.by, "{} without {lacking}", way.name);
                }
            }
        }
    }

    #[test]
    fn without_landlock_a_run_command_is_told_to_reach_abstract_sockets() {
        let mut probes = whole();
        assert_eq!(state(&probes, "abstract Unix sockets"), State::Closed);
        probes.retain(|probe| probe.name != LANDLOCK);
        assert_eq!(state(&probes, "abstract Unix sockets"), State::Partly);
        probes.retain(|probe| probe.name != "Unix sockets");
        assert_eq!(state(&probes, "abstract Unix sockets"), State::Open);
        assert_eq!(state(&probes, "Unix sockets by path"), State::Partly);
    }
}
