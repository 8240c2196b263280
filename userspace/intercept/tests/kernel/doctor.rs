//! The doctor on this host, where all else here works.

use weir_intercept::doctor::{Outcome, probe};

#[test]
fn a_host_that_can_do_all_is_found_well() {
    let probes = probe();
    for probe in &probes {
        assert_ne!(probe.outcome, Outcome::Missing, "{probe:?}");
        assert_eq!(
            probe.outcome == Outcome::Ok,
            probe.remedy.is_none(),
            "{probe:?}"
        );
    }
    for name in [
        "privileges",
        "cgroup v2",
        "connect4",
        "flow_accept",
        // What `weir doctor` tells of each way around weir goes by these names, too.
        "egress",
        "sock_create",
        "setsockopt",
        "sendmsg4",
        "recvmsg6",
        "root_connect4",
        "root_bind6",
        "Unix sockets",
        "socket families",
        "closing sockets",
        "network namespaces",
        "enforcement",
    ] {
        assert!(
            probes.iter().any(|probe| probe.name == name),
            "{name} was not tried"
        );
    }
}
