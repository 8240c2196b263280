//! Questions by TCP (RFC 7766): each behind its length, several at a time, answered as they are
//! ready.
//!
//! Limits of a connection: so many questions at a time, so long between them, and so long until an
//! answer is taken; while too many are under way, no more is read.

use std::{io, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::mpsc,
    task::JoinSet,
    time::timeout,
};

use super::{
    question::LONGEST,
    resolver::{Asker, Resolver},
};

/// Most questions of one connection that are under way.
const MOST_AT_ONCE: usize = 16;
/// How long a connection may be silent, or slow.
const PATIENCE: Duration = Duration::from_secs(10);

impl Resolver {
    /// Answers the questions of one connection until it ends or is silent for ten seconds.
    pub async fn serve_tcp(self: Arc<Self>, io: TcpStream, asker: Asker) {
        let workload = asker.workload.clone();
        if let Err(error) = serve(self, io, asker).await {
            tracing::debug!(%workload, %error, "a DNS connection broke off");
        }
    }
}

async fn serve(resolver: Arc<Resolver>, io: TcpStream, asker: Asker) -> io::Result<()> {
    let (reader, writer) = io.into_split();
    let (answers, ready) = mpsc::channel(MOST_AT_ONCE);
    let asker = Arc::new(asker);
    // Whoever ends first ends the other: without a reader there are no more answers, and without
    // a writer nobody takes them.
    let (read, written) = tokio::join!(
        questions(resolver, reader, asker, answers),
        write(writer, ready)
    );
    read.and(written)
}

/// Reads questions until there are no more, and has them answered.
async fn questions(
    resolver: Arc<Resolver>,
    mut reader: OwnedReadHalf,
    asker: Arc<Asker>,
    answers: mpsc::Sender<Vec<u8>>,
) -> io::Result<()> {
    let mut under_way = JoinSet::new();
    let end = loop {
        while under_way.try_join_next().is_some() {}
        if under_way.len() >= MOST_AT_ONCE {
            under_way.join_next().await;
        }
        let question = tokio::select! {
            question = read(&mut reader) => question,
            () = answers.closed() => break Ok(()),
        };
        let question = match question {
            Ok(Some(question)) => question,
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        };
        let (resolver, asker) = (Arc::clone(&resolver), Arc::clone(&asker));
        let answers = answers.clone();
        under_way.spawn(async move {
            if let Some(answer) = resolver.answer_stream(&asker, &question).await {
                // Nobody takes it any more: then nobody misses it.
                answers.send(answer).await.ok();
            }
        });
    };
    // A client may close its side at once and wait for the answers.
    while under_way.join_next().await.is_some() {}
    end
}

/// One question; `None` at the end, or after a long silence.
async fn read(reader: &mut OwnedReadHalf) -> io::Result<Option<Vec<u8>>> {
    let length = match timeout(PATIENCE, reader.read_u16()).await {
        Err(_) => return Ok(None),
        Ok(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Ok(length) => usize::from(length?),
    };
    if length > LONGEST {
        return Err(io::Error::other("a question longer than 4 KiB"));
    }
    let mut question = vec![0; length];
    timeout(PATIENCE, reader.read_exact(&mut question)).await??;
    Ok(Some(question))
}

async fn write(mut writer: OwnedWriteHalf, mut ready: mpsc::Receiver<Vec<u8>>) -> io::Result<()> {
    while let Some(answer) = ready.recv().await {
        let length = u16::try_from(answer.len()).map_err(io::Error::other)?;
        let mut framed = length.to_be_bytes().to_vec();
        framed.extend(answer);
        timeout(PATIENCE, writer.write_all(&framed)).await??;
    }
    writer.shutdown().await
}
