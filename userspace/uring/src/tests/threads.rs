use std::{io, os::fd::AsFd};

use ::bytes::BytesMut;
use nix::sys::socket::{SockaddrIn, getpeername};

use super::*;

/// Every use of a stream, each of which must fail.
async fn use_all(stream: &mut Stream) {
    fn failed<T>(result: &io::Result<T>) {
        assert!(result.is_err(), "can be used");
    }
    failed(&soon(stream.read(&mut [0])).await);
    failed(&soon(stream.write(&[0])).await);
    failed(&soon(stream.write(&[0; 100_000])).await);
    failed(&soon(stream.flush()).await);
    failed(&soon(stream.shutdown()).await);
    let mut to = BytesMut::new();
    failed(
        &soon(std::future::poll_fn(|cx| {
            stream.poll_take(cx, &mut to).unwrap()
        }))
        .await,
    );
}

fn elsewhere<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    thread::spawn(work).join().unwrap()
}

fn runtime() -> tokio::runtime::Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

#[test]
fn use_on_another_thread_is_an_error_and_harms_nothing() {
    on_ring(|| async {
        for has_ring in [false, true] {
            let (mut stream, mut other) = pair().await;
            other.write_all(b"hello").await.unwrap();
            let mut stream = elsewhere(move || {
                runtime().block_on(async {
                    let mut own = None;
                    if has_ring {
                        tokio::spawn(start().unwrap());
                        // Of the same key.
                        own = Some(pair().await);
                    }
                    use_all(&mut stream).await;
                    let stream = stream.onto_ring().unwrap();
                    drop(own);
                    stream
                })
            });
            assert_eq!(read(&mut stream, 5).await, b"hello");
            stream.write_all(b"bye").await.unwrap();
            drop(stream);
            assert_eq!(all(&mut other).await, b"bye");
        }
    });
}

#[test]
fn a_thread_has_one_ring() {
    on_ring(|| async {
        let (mut stream, mut other) = pair().await;
        start().unwrap_err();
        start().unwrap_err();
        other.write_all(b"x").await.unwrap();
        assert_eq!(read(&mut stream, 1).await, b"x");
    });
}

#[test]
fn without_a_ring_a_stream_is_tokios() {
    elsewhere(|| {
        runtime().block_on(async {
            let (own, mut other) = ends(None).await;
            let mut stream = Stream::of(own).onto_ring().unwrap();
            assert!(!stream.is_on_ring());
            let sent = pattern(1, 1 << 20);
            let send = async {
                stream.write_all(&sent).await.unwrap();
                stream.shutdown().await.unwrap();
            };
            let (got, ()) = tokio::join!(all(&mut other), send);
            same(&got, &sent);
            other.write_all(b"back").await.unwrap();
            drop(other);
            assert_eq!(all(&mut stream).await, b"back");
        });
    });
}

/// A thread whose runtime ends while streams wait for all they can wait for. The peers' ends.
fn ended(seed: usize) -> Vec<std::net::TcpStream> {
    elsewhere(move || {
        let runtime = runtime();
        let mut others = Vec::new();
        let kept = runtime.block_on(async {
            tokio::spawn(start().unwrap());
            let mut kept = Vec::new();
            for way in 0..8 {
                let (mut stream, mut other) = narrow().await;
                match way {
                    0 => arm(&mut stream).await,
                    1 => {
                        // Stuck.
                        stream
                            .write_all(&[0; 10_000].repeat(40)[..60_000])
                            .await
                            .unwrap();
                        let write = stream.write_all(&[0; 1 << 20]);
                        assert!(timeout(Duration::from_millis(1), write).await.is_err());
                    }
                    2 => _ = other.try_write(&[0; 100_000]),
                    3 => stream.write_all(b"unsent").await.unwrap(),
                    4 => other.write_all(b"unread").await.unwrap(),
                    _ => {}
                }
                match way % 2 {
                    // Goes with the runtime's tasks; or is behind it, as `kept`.
                    0 => drop(tokio::spawn(async move {
                        stream.read_to_end(&mut Vec::new()).await.ok();
                        stream.write_all(&[0; 1 << 20]).await.ok();
                    })),
                    _ => kept.push(stream),
                }
                others.push(blocking(other));
            }
            for _ in 0..seed % 5 {
                yield_now().await;
            }
            kept
        });
        if seed.is_multiple_of(2) {
            drop(runtime);
            drop(kept);
        } else {
            drop(kept);
            drop(runtime);
        }
        others
    })
}

#[test]
fn a_runtime_may_end_with_everything_in_flight() {
    use std::io::Read;
    for seed in 0..100 {
        for mut other in ended(seed) {
            other.set_read_timeout(Some(LONG)).unwrap();
            let end = other.read_to_end(&mut Vec::new());
            // Reset is an end too. Open is none.
            let kind = end.err().map(|error| error.kind());
            assert!(
                kind.is_none_or(|kind| kind == io::ErrorKind::ConnectionReset),
                "{kind:?}"
            );
        }
    }
}

#[test]
fn a_thread_may_end_with_thousands_of_streams_waiting() {
    use std::io::Read;
    many::allow_files();
    let others = elsewhere(|| {
        runtime().block_on(async {
            tokio::spawn(start().unwrap());
            let mut others = Vec::new();
            for _ in 0..2000 {
                let (mut stream, other) = pair().await;
                tokio::spawn(async move { stream.read(&mut [0]).await });
                others.push(blocking(other));
            }
            tokio::time::sleep(QUIET).await;
            others
        })
    });
    let mut open = 0;
    for mut other in others {
        // Where one is left, others are too, and for good.
        let patience = if open == 0 { LONG } else { QUIET / 100 };
        other.set_read_timeout(Some(patience)).unwrap();
        open += usize::from(other.read(&mut [0]).is_err());
    }
    assert_eq!(open, 0, "that many are still open");
}

/// A stream whose thread has ended, and the peer's end.
fn outlives() -> (Stream, std::net::TcpStream) {
    elsewhere(|| {
        runtime().block_on(async {
            tokio::spawn(start().unwrap());
            let (mut stream, other) = pair().await;
            arm(&mut stream).await;
            (stream, blocking(other))
        })
    })
}

#[test]
fn a_stream_may_outlive_its_thread() {
    let (mut stream, other) = outlives();
    runtime().block_on(use_all(&mut stream));
    drop(stream);
    drop(other);
    // Also where the thread has a ring of its own.
    let (mut stream, _other) = outlives();
    on_ring(|| async move {
        let (mut own, mut other) = pair().await;
        use_all(&mut stream).await;
        drop(stream);
        other.write_all(b"x").await.unwrap();
        assert_eq!(read(&mut own, 1).await, b"x");
    });
}

/// What is borrowed is open: another file may have the number by now.
#[test]
fn a_stream_that_outlives_its_thread_lends_no_descriptor_but_its_own() {
    let (stream, other) = outlives();
    let others = other.local_addr().unwrap();
    let peer = getpeername::<SockaddrIn>(std::os::fd::AsRawFd::as_raw_fd(&stream.as_fd()));
    let open = nix::fcntl::fcntl(stream.as_fd(), nix::fcntl::FcntlArg::F_GETFD);
    assert!(open.is_ok(), "it isn't open");
    // It may have been shut down, in which case it has none.
    if let Ok(peer) = peer {
        assert_eq!(SocketAddr::from((peer.ip(), peer.port())), others);
    }
}

/// The ring is still there, but nobody drives it.
#[test]
fn a_second_runtime_on_a_thread_does_not_hang() {
    elsewhere(|| {
        runtime().block_on(async {
            tokio::spawn(start().unwrap());
            let (mut stream, mut other) = pair().await;
            other.write_all(b"x").await.unwrap();
            assert_eq!(read(&mut stream, 1).await, b"x");
        });
        runtime().block_on(async {
            if let Ok(driver) = start() {
                tokio::spawn(driver);
            }
            let (own, mut other) = ends(None).await;
            let mut stream = Stream::of(own).onto_ring().unwrap();
            other.write_all(b"x").await.unwrap();
            assert_eq!(read(&mut stream, 1).await, b"x");
        });
    });
}

/// Nobody can move its bytes any more: that is told, rather than waited for.
#[test]
fn who_waits_is_told_when_the_driver_is_gone() {
    elsewhere(|| {
        runtime().block_on(async {
            let driver = tokio::spawn(start().unwrap());
            let (mut stream, mut other) = pair().await;
            arm(&mut stream).await;
            driver.abort();
            assert!(driver.await.unwrap_err().is_cancelled());
            other.write_all(b"x").await.unwrap();
            // With an error or, if it goes on, with what came.
            soon(stream.read(&mut [0])).await.ok();
        });
    });
}
