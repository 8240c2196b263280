use ::bytes::BytesMut;

use super::*;

async fn take(stream: &mut Stream, to: &mut BytesMut) -> usize {
    let take = std::future::poll_fn(|cx| stream.poll_take(cx, to).expect("is on the ring"));
    soon(take).await.unwrap()
}

#[test]
fn all_that_came_is_taken_behind_what_is_there() {
    on_ring(|| async {
        let (mut stream, mut other) = pair().await;
        let mut taken = BytesMut::from(&b"before "[..]);
        other.write_all(b"one").await.unwrap();
        assert_eq!(take(&mut stream, &mut taken).await, 3);
        other.write_all(b" two").await.unwrap();
        assert_eq!(take(&mut stream, &mut taken).await, 4);
        assert_eq!(&taken[..], b"before one two");
        let mut fresh = BytesMut::new();
        other.write_all(b"three").await.unwrap();
        drop(other);
        assert_eq!(take(&mut stream, &mut fresh).await, 5);
        assert_eq!(take(&mut stream, &mut fresh).await, 0);
        assert_eq!(take(&mut stream, &mut fresh).await, 0);
        assert_eq!(&fresh[..], b"three");
        let end = take(&mut stream, &mut taken).await;
        assert_eq!((end, &taken[..]), (0, &b"before one two"[..]));
    });
}

#[test]
fn nothing_is_left_behind_by_a_take() {
    on_ring(|| async {
        let (mut stream, mut other) = pair().await;
        arm(&mut stream).await;
        let sent = pattern(1, 50_000);
        other.write_all(&sent).await.unwrap();
        let mut part = vec![0; 20_000];
        soon(stream.read_exact(&mut part)).await.unwrap();
        // It all comes at once over loopback, in however many buffers.
        tokio::time::sleep(QUIET).await;
        let mut rest = BytesMut::new();
        assert_eq!(take(&mut stream, &mut rest).await, 30_000);
        same(&part, &sent[..20_000]);
        same(&rest, &sent[20_000..]);
        let nothing = once(|cx| stream.poll_take(cx, &mut rest).unwrap()).await;
        assert!(nothing.is_pending());
    });
}

#[test]
fn reads_and_takes_mix() {
    on_ring(|| async {
        for seed in 0..8 {
            let (mut stream, mut other) = pair().await;
            let sent = pattern(seed, 3 << 20);
            let send = async {
                other.write_all(&sent).await.unwrap();
                other.shutdown().await.unwrap();
            };
            let get = async {
                let mut random = Random::new(seed);
                let (mut got, mut to) = (Vec::new(), BytesMut::new());
                loop {
                    let count = match random.below(4) {
                        0 => {
                            let count = take(&mut stream, &mut to).await;
                            assert!(to.len() >= count);
                            count
                        }
                        1 => {
                            got.extend_from_slice(&to.split());
                            take(&mut stream, &mut to).await
                        }
                        2 => {
                            got.extend_from_slice(&to.split());
                            let mut piece = vec![0; 1 + random.below(9000)];
                            let count = stream.read(&mut piece).await.unwrap();
                            got.extend_from_slice(&piece[..count]);
                            count
                        }
                        _ => stream.read_buf(&mut to).await.unwrap(),
                    };
                    if count == 0 {
                        break;
                    }
                }
                got.extend_from_slice(&to);
                same(&got, &sent);
            };
            soon(async { tokio::join!(send, get) }).await;
        }
    });
}

#[test]
fn there_is_nothing_to_take_off_the_ring() {
    on_ring(|| async {
        let (own, mut other) = ends(None).await;
        other.write_all(b"x").await.unwrap();
        let mut stream = Stream::of(own);
        let mut to = BytesMut::new();
        assert!(
            once(|cx| Poll::Ready(stream.poll_take(cx, &mut to).is_none())).await
                == Poll::Ready(true)
        );
        assert_eq!(read(&mut stream, 1).await, b"x");
    });
}
