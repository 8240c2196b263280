//! Where the kernel noted nothing, and for datagrams.

use std::net::SocketAddr;

use weir_intercept::attribute::Attribution;

use super::*;

/// As on a kernel that can't note processes, or one that had no room left.
async fn unnoted(bed: &Bed) -> Origin {
    let mut intercepted = accept(bed).await;
    intercepted.caller = None;
    attribute::origin(&intercepted).await
}

#[tokio::test]
async fn a_live_process_is_read_from_proc() {
    let bed = Bed::new();
    let mut child = perl(&bed, "$s = weir(); sleep 60;")
        .spawn()
        .expect("it starts");
    let origin = unnoted(&bed).await;
    assert!(!origin.at_connect);
    assert_eq!(Some(origin.pid.get()), child.id());
    assert_eq!(origin.exe.as_deref(), Some(Path::new(PERL)));
    match Attribution::here() {
        Attribution::AtConnect => assert_eq!(origin.exe_hash, Err(Unhashed::Unknown)),
        Attribution::Afterwards { .. } => assert_eq!(shown(&origin.exe_hash), hash_of(PERL)),
    }
    assert_eq!(origin.arguments.list[..2], [PERL, "-e"]);
    assert!(origin.started.is_some() && origin.ancestry.is_empty());
    child.kill().await.expect("it was running");
}

/// What was noted of a caller makes room for what is noted of others, and a caller that sees to that
/// becomes another program meanwhile.
#[tokio::test]
async fn nobody_gets_the_hash_of_another_program_by_crowding_itself_out() {
    let bed = Bed::new();
    let mut child = perl(
        &bed,
        r#"
        $socket = weir();
        my $to = pack_sockaddr_in(53, inet_aton("127.77.0.53"));
        socket(my $many, PF_INET, SOCK_DGRAM, 17) or die "socket: $!";
        for (1..20_000) { send($many, "ab question", 0, $to) or die "send: $!"; }
        exec "/bin/sleep", "60";
        "#,
    )
    .spawn()
    .expect("it starts");
    let sleep = fs::canonicalize("/bin/sleep").expect("a program");
    until_it_is(&child, &sleep).await;
    let origin = origin(&bed).await;
    assert_ne!(shown(&origin.exe_hash), hash_of(sleep));
    child.kill().await.expect("it was running");
}

#[tokio::test]
async fn a_process_that_is_gone_is_not_made_up() {
    let bed = Bed::new();
    let pid = run(perl(&bed, "weir();")).await;
    let origin = unnoted(&bed).await;
    assert_eq!((origin.pid, origin.uid), (Pid::new(pid), Uid::new(NOBODY)));
    assert_eq!((origin.exe, origin.started), (None, None));
    assert_eq!(origin.exe_hash, Err(Unhashed::Unknown));
    assert!(origin.arguments.list.is_empty());
}

/// A question to a resolver, from a process that does not wait for the answer.
#[tokio::test]
async fn who_sent_a_datagram_is_told_too() {
    let bed = Bed::new();
    let ask = r#"
        use Socket;
        my $to = pack_sockaddr_in(53, inet_aton("127.77.0.53"));
        socket(my $s, PF_INET, SOCK_DGRAM, 17) or die "socket: $!";
        if ($ARGV[0] eq "connected") {
            connect($s, $to) or die "connect: $!";
            send($s, "ab question", 0) or die "send: $!";
        } else {
            send($s, "ab question", 0, $to) or die "send: $!";
        }
    "#;
    for how in ["connected", "unconnected"] {
        let mut command = program(&bed, PERL);
        command.args(["-e", ask, how]);
        let pid = super::run(command).await;
        let datagram = timeout(SOON, bed.weir.datagram())
            .await
            .expect("nothing came");
        let datagram = datagram.expect("a datagram");
        let to: SocketAddr = "127.77.0.53:53".parse().expect("an address");
        assert_eq!(datagram.orig_dst.get(), to);
        let origin = attribute::of(&datagram.facts, datagram.caller.as_ref()).await;
        assert!(origin.at_connect, "{how}");
        assert_eq!(origin.pid, Pid::new(pid));
        assert_eq!(shown(&origin.exe_hash), hash_of(PERL));
        // The script is longer than what is kept.
        assert_eq!(origin.arguments.list[..2], [PERL, "-e"]);
    }
}
