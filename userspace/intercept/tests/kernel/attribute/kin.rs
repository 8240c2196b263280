//! Ancestors, and crowds of short-lived processes.

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};

use super::*;

/// When a process started, in clock ticks: as `/proc` has it.
pub(super) fn ticks_in(stat: &str) -> u64 {
    let (_, rest) = stat.rsplit_once(") ").expect("a name");
    let field = rest.split(' ').nth(22 - 3).expect("a start");
    field.parse().expect("a number")
}

/// The same as it was noted.
pub(super) fn ticks(origin: &Origin) -> u64 {
    let started = origin.started_since_boot.expect("a start");
    u64::try_from(started.as_millis() / 10).expect("not that long")
}

/// Five generations; each says its process id, and the last one connects. What the third does when
/// the fourth is born, and what that one does then, can be said.
fn generations(third: &str, fourth: &str) -> String {
    format!(
        r#"
        $| = 1;
        my $generation = 0;
        while (1) {{
            print "$$\n";
            $generation++;
            $0 = "generation $generation";
            last if $generation == 5;
            my $parent = $$;
            my $child = fork();
            if ($child == 0) {{
                if ($generation == 3) {{ {fourth} }}
                next;
            }}
            if ($generation == 3) {{ {third} }}
            waitpid($child, 0);
            exit 0;
        }}
        $s = weir();
        print "connected\n";
        sleep 60;
        "#
    )
}

/// What the generations said, and how the last one is told.
async fn run(bed: &Bed, script: &str) -> (Vec<u32>, Origin, Child) {
    let mut child = perl(bed, script).spawn().expect("it starts");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let mut said = Vec::new();
    loop {
        let line = timeout(SOON, lines.next_line()).await.expect("it hangs");
        let line = line.expect("text").expect("it died");
        if line == "connected" {
            break;
        }
        said.push(line.parse().expect("a process id"));
    }
    (said, origin(bed).await, child)
}

#[tokio::test]
async fn ancestors_are_told_up_to_who_started_the_workload() {
    let bed = Bed::new();
    let (said, origin, child) = run(&bed, &generations("", "")).await;
    let kin: Vec<(u32, &str, bool)> = origin
        .ancestry
        .iter()
        .map(|kin| (kin.pid.get(), kin.comm.as_str(), kin.inside))
        .collect();
    let own = fs::read_to_string("/proc/thread-self/comm").expect("a name");
    let own = (std::process::id(), own.trim_end(), false);
    assert_eq!(origin.pid.get(), said[4]);
    assert_eq!(
        kin[..4],
        [
            (said[3], "generation 4", true),
            (said[2], "generation 3", true),
            (said[1], "generation 2", true),
            (said[0], "generation 1", true),
        ]
    );
    // The name is the process's, not that of the thread that forked.
    assert_eq!((kin.len(), kin[4].0, kin[4].2), (5, own.0, own.2));
    for kin in &origin.ancestry {
        let stat = fs::read_to_string(format!("/proc/{}/stat", kin.pid)).expect("it lives");
        let noted = u64::try_from(kin.started.as_millis() / 10).expect("not that long");
        assert_eq!(noted, ticks_in(&stat), "{kin:?}");
    }
    drop(child);
}

#[tokio::test]
async fn an_ancestor_that_is_gone_is_replaced_by_who_adopted_its_child() {
    let bed = Bed::new();
    let adopted = "select(undef, undef, undef, 0.01) while getppid() == $parent;";
    let (said, origin, child) = run(&bed, &generations("exit 0;", adopted)).await;
    let [fourth, adopter] = origin.ancestry.as_slice() else {
        panic!("{:?}", origin.ancestry)
    };
    assert_eq!((fourth.pid.get(), fourth.inside), (said[3], true));
    assert!(!adopter.inside);
    let stat = fs::read_to_string(format!("/proc/{}/stat", fourth.pid)).expect("it lives");
    let (_, rest) = stat.rsplit_once(") ").expect("a name");
    let parent = rest.split(' ').nth(1).expect("a parent");
    assert_eq!(adopter.pid.to_string(), parent);
    drop(child);
}

/// Ancestors in a cgroup below the workload's are in the workload.
#[tokio::test]
async fn a_cgroup_below_is_inside() {
    let bed = Bed::new();
    let below = bed.workload.below("below");
    let script = script(
        r#"
        $| = 1;
        if (my $child = fork()) { waitpid($child, 0); exit 0; }
        print "ready\n";
        <STDIN>;
        weir();
        "#,
    );
    let mut command = Command::new(PERL);
    command
        .args(["-e", &script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    enter(&mut command, Some(&below), false);
    let mut child = command.spawn().expect("it starts");
    let mut stdout = child.stdout.take().expect("a pipe");
    let mut ready = [0; 6];
    stdout.read_exact(&mut ready).await.expect("it is ready");
    // The one that connects leaves its parent behind, in the cgroup below.
    let parent = child.id().expect("it runs");
    for pid in below.procs().expect("processes") {
        if pid.get() != parent {
            bed.workload.0.add(pid).expect("to move it");
        }
    }
    drop(child.stdin.take());
    let origin = origin(&bed).await;
    assert_eq!(origin.cgroup, bed.workload.0.inner_path().ok());
    assert_eq!(
        (origin.ancestry[0].pid.get(), origin.ancestry[0].inside),
        (parent, true)
    );
    assert_eq!(
        (origin.ancestry[1].pid.get(), origin.ancestry[1].inside),
        (std::process::id(), false)
    );
}

#[tokio::test]
async fn two_thousand_short_lived_processes_are_each_told_right() {
    const COUNT: usize = 2000;
    let bed = Bed::new();
    let crowd = format!(
        r#"
        my $living = 0;
        for my $number (1..{COUNT}) {{
            if ($living >= 64) {{ wait(); $living--; }}
            $living++;
            next if fork();
            $0 = "number $number";
            open(my $stat, "<", "/proc/self/stat");
            my ($start) = (<$stat> =~ /.*\) (?:\S+ ){{19}}(\d+)/);
            my $s = weir();
            syswrite($s, "$$ $start $number\n");
            exit 0;
        }}
        1 while wait() > 0;
        "#
    );
    let child = perl(&bed, &crowd).spawn().expect("it starts");
    let parent = child.id().expect("it runs");
    for _ in 0..COUNT {
        let intercepted = accept(&bed).await;
        let origin = attribute::origin(&intercepted).await;
        let mut claim = String::new();
        let mut io = intercepted.io;
        let read = timeout(SOON, io.read_to_string(&mut claim)).await;
        read.expect("it hangs").expect("a claim");
        let [pid, start, number] = claim.split_whitespace().collect::<Vec<_>>()[..] else {
            panic!("{claim}")
        };
        assert!(origin.at_connect);
        assert_eq!(origin.pid.to_string(), pid);
        assert_eq!(ticks(&origin).to_string(), start);
        assert_eq!(origin.comm, format!("number {number}"));
        assert_eq!(origin.arguments.list[0], format!("number {number}"));
        assert_eq!(origin.exe.as_deref(), Some(Path::new(PERL)));
        assert!(origin.exe_hash.is_ok());
        assert_eq!(origin.ancestry[0].pid.get(), parent);
    }
    drop(child);
}
