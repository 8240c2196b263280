use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

use super::*;

#[tokio::test]
async fn what_is_read_is_written_before_more_is_read() {
    let (mut source, mut into) = duplex(1 << 20);
    let (mut out, mut sink) = duplex(1000);
    source.write_all(&[7; 200_000]).await.unwrap();
    let mut flow = Flow::new();
    let Ok(Step::Read(bytes)) = flow.step(&mut into, &mut sink).await else {
        panic!("nothing was read");
    };
    assert_eq!(bytes.len(), CHUNK);
    assert!(matches!(
        flow.step(&mut into, &mut sink).await,
        Ok(Step::Other)
    ));
    assert_eq!(flow.passed(), 1000);
    // The reader stalls: so does the flow, however much the writer has.
    let stalled = tokio::select! {
        biased;
        _ = flow.step(&mut into, &mut sink) => false,
        () = std::future::ready(()) => true,
    };
    assert!(stalled && flow.waiting.len() == CHUNK - 1000);
    let mut got = vec![0; 1000];
    out.read_exact(&mut got).await.unwrap();
    assert_eq!(got, [7; 1000]);
    // The step that was given up took nothing with it.
    flow.step(&mut into, &mut sink).await.unwrap();
    assert_eq!(flow.passed(), 2000);
}

#[tokio::test]
async fn an_end_comes_behind_everything_before_it() {
    let (mut source, mut into) = duplex(100);
    let (mut out, mut sink) = duplex(100);
    source.write_all(b"last words").await.unwrap();
    source.shutdown().await.unwrap();
    let mut flow = Flow::new();
    while !flow.is_over() {
        flow.step(&mut into, &mut sink).await.unwrap();
    }
    let mut got = Vec::new();
    out.read_to_end(&mut got).await.unwrap();
    assert_eq!((&got[..], flow.passed()), (&b"last words"[..], 10));
}

#[tokio::test]
async fn the_end_that_failed_is_known() {
    let (source, mut into) = duplex(100);
    let (out, mut sink) = duplex(100);
    drop(out);
    let mut flow = Flow::new();
    flow.waiting = 0..10;
    assert!(matches!(
        flow.step(&mut into, &mut sink).await,
        Err(Broken::Sink)
    ));
    drop(source);
}
