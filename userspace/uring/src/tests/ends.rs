use std::io::ErrorKind;

use super::*;

/// Ends a connection so that the other end sees it reset.
fn reset(other: TcpStream) {
    other.set_zero_linger().unwrap();
    drop(other);
}

/// What several reads say, one after the other.
async fn reads(
    stream: &mut (impl AsyncRead + Unpin),
    count: usize,
) -> Vec<Result<usize, ErrorKind>> {
    let mut said = Vec::new();
    for _ in 0..count {
        let mut bytes = [0; 100];
        let read = soon(stream.read(&mut bytes)).await;
        said.push(read.map_err(|error| error.kind()));
    }
    said
}

#[test]
fn the_end_comes_behind_the_bytes_and_stays() {
    on_ring(|| async {
        let (mut stream, mut other) = pair().await;
        let sent = pattern(1, 1 << 20);
        let send = async {
            other.write_all(&sent).await.unwrap();
            drop(other);
        };
        let (got, ()) = tokio::join!(all(&mut stream), send);
        same(&got, &sent);
        assert_eq!(reads(&mut stream, 3).await, [Ok(0); 3]);
    });
}

#[test]
fn who_is_told_the_end_of_a_peer_can_still_write_to_it() {
    on_ring(|| async {
        let (mut stream, mut other) = pair().await;
        arm(&mut stream).await;
        other.shutdown().await.unwrap();
        assert_eq!(reads(&mut stream, 2).await, [Ok(0); 2]);
        let sent = pattern(2, 3 << 20);
        let send = async {
            stream.write_all(&sent[..100]).await.unwrap();
            stream.write_all(&sent[100..]).await.unwrap();
            stream.shutdown().await.unwrap();
        };
        let (got, ()) = soon(async { tokio::join!(all(&mut other), send) }).await;
        same(&got, &sent);
    });
}

#[test]
fn who_has_shut_down_can_still_read() {
    on_ring(|| async {
        let (mut stream, mut other) = pair().await;
        arm(&mut stream).await;
        soon(stream.shutdown()).await.unwrap();
        assert!(all(&mut other).await.is_empty());
        let sent = pattern(3, 3 << 20);
        let send = async {
            other.write_all(&sent).await.unwrap();
            other.shutdown().await.unwrap();
        };
        let (got, ()) = soon(async { tokio::join!(all(&mut stream), send) }).await;
        same(&got, &sent);
        // As often as one likes.
        soon(stream.shutdown()).await.unwrap();
        let late = async { stream.write_all(b"x").await.and(stream.flush().await) };
        assert!(soon(late).await.is_err());
    });
}

#[test]
fn a_shutdown_waits_for_what_was_written() {
    on_ring(|| async {
        let (mut stream, mut other) = narrow().await;
        let sent = pattern(4, 4 << 20);
        let filled = fill(&mut stream, &sent).await;
        assert!(filled < sent.len());
        assert!(timeout(QUIET, stream.shutdown()).await.is_err());
        let (got, done) = tokio::join!(all(&mut other), soon(stream.shutdown()));
        done.unwrap();
        same(&got, &sent[..filled]);
    });
}

#[test]
fn a_reset_is_told_to_who_reads_as_tokio_does() {
    on_ring(|| async {
        // What is sent before it, and whether it is read before it.
        for (bytes, first) in [
            (&b""[..], false),
            (b"", true),
            (b"abc", false),
            (b"abc", true),
        ] {
            let mut told = Vec::new();
            for is_on_ring in [true, false] {
                let (own, mut other) = ends(None).await;
                let mut stream = Stream::of(own);
                if is_on_ring {
                    stream = stream.onto_ring().unwrap();
                }
                if first {
                    other.write_all(b"first").await.unwrap();
                    read(&mut stream, 5).await;
                    let waits = timeout(QUIET, stream.read(&mut [0])).await;
                    assert!(waits.is_err());
                }
                other.write_all(bytes).await.unwrap();
                reset(other);
                told.push(reads(&mut stream, 4).await);
            }
            assert_eq!(told[0], told[1], "on the ring, and not");
        }
    });
}

#[test]
fn a_reset_is_told_to_who_waits_to_read() {
    on_ring(|| async {
        let (mut stream, other) = pair().await;
        let reading = spawn_local(async move { stream.read(&mut [0]).await });
        turn().await;
        reset(other);
        let error = soon(reading).await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    });
}

#[test]
fn a_reset_is_told_to_who_waits_to_write_or_flush_or_shut_down() {
    on_ring(|| async {
        for large in [false, true] {
            for what in 0..3 {
                let (mut stream, other) = narrow().await;
                let filled = fill(&mut stream, &pattern(5, 4 << 20)).await;
                assert!(filled < 4 << 20);
                let waiting = spawn_local(async move {
                    let bytes = vec![0; if large { 64 << 10 } else { 10 }];
                    let told = match what {
                        0 => stream.write_all(&bytes).await,
                        1 => stream.flush().await,
                        _ => stream.shutdown().await,
                    };
                    (told, stream)
                });
                turn().await;
                reset(other);
                let (told, mut stream) = soon(waiting).await.unwrap();
                let kind = told.unwrap_err().kind();
                assert!([ErrorKind::ConnectionReset, ErrorKind::BrokenPipe].contains(&kind));
                for bytes in [&[0; 10][..], &[0; 64 << 10]] {
                    let again = async { stream.write_all(bytes).await.and(stream.flush().await) };
                    assert!(soon(again).await.is_err());
                }
                // There is an end for the reader too, whatever it is called.
                let read = soon(stream.read(&mut [0])).await;
                assert_ne!(read.ok(), Some(1));
            }
        }
    });
}

#[test]
fn a_reset_wakes_both_who_reads_and_who_writes() {
    on_ring(|| async {
        let (mut stream, other) = narrow().await;
        fill(&mut stream, &pattern(6, 4 << 20)).await;
        let (mut from, mut to) = tokio::io::split(stream);
        let reading = spawn_local(async move { from.read(&mut [0]).await });
        let writing = spawn_local(async move { to.write_all(&[0; 1 << 20]).await });
        turn().await;
        reset(other);
        let (read, written) = soon(async { tokio::join!(reading, writing) }).await;
        assert_ne!(read.unwrap().ok(), Some(1));
        assert!(written.unwrap().is_err());
    });
}

#[test]
fn an_error_that_a_queued_write_met_is_told_by_a_flush() {
    on_ring(|| async {
        for armed in [false, true] {
            let (mut stream, other) = pair().await;
            if armed {
                arm(&mut stream).await;
            }
            reset(other);
            // Queued: the kernel is asked later.
            soon(stream.write_all(b"lost")).await.unwrap();
            assert!(soon(stream.flush()).await.is_err());
            assert!(soon(stream.write_all(b"lost too")).await.is_err());
        }
    });
}

/// A reader that sees an end behind a part of what was to come takes it for all.
#[test]
fn a_reset_that_a_queued_write_met_is_no_end_to_a_reader() {
    on_ring(|| async {
        let (mut stream, other) = pair().await;
        arm(&mut stream).await;
        reset(other);
        soon(stream.write_all(b"lost")).await.unwrap();
        assert_eq!(
            reads(&mut stream, 1).await,
            [Err(ErrorKind::ConnectionReset)]
        );
    });
}

#[test]
fn a_peer_that_closes_with_bytes_unread_is_told_as_an_error_to_who_writes() {
    on_ring(|| async {
        let (mut stream, other) = pair().await;
        stream.write_all(&[0; 1000]).await.unwrap();
        soon(stream.flush()).await.unwrap();
        drop(other);
        let told = soon(async {
            loop {
                stream.write_all(&[0; 1000]).await?;
                stream.flush().await?;
            }
        });
        let told: std::io::Error = match told.await {
            Ok::<std::convert::Infallible, _>(never) => match never {},
            Err(error) => error,
        };
        assert!([ErrorKind::ConnectionReset, ErrorKind::BrokenPipe].contains(&told.kind()));
    });
}
