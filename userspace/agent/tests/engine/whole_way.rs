//! What an agent without root meets, through the real programs.

use std::{
    net::{SocketAddr, TcpListener, UdpSocket},
    time::Duration,
};

use weir_record::End;

use crate::stand::{Stand, server};

#[test]
fn an_agent_without_a_password_is_served_by_both_families_and_masked() {
    let server = server();
    let stand = Stand::over(&server);
    let clear = server
        .psql_as_superuser("SELECT email FROM people")
        .unwrap();
    for host in ["127.0.0.1", "::1"] {
        let out = stand.psql(host, &server, "SELECT id, email FROM people ORDER BY id");
        let shown = out.stdout_text();
        assert!(shown.starts_with("1|"), "{shown}\n{}", out.stderr_text());
        assert!(clear.lines().all(|email| !shown.contains(email)), "{shown}");
    }
    let ended = stand.ended(2);
    for session in &ended {
        assert_eq!(session.end, Some(End::Closed));
        assert_eq!(session.start.subject, "workload:bot");
        assert_eq!(session.start.process.uid, 65534);
        assert_eq!(session.start.process.comm, "psql");
        assert!(
            session
                .start
                .process
                .exe
                .as_deref()
                .is_some_and(|exe| exe.contains("psql"))
        );
    }
}

#[test]
fn an_undeclared_destination_is_refused_explained_and_recorded() {
    let server = server();
    let stand = Stand::over(&server);
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let port = elsewhere.local_addr().unwrap().port().to_string();
    let out = stand.agent(
        "psql",
        &[
            "-XAt",
            "-h",
            "127.0.0.1",
            "-p",
            &port,
            "-U",
            "x",
            "-c",
            "SELECT 1",
        ],
    );
    let error = out.stderr_text();
    assert!(error.contains("undeclared-destination"), "{error}");
    assert!(
        elsewhere.accept().is_err(),
        "the listener must not see a connection"
    );
    let ended = stand.ended(1);
    assert!(ended.iter().all(
        |s| matches!(&s.end, Some(End::Refused { rule, .. }) if rule == "undeclared-destination")
    ));
}

#[test]
fn what_is_no_tcp_is_refused_by_the_kernel_and_told() {
    let server = server();
    let stand = Stand::over(&server);
    let elsewhere = UdpSocket::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let to: SocketAddr = elsewhere.local_addr().unwrap();
    let script = format!(
        "import socket\n\
         def attempt(f):\n\
        \x20   try: f(); print('went out')\n\
        \x20   except OSError as e: print('refused', e.errno)\n\
         attempt(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', {port})))\n\
         attempt(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(('127.0.0.1', {port})))\n\
         attempt(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP))\n\
         attempt(lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP))\n\
         attempt(lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262))\n",
        port = to.port()
    );
    let out = stand.agent("python3", &["-c", &script]);
    // A ping socket: EACCES where the group may not have one anyway (ping_group_range).
    let shown = out.stdout_text().replace("refused 13", "refused 1");
    assert_eq!(shown, "refused 1\n".repeat(5), "{}", out.stderr_text());
    assert!(elsewhere.recv(&mut [0; 8]).is_err());
    for _ in 0..100 {
        if stand.engine().kernel_refusals().len() >= 4 {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let told = stand.engine().kernel_refusals();
    assert!(
        told.iter()
            .any(|r| r.protocol == "udp" && r.destination.as_deref() == Some(&to.to_string())),
        "{told:?}"
    );
    assert!(told.iter().any(|r| r.protocol == "mptcp"), "{told:?}");
}
