//! More at once than the ring has places for.

use super::*;

/// Lets this process have as many files open as it may.
pub(super) fn allow_files() {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: it is only written to, and is what is written.
    let got = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
    limit.rlim_cur = limit.rlim_max;
    // SAFETY: it is only read, and is what is read.
    let set = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
    assert_eq!((got, set), (0, 0));
}

async fn pairs(count: usize) -> Vec<(Stream, TcpStream)> {
    allow_files();
    let mut pairs = Vec::new();
    for _ in 0..count {
        pairs.push(pair().await);
    }
    pairs
}

/// Whose answers don't all have room are told of to all.
#[test]
fn more_answers_than_there_is_room_for_reach_who_asks_later() {
    on_ring(|| async {
        let mut pairs = pairs(4500).await;
        tokio::time::sleep(QUIET).await;
        for (stream, _) in &mut pairs {
            let write = once(|cx| Pin::new(&mut *stream).poll_write(cx, b"x")).await;
            assert!(matches!(write, Poll::Ready(Ok(1))));
        }
        // The ring has its turn, and nothing more to do.
        tokio::time::sleep(QUIET).await;
        for (stream, other) in &mut pairs {
            soon(stream.flush()).await.unwrap();
            assert_eq!(read(other, 1).await, b"x");
        }
    });
}

#[test]
fn thousands_of_answers_at_once_reach_everyone() {
    on_ring(|| async {
        let mut waiting = Vec::new();
        let mut others = Vec::new();
        for (seed, (mut stream, other)) in (0..).zip(pairs(4500).await) {
            others.push(other);
            waiting.push(spawn_local(async move {
                same(&read(&mut stream, 10).await, &pattern(seed, 10));
                stream.write_all(&pattern(seed + 1, 10)).await.unwrap();
                stream.flush().await.unwrap();
                stream
            }));
        }
        tokio::time::sleep(QUIET).await;
        // All of them come before the ring has a turn.
        for (seed, other) in (0..).zip(&others) {
            assert_eq!(other.try_write(&pattern(seed, 10)).unwrap(), 10);
        }
        for (seed, (waiting, mut other)) in (1..).zip(waiting.into_iter().zip(others)) {
            let stream = soon(waiting).await.unwrap();
            same(&read(&mut other, 10).await, &pattern(seed, 10));
            drop(stream);
            assert!(all(&mut other).await.is_empty());
        }
    });
}

#[test]
fn thousands_dropped_at_once_all_end() {
    on_ring(|| async {
        let (mut streams, mut others) = (Vec::new(), Vec::new());
        for (mut stream, other) in pairs(4500).await {
            arm(&mut stream).await;
            stream.write_all(b"bye").await.unwrap();
            streams.push(stream);
            others.push(other);
        }
        drop(streams);
        for mut other in others {
            assert_eq!(all(&mut other).await, b"bye");
        }
    });
}

#[test]
fn more_requests_than_go_at_once_all_go() {
    on_ring(|| async {
        for _ in 0..5 {
            let mut pairs = pairs(700).await;
            for (seed, (stream, _)) in (0..).zip(&mut pairs) {
                let mut byte = [0];
                let mut byte = tokio::io::ReadBuf::new(&mut byte);
                let mut cx = Context::from_waker(std::task::Waker::noop());
                // Each wants to receive and to send.
                assert!(
                    Pin::new(&mut *stream)
                        .poll_read(&mut cx, &mut byte)
                        .is_pending()
                );
                let write = Pin::new(stream).poll_write(&mut cx, &pattern(seed, 1000));
                assert!(matches!(write, Poll::Ready(Ok(1000))));
            }
            for (seed, (mut stream, mut other)) in (0..).zip(pairs) {
                same(&read(&mut other, 1000).await, &pattern(seed, 1000));
                other.write_all(&pattern(seed, 50)).await.unwrap();
                drop(other);
                same(&all(&mut stream).await, &pattern(seed, 50));
            }
        }
    });
}
