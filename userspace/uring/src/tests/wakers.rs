use std::{
    sync::{Arc, atomic::AtomicUsize},
    task::{Wake, Waker},
};

use tokio::io::{ReadBuf, split};

use super::*;

#[derive(Default)]
struct Count(AtomicUsize);

impl Count {
    fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn who_reads_and_who_writes_are_both_woken() {
    on_ring(|| async {
        let (stream, mut other) = narrow().await;
        let (mut from, mut to) = split(stream);
        let sent = pattern(1, 1 << 20);
        let expected = sent.clone();
        let writing = spawn_local(async move {
            to.write_all(&sent).await.unwrap();
            to.flush().await.unwrap();
            to
        });
        let reading = spawn_local(async move {
            let mut bytes = [0; 5];
            from.read_exact(&mut bytes).await.unwrap();
            (from, bytes)
        });
        tokio::time::sleep(QUIET).await;
        assert!(!writing.is_finished() && !reading.is_finished());
        // The reader, though the writer still waits.
        other.write_all(b"hello").await.unwrap();
        let (from, bytes) = soon(reading).await.unwrap();
        assert_eq!(&bytes, b"hello");
        assert!(!writing.is_finished());
        // The writer, though nobody reads.
        same(&read(&mut other, expected.len()).await, &expected);
        drop((from, soon(writing).await.unwrap()));
        assert!(all(&mut other).await.is_empty());
    });
}

#[test]
fn the_last_waker_of_a_reader_is_woken() {
    on_ring(|| async {
        for late in [false, true] {
            let (mut stream, mut other) = pair().await;
            let counts = [const { Arc::<Count>::new }; 3].map(|new| new(Count::default()));
            let mut byte = [0];
            let mut byte = ReadBuf::new(&mut byte);
            for count in &counts {
                let waker = Waker::from(Arc::clone(count));
                let read =
                    Pin::new(&mut stream).poll_read(&mut Context::from_waker(&waker), &mut byte);
                assert!(read.is_pending());
                if late {
                    turn().await;
                }
            }
            other.write_all(b"x").await.unwrap();
            until(|| counts[2].get() > 0).await;
            assert_eq!(counts.each_ref().map(|count| count.get()), [0, 0, 1]);
            assert_eq!(read(&mut stream, 1).await, b"x");
        }
    });
}

#[test]
fn the_last_waker_of_a_writer_is_woken() {
    on_ring(|| async {
        for large in [false, true] {
            for flush in [false, true] {
                let (mut stream, mut other) = narrow().await;
                let filled = fill(&mut stream, &pattern(2, 4 << 20)).await;
                let counts = [const { Arc::<Count>::new }; 3].map(|new| new(Count::default()));
                let bytes = vec![0; if large { 100_000 } else { 1 }];
                for count in &counts {
                    let waker = Waker::from(Arc::clone(count));
                    let mut cx = Context::from_waker(&waker);
                    let waits = if flush {
                        Pin::new(&mut stream).poll_flush(&mut cx).is_pending()
                    } else {
                        Pin::new(&mut stream)
                            .poll_write(&mut cx, &bytes)
                            .is_pending()
                    };
                    assert!(waits);
                }
                read(&mut other, filled).await;
                until(|| counts[2].get() > 0).await;
                assert_eq!(counts.each_ref().map(|count| count.get())[..2], [0, 0]);
                soon(stream.flush()).await.unwrap();
                let again = soon(stream.write_all(&bytes));
                let (written, got) = tokio::join!(again, read(&mut other, bytes.len()));
                written.unwrap();
                same(&got, &bytes);
            }
        }
    });
}

#[test]
fn a_read_that_is_given_up_loses_nothing() {
    on_ring(|| async {
        for seed in 0..4 {
            let (mut stream, mut other) = pair().await;
            let sent = pattern(seed, 1 << 20);
            let expected = sent.clone();
            let sending = spawn_local(async move {
                let mut random = Random::new(seed);
                let mut rest = &sent[..];
                while !rest.is_empty() {
                    let (now, then) = rest.split_at((1 + random.below(5000)).min(rest.len()));
                    other.write_all(now).await.unwrap();
                    rest = then;
                    for _ in 0..random.below(4) {
                        yield_now().await;
                    }
                }
            });
            let mut random = Random::new(seed + 100);
            let (mut got, mut given_up) = (Vec::new(), 0);
            loop {
                let mut piece = [0; 2000];
                let turns = random.below(3);
                tokio::select! {
                    biased;
                    count = stream.read(&mut piece) => match count.unwrap() {
                        0 => break,
                        count => got.extend_from_slice(&piece[..count]),
                    },
                    () = async { for _ in 0..turns { yield_now().await; } } => given_up += 1,
                }
            }
            assert_ne!(given_up, 0);
            same(&got, &expected);
            soon(sending).await.unwrap();
        }
    });
}

#[test]
fn a_write_that_is_given_up_sends_nothing_that_it_did_not_say() {
    on_ring(|| async {
        let (mut stream, mut other) = narrow().await;
        let sent = pattern(9, 1 << 20);
        let expected = sent.clone();
        let reading = spawn_local(async move {
            let mut got = Vec::new();
            let mut random = Random::new(9);
            loop {
                let mut piece = vec![0; 1 + random.below(20_000)];
                match other.read(&mut piece).await.unwrap() {
                    0 => break,
                    count => got.extend_from_slice(&piece[..count]),
                }
                for _ in 0..random.below(5) {
                    yield_now().await;
                }
            }
            same(&got, &expected);
        });
        let mut random = Random::new(10);
        let (mut at, mut given_up) = (0, 0);
        soon(async {
            while at < sent.len() {
                let most = sent.len().min(at + 1 + random.below(100_000));
                tokio::select! {
                    biased;
                    count = stream.write(&sent[at..most]) => at += count.unwrap(),
                    () = yield_now() => given_up += 1,
                }
            }
        })
        .await;
        assert_ne!(given_up, 0);
        soon(stream.shutdown()).await.unwrap();
        soon(reading).await.unwrap();
    });
}

#[test]
fn a_stream_may_go_from_task_to_task() {
    on_ring(|| async {
        let (mut stream, mut other) = pair().await;
        for number in 0..200_u8 {
            // Each has polled it before, or not.
            let task = spawn_local(async move {
                if number % 2 == 0 {
                    arm(&mut stream).await;
                }
                stream
            });
            stream = soon(task).await.unwrap();
            let task = spawn_local(async move {
                let byte = read(&mut stream, 1).await;
                (stream, byte)
            });
            turn().await;
            other.write_all(&[number]).await.unwrap();
            let (back, byte) = soon(task).await.unwrap();
            assert_eq!(byte, [number]);
            stream = back;
        }
    });
}
