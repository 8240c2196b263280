use super::*;

/// Sends until nothing more goes.
async fn flood(other: &mut TcpStream, bytes: &[u8]) -> usize {
    fill(other, bytes).await
}

#[test]
fn a_flood_nobody_reads_is_bounded_and_arrives_once_read() {
    on_ring(|| async {
        for armed in [false, true] {
            let (mut stream, mut other) = narrow().await;
            if armed {
                arm(&mut stream).await;
            }
            let sent = pattern(1, 64 << 20);
            let pushed = flood(&mut other, &sent).await;
            assert!(pushed < 4 << 20, "{pushed} bytes are held");
            let send = async {
                other.write_all(&sent[pushed..8 << 20]).await.unwrap();
                drop(other);
            };
            let (got, ()) = tokio::join!(all(&mut stream), send);
            same(&got, &sent[..8 << 20]);
        }
    });
}

#[test]
fn a_flood_read_a_little_at_a_time_stays_bounded() {
    on_ring(|| async {
        let (mut stream, mut other) = narrow().await;
        arm(&mut stream).await;
        let sent = pattern(2, 32 << 20);
        let (mut pushed, mut got) = (0, Vec::new());
        for _ in 0..8 {
            pushed += flood(&mut other, &sent[pushed..]).await;
            assert!(
                pushed - got.len() < 4 << 20,
                "{pushed} against {}",
                got.len()
            );
            got.extend(read(&mut stream, 1 + got.len()).await);
            // Where nothing is left the kernel is asked again.
            if got.len() == pushed {
                arm(&mut stream).await;
            }
            if got.len() * 2 > pushed {
                break;
            }
        }
        same(&got, &sent[..got.len()]);
    });
}

#[test]
fn many_floods_nobody_reads_are_bounded_and_others_go_on() {
    on_ring(|| async {
        const MANY: usize = 100;
        let mut flooded = Vec::new();
        for seed in 0..MANY {
            let (mut stream, mut other) = narrow().await;
            arm(&mut stream).await;
            let sent = pattern(seed as u64, 1 << 20);
            let sending = spawn_local(async move {
                let mut pushed = 0;
                while pushed < sent.len() {
                    pushed += other.write(&sent[pushed..]).await.unwrap();
                }
                sent
            });
            flooded.push((stream, sending));
        }
        let (mut stream, other) = pair().await;
        let echoing = echo(other);
        for seed in 0..200 {
            let sent = pattern(seed, 3000);
            stream.write_all(&sent).await.unwrap();
            same(&read(&mut stream, 3000).await, &sent);
        }
        drop(stream);
        joined(echoing).await;
        for (mut stream, sending) in flooded {
            let got = read(&mut stream, 1 << 20).await;
            same(&got, &soon(sending).await.unwrap());
        }
    });
}

/// All the shared buffers are wanted all the time.
#[test]
fn an_echo_goes_on_while_others_read_floods() {
    on_ring(|| async {
        let mut floods = Vec::new();
        for _ in 0..40 {
            let (mut stream, other) = pair().await;
            let mut other = blocking(other);
            let sending = thread::spawn(move || {
                use std::io::Write;
                let bytes = [0; 64 << 10];
                while other.write_all(&bytes).is_ok() {}
            });
            let reading = spawn_local(async move {
                let mut bytes = vec![0; 64 << 10];
                loop {
                    assert_ne!(stream.read(&mut bytes).await.unwrap(), 0);
                }
            });
            floods.push((sending, reading));
        }
        let (mut stream, other) = pair().await;
        let echoing = echo(other);
        for seed in 0..50 {
            let sent = pattern(seed, 200);
            stream.write_all(&sent).await.unwrap();
            same(&read(&mut stream, 200).await, &sent);
        }
        drop(stream);
        joined(echoing).await;
        for (sending, reading) in floods {
            assert!(!reading.is_finished());
            reading.abort();
            assert!(reading.await.unwrap_err().is_cancelled());
            // Ends as its connection does.
            joined(sending).await;
        }
    });
}

#[test]
fn hundreds_flood_and_echo_at_once() {
    const MANY: usize = 300;
    const SIZE: usize = 300 << 10;
    on_ring(|| async {
        let (mut echoes, mut others) = (Vec::new(), Vec::new());
        for _ in 0..MANY {
            let (mut stream, other) = pair().await;
            others.push(other.into_std().unwrap());
            echoes.push(spawn_local(async move {
                let mut bytes = vec![0; 20_000];
                loop {
                    match stream.read(&mut bytes).await.unwrap() {
                        0 => break,
                        count => stream.write_all(&bytes[..count]).await.unwrap(),
                    }
                }
                stream.shutdown().await.unwrap();
            }));
        }
        let thread = thread::spawn(|| {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(LocalSet::new().run_until(async {
                let play = |(seed, other)| async move {
                    let (mut from, mut to) = TcpStream::from_std(other).unwrap().into_split();
                    let sent = pattern(seed, SIZE);
                    let send = async {
                        to.write_all(&sent).await.unwrap();
                        to.shutdown().await.unwrap();
                    };
                    let mut got = Vec::new();
                    let (read, ()) = tokio::join!(from.read_to_end(&mut got), send);
                    read.unwrap();
                    same(&got, &sent);
                };
                let all: Vec<_> = (0..).zip(others).map(play).map(spawn_local).collect();
                for one in all {
                    timeout(LONG * 3, one).await.expect("hangs").unwrap();
                }
            }));
        });
        for echo in echoes {
            timeout(LONG * 3, echo).await.expect("hangs").unwrap();
        }
        joined(thread).await;
    });
}
