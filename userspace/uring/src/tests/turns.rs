//! That all have their turn: what else runs on the thread, and nobody where there is nothing to do.

use std::{
    io::{Read, Write},
    sync::atomic::AtomicBool,
};

use super::*;

/// Streams that are sent to as fast as they are read.
async fn flooded(count: usize) {
    for _ in 0..count {
        let (mut stream, other) = pair().await;
        let mut other = blocking(other);
        thread::spawn(move || {
            let bytes = [0; 64 << 10];
            while other.write_all(&bytes).is_ok() {}
        });
        spawn_local(async move {
            let mut bytes = vec![0; 16 << 10];
            while let Ok(1..) = stream.read(&mut bytes).await {}
        });
    }
    tokio::time::sleep(QUIET).await;
}

#[test]
fn timers_and_channels_get_their_turn_while_streams_are_flooded() {
    on_ring(|| async {
        flooded(10).await;
        let (to, mut from) = tokio::sync::mpsc::channel(1);
        spawn_local(async move {
            for number in 0..100 {
                to.send(number).await.unwrap();
            }
        });
        soon(async {
            for number in 0..100 {
                assert_eq!(from.recv().await, Some(number));
            }
            for _ in 0..10 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
        .await;
        // And sockets of tokio's.
        let (mut own, mut other) = ends(None).await;
        for _ in 0..20 {
            other.write_all(b"x").await.unwrap();
            assert_eq!(read(&mut own, 1).await, b"x");
        }
    });
}

/// As tokio's own streams do, by what a task may do in one turn.
#[test]
fn timers_get_their_turn_while_a_stream_takes_all_that_is_written() {
    on_ring(|| async {
        let (mut stream, other) = pair().await;
        let mut other = blocking(other);
        thread::spawn(move || {
            let mut bytes = vec![0; 1 << 20];
            while let Ok(1..) = other.read(&mut bytes) {}
        });
        let stop = Arc::new(AtomicBool::new(false));
        let (late, tells) = (Arc::clone(&stop), Arc::clone(&stop));
        let (over, is_over) = mpsc::channel::<()>();
        let watch = thread::spawn(move || {
            let late_now = is_over.recv_timeout(LONG / 4) == Err(mpsc::RecvTimeoutError::Timeout);
            late.store(true, Ordering::Relaxed);
            late_now
        });
        let timer = spawn_local(async move {
            tokio::time::sleep(Duration::from_millis(20)).await;
            tells.store(true, Ordering::Relaxed);
            drop(over);
        });
        while !stop.load(Ordering::Relaxed) {
            stream.write_all(&[0; 16 << 10]).await.unwrap();
        }
        soon(timer).await.unwrap();
        assert!(!watch.join().unwrap(), "a timer had to wait for seconds");
    });
}

/// How often the ring has a turn in a time in which nothing comes.
async fn polls_while_idle(polls: &AtomicUsize) -> usize {
    tokio::time::sleep(QUIET).await;
    let before = polls.load(Ordering::Relaxed);
    tokio::time::sleep(QUIET).await;
    polls.load(Ordering::Relaxed) - before
}

#[test]
fn an_idle_ring_has_no_turns() {
    on_counted_ring(|polls| async move {
        assert_eq!(polls_while_idle(&polls).await, 0);
        let (mut stream, mut other) = narrow().await;
        assert_eq!(polls_while_idle(&polls).await, 0);
        arm(&mut stream).await;
        assert_eq!(polls_while_idle(&polls).await, 0);
        // Stuck both ways.
        let filled = fill(&mut stream, &pattern(1, 4 << 20)).await;
        fill(&mut other, &pattern(1, 4 << 20)).await;
        assert_eq!(polls_while_idle(&polls).await, 0);
        read(&mut other, filled).await;
        drop(stream);
        assert_eq!(polls_while_idle(&polls).await, 0);
        // At its end.
        let (mut stream, other) = pair().await;
        drop(other);
        assert!(all(&mut stream).await.is_empty());
        assert_eq!(polls_while_idle(&polls).await, 0);
    });
}

/// Also where the kernel says that it has something to do just as it is asked to do it.
#[test]
fn a_ring_is_idle_after_whatever_came_from_other_threads() {
    on_counted_ring(|polls| async move {
        let mut echoes = Vec::new();
        for _ in 0..4 {
            let (stream, other) = pair().await;
            echoes.push((stream, echo(other)));
        }
        for round in 0..40 {
            let mut tasks = Vec::new();
            for (mut stream, echo) in echoes.drain(..) {
                tasks.push(spawn_local(async move {
                    for number in 0..100_u8 {
                        stream.write_all(&[number]).await.unwrap();
                        assert_eq!(read(&mut stream, 1).await, [number]);
                    }
                    (stream, echo)
                }));
            }
            for task in tasks {
                echoes.push(soon(task).await.unwrap());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
            let before = polls.load(Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(10)).await;
            let turns = polls.load(Ordering::Relaxed) - before;
            assert!(turns < 3, "{turns} turns in round {round}");
        }
        for (stream, echo) in echoes {
            drop(stream);
            joined(echo).await;
        }
    });
}
