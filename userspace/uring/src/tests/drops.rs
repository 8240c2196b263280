use std::{
    fs,
    os::fd::AsFd,
    sync::Arc,
    task::{Wake, Waker},
};

use super::*;

/// Whether a descriptor of this process is of the socket with this inode.
fn is_open(inode: u64) -> bool {
    let name = format!("socket:[{inode}]");
    let links = fs::read_dir("/proc/self/fd").unwrap();
    let mut links = links.filter_map(|link| fs::read_link(link.ok()?.path()).ok());
    links.any(|link| link.as_os_str() == name.as_str())
}

fn inode(stream: &Stream) -> u64 {
    let inode = nix::sys::stat::fstat(stream.as_fd()).unwrap().st_ino;
    assert!(is_open(inode));
    inode
}

/// How a peer sees a connection end: it must, with or without an error.
async fn end(other: &mut TcpStream) -> Vec<u8> {
    let mut got = Vec::new();
    soon(other.read_to_end(&mut got)).await.ok();
    got
}

#[test]
fn a_dropped_stream_ends_for_its_peer_and_is_closed() {
    on_ring(|| async {
        for way in 0..6 {
            let (mut stream, mut other) = narrow().await;
            let inode = inode(&stream);
            match way {
                0 => {}
                1 => arm(&mut stream).await,
                2 => _ = fill(&mut stream, &pattern(1, 4 << 20)).await,
                3 => {
                    arm(&mut stream).await;
                    fill(&mut stream, &pattern(1, 4 << 20)).await;
                }
                4 => {
                    arm(&mut stream).await;
                    fill(&mut other, &pattern(1, 8 << 20)).await;
                }
                _ => {
                    // Both full.
                    arm(&mut stream).await;
                    fill(&mut other, &pattern(1, 8 << 20)).await;
                    fill(&mut stream, &pattern(1, 8 << 20)).await;
                }
            }
            drop(stream);
            // A peer that doesn't read what is in its way must not keep it open here.
            until(|| !is_open(inode)).await;
            end(&mut other).await;
        }
    });
}

#[test]
fn a_stream_dropped_before_the_ring_had_its_turn_ends_too() {
    on_ring(|| async {
        for way in 0..3 {
            let (mut stream, mut other) = pair().await;
            let inode = inode(&stream);
            if way > 0 {
                let mut byte = [0];
                let mut byte = tokio::io::ReadBuf::new(&mut byte);
                let read = once(|cx| Pin::new(&mut stream).poll_read(cx, &mut byte)).await;
                assert!(read.is_pending());
            }
            if way > 1 {
                stream.write_all(b"x").await.unwrap();
            }
            drop(stream);
            assert_eq!(end(&mut other).await.len(), usize::from(way > 1));
            until(|| !is_open(inode)).await;
        }
    });
}

#[test]
fn what_was_written_right_before_a_drop_arrives() {
    on_ring(|| async {
        for (seed, size) in (0..).zip([1, 5, 1000, (16 << 10) - 1, 60_000].repeat(40)) {
            let (mut stream, mut other) = pair().await;
            let sent = pattern(seed, size);
            if seed % 2 == 0 {
                arm(&mut stream).await;
            }
            for piece in sent.chunks(10_000) {
                stream.write_all(piece).await.unwrap();
            }
            drop(stream);
            same(&all(&mut other).await, &sent);
        }
    });
}

/// The kernel has room for it again when the stream is dropped, but the ring hasn't seen that.
#[test]
fn what_waited_for_room_arrives_where_there_is_room_at_the_drop() {
    on_ring(|| async {
        let (mut stream, other) = narrow().await;
        let sent = pattern(2, 4 << 20);
        let mut filled = 0;
        // Past what the kernel takes: some of it is in flight.
        while timeout(QUIET, stream.flush()).await.is_ok() {
            stream
                .write_all(&sent[filled..filled + 2000])
                .await
                .unwrap();
            filled += 2000;
        }
        // All that the kernel has is read, without the ring having a turn.
        let mut got = Vec::new();
        for _ in 0..1000 {
            let mut piece = [0; 10_000];
            if let Ok(count) = other.try_read(&mut piece) {
                got.extend_from_slice(&piece[..count]);
            }
            other.readable_now();
        }
        drop(stream);
        let mut other = other;
        got.extend(end(&mut other).await);
        same(&got, &sent[..filled]);
    });
}

trait ReadableNow {
    fn readable_now(&self);
}

impl ReadableNow for TcpStream {
    /// Waits a moment, on this thread, for what is on its way in the kernel.
    fn readable_now(&self) {
        use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
        let mut fds = [PollFd::new(self.as_fd(), PollFlags::POLLIN)];
        poll(&mut fds, PollTimeout::from(1_u8)).unwrap();
    }
}

#[test]
fn a_stream_dropped_on_another_thread_ends_for_its_peer() {
    on_ring(|| async {
        for armed in [true, false] {
            let (mut stream, mut other) = pair().await;
            let inode = inode(&stream);
            if armed {
                arm(&mut stream).await;
            }
            // The ring has nothing else to do.
            tokio::time::sleep(QUIET).await;
            thread::spawn(move || drop(stream)).join().unwrap();
            until(|| !is_open(inode)).await;
            assert!(end(&mut other).await.is_empty());
        }
    });
}

#[test]
fn what_was_written_before_a_drop_on_another_thread_arrives() {
    on_ring(|| async {
        let (mut stream, mut other) = pair().await;
        stream.write_all(b"last words").await.unwrap();
        thread::spawn(move || drop(stream)).join().unwrap();
        assert_eq!(end(&mut other).await, b"last words");
    });
}

/// A waker that owns a stream, and has it dropped where it is dropped itself.
struct Owner(#[expect(dead_code, reason = "is only dropped")] Stream);

impl Wake for Owner {
    fn wake(self: Arc<Self>) {}
}

#[test]
fn a_stream_dropped_by_what_the_ring_drops_ends_for_its_peer() {
    on_ring(|| async {
        let (mut stream, mut one) = pair().await;
        let (owned, mut other) = pair().await;
        arm(&mut stream).await;
        let waker = Waker::from(Arc::new(Owner(owned)));
        let mut byte = [0];
        let mut byte = tokio::io::ReadBuf::new(&mut byte);
        let mut cx = Context::from_waker(&waker);
        assert!(
            Pin::new(&mut stream)
                .poll_read(&mut cx, &mut byte)
                .is_pending()
        );
        drop(waker);
        tokio::time::sleep(QUIET).await;
        // Takes the place of the other waker.
        let mut cx = Context::from_waker(Waker::noop());
        assert!(
            Pin::new(&mut stream)
                .poll_read(&mut cx, &mut byte)
                .is_pending()
        );
        end(&mut other).await;
        one.write_all(b"x").await.unwrap();
        assert_eq!(read(&mut stream, 1).await, b"x");
    });
}

#[test]
fn thousands_that_come_and_go_are_not_mixed_up() {
    on_ring(|| async {
        let mut open = Vec::new();
        let mut random = Random::new(3);
        for seed in 0..3000 {
            let (mut stream, mut other) = pair().await;
            let sent = pattern(seed, 300);
            if seed % 3 == 0 {
                arm(&mut stream).await;
            }
            other.write_all(&sent).await.unwrap();
            stream.write_all(&sent[..100]).await.unwrap();
            open.push((stream, other, sent));
            if open.len() < 20 {
                continue;
            }
            let (mut stream, mut other, sent) = open.swap_remove(random.below(20));
            match random.below(4) {
                // Dropped as it is, with bytes on their way to it.
                0 => {
                    drop(stream);
                    let got = end(&mut other).await;
                    assert!(sent.starts_with(&got) && [0, 100].contains(&got.len()));
                }
                1 => {
                    same(&read(&mut other, 100).await, &sent[..100]);
                    drop(other);
                    same(&all(&mut stream).await, &sent);
                }
                2 => {
                    same(&read(&mut stream, 300).await, &sent);
                    thread::spawn(|| drop(stream)).join().unwrap();
                    same(&read(&mut other, 100).await, &sent[..100]);
                }
                _ => {
                    other.shutdown().await.unwrap();
                    same(&all(&mut stream).await, &sent);
                    drop(stream);
                    same(&all(&mut other).await, &sent[..100]);
                }
            }
        }
    });
}

#[test]
fn a_peer_that_goes_on_sending_to_a_dropped_stream_disturbs_nobody() {
    on_ring(|| async {
        let mut senders = Vec::new();
        for seed in 0..100 {
            let (mut stream, mut other) = pair().await;
            arm(&mut stream).await;
            senders.push(spawn_local(async move {
                let bytes = vec![1; 100_000];
                while other.write_all(&bytes).await.is_ok() {}
            }));
            turn().await;
            drop(stream);
            // Has the place of the one before.
            let (mut stream, mut other) = pair().await;
            let sent = pattern(seed, 1000);
            other.write_all(&sent).await.unwrap();
            drop(other);
            same(&all(&mut stream).await, &sent);
        }
        for sender in senders {
            soon(sender).await.unwrap();
        }
    });
}
