use tokio::io::split;

use super::*;

#[test]
fn bytes_go_both_ways_in_order() {
    on_ring(|| async {
        let (mut stream, mut other) = pair().await;
        other.write_all(b"hello").await.unwrap();
        assert_eq!(read(&mut stream, 5).await, b"hello");
        stream.write_all(b"one").await.unwrap();
        stream.write_all(b"two").await.unwrap();
        assert_eq!(read(&mut other, 6).await, b"onetwo");
        soon(stream.shutdown()).await.unwrap();
        assert!(all(&mut other).await.is_empty());
        other.write_all(b"end").await.unwrap();
        drop(other);
        assert_eq!(all(&mut stream).await, b"end");
    });
}

#[test]
fn any_size_goes_there_and_back() {
    const K: usize = 1 << 10;
    on_ring(|| async {
        let (mut stream, other) = pair().await;
        let echoing = echo(other);
        let sizes = [1, 2, 16 * K - 1, 16 * K, 16 * K + 1, 64 * K - 1, 64 * K];
        let more = [64 * K + 1, 128 * K, 1 << 20, 5 << 20];
        for (seed, size) in (0..).zip(sizes.into_iter().chain(more)) {
            let sent = pattern(seed, size);
            let (mut from, mut to) = split(&mut stream);
            let send = async {
                to.write_all(&sent).await.unwrap();
                to.flush().await.unwrap();
            };
            let (back, ()) = soon(async { tokio::join!(read(&mut from, size), send) }).await;
            same(&back, &sent);
        }
        drop(stream);
        joined(echoing).await;
    });
}

/// One end of a connection: sends and reads in pieces of any size, flushes and pauses at times.
async fn play<S: AsyncRead + AsyncWrite>(stream: S, seed: u64, sends: Vec<u8>, gets: Vec<u8>) {
    let (mut from, mut to) = split(stream);
    let send = async {
        let mut random = Random::new(seed);
        let mut rest = &sends[..];
        while !rest.is_empty() {
            let most = [2, 200, 16 << 10, 16 << 10, 80 << 10, 300 << 10][random.below(6)];
            let count = match random.below(8) {
                0 => 16 << 10,
                1 => (16 << 10) - 1,
                _ => 1 + random.below(most),
            };
            let (now, then) = rest.split_at(count.min(rest.len()));
            to.write_all(now).await.unwrap();
            rest = then;
            match random.below(6) {
                0 => to.flush().await.unwrap(),
                1 => yield_now().await,
                _ => {}
            }
        }
        to.shutdown().await.unwrap();
    };
    let get = async {
        let mut random = Random::new(seed + 7);
        let (mut got, mut piece) = (Vec::new(), vec![0; 100 << 10]);
        loop {
            let most = [1, 30, 4000, 100 << 10][random.below(4)];
            let count = from.read(&mut piece[..1 + random.below(most)]).await;
            match count.unwrap() {
                0 => break,
                count => got.extend_from_slice(&piece[..count]),
            }
            if random.below(10) == 0 {
                yield_now().await;
            }
        }
        same(&got, &gets);
    };
    soon(async { tokio::join!(send, get) }).await;
}

/// Both ends play; the other one is on this thread or on another.
async fn both_play(seed: u64, here: bool, wide: bool) {
    let (stream, other) = if wide { pair().await } else { narrow().await };
    let size = if wide { 2 << 20 } else { 200 << 10 };
    let (there, back) = (pattern(seed, size), pattern(seed + 500, size));
    let others = (seed + 300, back.clone(), there.clone());
    let own = play(stream, seed, there, back);
    if here {
        tokio::join!(own, play(other, others.0, others.1, others.2));
        return;
    }
    let other = other.into_std().unwrap();
    let thread = thread::spawn(move || {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let other = TcpStream::from_std(other).unwrap();
            play(other, others.0, others.1, others.2).await;
        });
    });
    own.await;
    joined(thread).await;
}

#[test]
fn random_pieces_keep_their_order() {
    on_ring(|| async {
        for seed in 0..16 {
            both_play(seed, seed % 2 == 0, true).await;
        }
    });
}

#[test]
fn random_pieces_keep_their_order_where_the_kernel_holds_little() {
    on_ring(|| async {
        for seed in 20..36 {
            both_play(seed, seed % 2 == 0, false).await;
        }
    });
}

#[test]
fn random_pieces_of_many_at_once_keep_their_order() {
    on_ring(|| async {
        let games: Vec<_> = (40..56)
            .map(|seed| spawn_local(both_play(seed, seed % 3 != 0, seed % 4 != 0)))
            .collect();
        for game in games {
            game.await.unwrap();
        }
    });
}

#[test]
fn who_reads_in_tiny_pieces_gets_everything() {
    on_ring(|| async {
        let (mut stream, mut other) = narrow().await;
        let sent = pattern(1, 400 << 10);
        let send = async {
            stream.write_all(&sent).await.unwrap();
            stream.flush().await.unwrap();
        };
        let get = async {
            let mut got = read(&mut other, 1).await;
            while got.len() < sent.len() {
                let most = if got.len() < 3000 { 1 } else { 997 };
                let mut piece = vec![0; most];
                let count = other.read(&mut piece).await.unwrap();
                got.extend_from_slice(&piece[..count]);
                yield_now().await;
            }
            same(&got, &sent);
        };
        soon(async { tokio::join!(send, get) }).await;
    });
}

#[test]
fn who_is_read_in_tiny_pieces_is_read_in_full() {
    on_ring(|| async {
        let (mut stream, mut other) = pair().await;
        let sent = pattern(2, 600 << 10);
        let send = async {
            other.write_all(&sent).await.unwrap();
            other.shutdown().await.unwrap();
        };
        let get = async {
            let (mut got, mut piece) = (Vec::new(), [0; 3]);
            while let count @ 1.. = stream.read(&mut piece).await.unwrap() {
                got.extend_from_slice(&piece[..count]);
            }
            same(&got, &sent);
        };
        soon(async { tokio::join!(send, get) }).await;
    });
}

#[test]
fn large_and_small_writes_do_not_overtake_each_other_while_stuck() {
    on_ring(|| async {
        let (mut stream, mut other) = narrow().await;
        let sent = pattern(3, 1 << 20);
        let expected = sent.clone();
        let sending = spawn_local(async move {
            let mut rest = &sent[..];
            // All around the size from which on bytes aren't copied, and the room for those that are.
            for size in [
                5,
                16 << 10,
                1,
                (16 << 10) - 1,
                90 << 10,
                3,
                64 << 10,
                64 << 10,
            ]
            .repeat(9)
            {
                let (now, then) = rest.split_at(size.min(rest.len()));
                stream.write_all(now).await.unwrap();
                rest = then;
            }
            assert!(rest.is_empty());
            stream.flush().await.unwrap();
        });
        tokio::time::sleep(QUIET).await;
        assert!(!sending.is_finished(), "the kernel took it all");
        let got = read(&mut other, expected.len()).await;
        same(&got, &expected);
        soon(sending).await.unwrap();
    });
}

#[test]
fn a_flush_ends_when_the_kernel_has_everything_and_not_before() {
    on_ring(|| async {
        let (mut stream, mut other) = narrow().await;
        let sent = pattern(4, 4 << 20);
        let filled = fill(&mut stream, &sent).await;
        assert!(filled < sent.len());
        assert!(timeout(QUIET, stream.flush()).await.is_err());
        let (got, flushed) = tokio::join!(read(&mut other, filled), soon(stream.flush()));
        flushed.unwrap();
        same(&got, &sent[..filled]);
    });
}

#[test]
fn writing_nothing_is_done_at_once_even_while_stuck() {
    on_ring(|| async {
        let (mut stream, _other) = narrow().await;
        assert_eq!(soon(stream.write(&[])).await.unwrap(), 0);
        fill(&mut stream, &pattern(5, 4 << 20)).await;
        assert_eq!(soon(stream.write(&[])).await.unwrap(), 0);
    });
}

#[test]
fn what_is_written_goes_without_a_flush() {
    on_ring(|| async {
        let (mut stream, mut other) = pair().await;
        for size in [1, 1000, 16 << 10, 60 << 10] {
            let sent = pattern(6, size);
            stream.write_all(&sent).await.unwrap();
            same(&read(&mut other, size).await, &sent);
        }
    });
}
