//! A workload that stops, while somebody else still holds its connection.

use std::{fs, thread, time::Duration};

use testbed::{Identity, Postgres, Running, Spawn};
use weir_record::End;

use crate::stand::{Stand, psql_arguments, server};

/// A psql of the workload's, in the middle of a command.
fn in_the_middle(stand: &Stand, server: &Postgres) -> Running {
    let sql = "SELECT count(*), pg_sleep(300) FROM orders";
    let psql = Spawn::new("psql")
        .args(psql_arguments("127.0.0.1", server, &[sql]))
        .as_user(Identity::nobody())
        .in_cgroup(stand.cgroup.path())
        .deadline(Duration::from_secs(60))
        .start()
        .unwrap();
    let asked = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' \
                 AND query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()";
    while server.psql_as_superuser(asked).unwrap().trim() != "1" {
        assert!(
            !psql.has_ended().unwrap(),
            "{}",
            psql.wait().unwrap().stderr_text()
        );
        thread::sleep(Duration::from_millis(50));
    }
    psql
}

#[test]
fn a_workload_without_a_process_has_no_session_whoever_holds_its_connection() {
    let server = server();
    let stand = Stand::over(&server);
    let psql = in_the_middle(&stand, &server);
    // It leaves with its connection, and nobody stays behind.
    let free = stand.cgroup.path().parent().unwrap().join("cgroup.procs");
    fs::write(free, psql.pid().to_string()).unwrap();
    let heard = psql.wait().unwrap().stderr_text();
    assert!(heard.contains("the workload has stopped"), "{heard}");
    let ended = stand.ended(1);
    assert_eq!(ended[0].end, Some(End::WorkloadStopped));
    // It stopped at the target, too.
    let asked = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' \
                 AND query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()";
    while server.psql_as_superuser(asked).unwrap().trim() != "0" {
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_workload_whose_cgroup_is_removed_has_no_session() {
    let server = server();
    let stand = Stand::over(&server);
    let psql = in_the_middle(&stand, &server);
    let free = stand.cgroup.path().parent().unwrap().join("cgroup.procs");
    fs::write(free, psql.pid().to_string()).unwrap();
    stand.cgroup.remove().unwrap();
    let heard = psql.wait().unwrap().stderr_text();
    assert!(heard.contains("the workload has stopped"), "{heard}");
    assert_eq!(stand.ended(1)[0].end, Some(End::WorkloadStopped));
}
