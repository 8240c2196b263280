//! More than one side takes: nothing piles up in weir.

use std::{
    fs,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc::channel,
    },
    thread,
    time::{Duration, Instant},
};

use weir_wire::postgres::{Frame, frontend::Message};

use crate::{
    agent::{Agent, PATIENCE, tags},
    common::alone::alone,
    messages::{
        column, complete, copy_data, copy_done, copy_in, described, query, ready, row, terminate,
    },
    target::{ORDERS, Target},
};

const MIB: u64 = 1 << 20;
/// What memory may grow by while one side is slow.
const ROOM: u64 = 32 * MIB;
/// Resident memory of this process, in bytes.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib: u64 = line
        .unwrap()
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .unwrap();
    kib * 1024
}

/// The most that memory grows by within this time.
fn growth(within: Duration) -> u64 {
    let (begun, before) = (Instant::now(), resident());
    let mut most = before;
    while begun.elapsed() < within {
        most = most.max(resident());
        thread::sleep(Duration::from_millis(20));
    }
    most - before
}

#[test]
fn an_agent_that_does_not_read_slows_the_target_down() {
    if !alone("pressure::an_agent_that_does_not_read_slows_the_target_down") {
        return;
    }
    const ROWS: u64 = 25_600;
    let value = "x".repeat(8 * 1024);
    let one = row(&[Some(&value)]);
    let head = described(&[column("note", ORDERS, 3)]);
    let tail = [complete(&format!("SELECT {ROWS}")), ready()];
    let length = |frames: &[Frame]| frames.iter().map(|f| f.raw().len() as u64).sum::<u64>();
    let all = length(std::slice::from_ref(&head))
        + length(&tail)
        + ROWS * length(std::slice::from_ref(&one));
    assert!(all > 200 * MIB);
    let target = Target::scripted(move |peer| {
        peer.receive();
        peer.send(std::slice::from_ref(&head));
        let many: Vec<u8> = one.raw().repeat(16);
        for _ in 0..ROWS / 16 {
            peer.write(&many);
        }
        peer.send(&tail);
        peer.rest();
    });
    let gate = target.gate();
    let mut agent = Agent::connect(&gate);
    agent.send(&[query("SELECT note FROM orders")]);
    let grown = growth(Duration::from_secs(2));
    assert!(grown < ROOM, "{} MiB pile up", grown / MIB);
    agent.swallow(all);
    agent.send(&[terminate()]);
    assert_eq!(agent.rest(), []);
}

#[test]
fn a_target_that_does_not_read_slows_the_agent_down() {
    if !alone("pressure::a_target_that_does_not_read_slows_the_agent_down") {
        return;
    }
    const CHUNKS: usize = 1600;
    let reads = Arc::new(AtomicBool::new(false));
    let (may_read, (count, counted)) = (Arc::clone(&reads), channel());
    let target = Target::scripted(move |peer| {
        peer.receive();
        peer.send(&[copy_in(1)]);
        let begun = Instant::now();
        while !may_read.load(Ordering::SeqCst) && begun.elapsed() < PATIENCE {
            thread::sleep(Duration::from_millis(5));
        }
        let mut chunks = 0;
        while let Some(Message::CopyData(_)) = peer.receive() {
            chunks += 1;
        }
        count.send(chunks).unwrap();
        peer.send(&[complete("COPY 1"), ready()]);
        peer.rest();
    });
    let gate = target.gate();
    let mut agent = Agent::connect(&gate);
    agent.send(&[query("COPY orders (note) FROM STDIN")]);
    assert_eq!(agent.receive().map(|f| f.tag()), Some(b'G'));
    let chunk = copy_data(&"x".repeat(64 * 1024));
    let writing = thread::spawn(move || {
        for _ in 0..CHUNKS {
            agent.write(chunk.raw());
        }
        tags(&agent.ask(&[copy_done()]))
    });
    let grown = growth(Duration::from_secs(1));
    assert!(grown < ROOM, "{} MiB pile up", grown / MIB);
    reads.store(true, Ordering::SeqCst);
    assert_eq!(
        counted.recv_timeout(Duration::from_secs(20)).unwrap(),
        CHUNKS
    );
    assert_eq!(writing.join().unwrap(), "CZ");
}

/// Pipelined questions whose answers nobody reads do not pile up either.
#[test]
fn an_agent_that_asks_and_does_not_read_is_heard_no_further() {
    if !alone("pressure::an_agent_that_asks_and_does_not_read_is_heard_no_further") {
        return;
    }
    let target = Target::scripted(|peer| {
        let value = "x".repeat(256 * 1024);
        let answer = [
            described(&[column("note", ORDERS, 3)]),
            row(&[Some(&value)]),
            complete("SELECT 1"),
            ready(),
        ];
        while let Some(Message::Query(_)) = peer.receive() {
            peer.send(&answer);
        }
    });
    let gate = target.gate();
    let mut agent = Agent::connect(&gate);
    let one = query("SELECT note FROM orders");
    agent.send(&vec![one; 400]);
    let grown = growth(Duration::from_secs(1));
    assert!(grown < ROOM, "{} MiB pile up", grown / MIB);
    for _ in 0..400 {
        assert_eq!(tags(&agent.until_ready()), "TDCZ");
    }
}

/// Somebody who is gone keeps nobody waiting: a target that takes nothing before all that it says is
/// taken comes to its end.
#[test]
fn an_agent_that_leaves_does_not_leave_the_target_blocked() {
    let ((blocked, is_blocked), (end, ended)) = (channel(), channel());
    let is_blocked = Mutex::new(is_blocked);
    let target = Target::scripted(move |peer| {
        peer.receive();
        is_blocked.lock().unwrap().recv_timeout(PATIENCE).unwrap();
        peer.send(&[described(&[column("note", ORDERS, 3)])]);
        let many = row(&[Some(&"x".repeat(1 << 20))]);
        for _ in 0..64 {
            peer.write(many.raw());
        }
        peer.rest();
        end.send(()).unwrap();
    });
    let gate = target.lax_gate();
    let mut agent = Agent::connect(&gate);
    agent.send(&[query(
        "SELECT note FROM orders; CREATE TABLE copied (id int)",
    )]);
    let text = format!("SELECT note FROM orders -- {}", "x".repeat(200_000));
    agent.write_until_nobody_takes_it(query(&text).raw());
    blocked.send(()).unwrap();
    assert_eq!(agent.receive().map(|f| f.tag()), Some(b'T'));
    agent.hang_up();
    ended.recv_timeout(PATIENCE * 2).unwrap();
}
