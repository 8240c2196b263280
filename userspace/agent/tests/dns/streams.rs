//! Questions by TCP.

use hickory_proto::{op::Message, rr::RecordType};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use crate::{
    server::{Server, a, empty},
    stand::{Stand, asker, query, stand},
};

/// A connection of the workload's.
async fn connect(stand: &Stand) -> TcpStream {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let resolver = stand.resolver.clone();
    tokio::spawn(async move {
        let (io, _) = listener.accept().await.unwrap();
        resolver.serve_tcp(io, asker()).await;
    });
    TcpStream::connect(address).await.unwrap()
}

fn framed(name: &str, id: u16) -> Vec<u8> {
    let mut message = query(name, RecordType::A);
    message[..2].copy_from_slice(&id.to_be_bytes());
    let mut framed = u16::try_from(message.len()).unwrap().to_be_bytes().to_vec();
    framed.extend(message);
    framed
}

async fn read(stream: &mut TcpStream) -> Message {
    let length = stream.read_u16().await.unwrap();
    let mut message = vec![0; usize::from(length)];
    stream.read_exact(&mut message).await.unwrap();
    Message::from_vec(&message).unwrap()
}

#[tokio::test]
async fn questions_come_together_in_pieces_and_are_all_answered_after_the_client_is_done() {
    let server = Server::honest().await;
    let stand = stand(&[server.address]);
    let mut stream = connect(&stand).await;
    let all: Vec<u8> = (0..40)
        .flat_map(|id| {
            framed(
                if id % 2 == 0 {
                    "db.internal"
                } else {
                    "evil.example"
                },
                id,
            )
        })
        .collect();
    for piece in all.chunks(7) {
        stream.write_all(piece).await.unwrap();
    }
    stream.shutdown().await.unwrap();
    let mut ids = Vec::new();
    for _ in 0..40 {
        let answer = read(&mut stream).await;
        assert_eq!(answer.answers.len(), usize::from(answer.id % 2 == 0));
        ids.push(answer.id);
    }
    ids.sort_unstable();
    assert_eq!(ids, (0..40).collect::<Vec<u16>>());
    assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
}

#[tokio::test]
async fn what_does_not_fit_a_datagram_fits_a_connection() {
    let server = Server::start(|question, _| {
        let mut answer = empty(question, hickory_proto::op::ResponseCode::NoError);
        let asked = &question.queries[0].name;
        answer.add_answers((0..100).map(|last| a(asked, last, 60)));
        vec![answer.to_vec().unwrap()]
    })
    .await;
    let stand = stand(&[server.address]);
    let cut = stand.ask("db.internal", RecordType::A).await;
    assert!(cut.metadata.truncation && cut.answers.is_empty(), "{cut}");
    let mut stream = connect(&stand).await;
    stream.write_all(&framed("db.internal", 1)).await.unwrap();
    assert_eq!(read(&mut stream).await.answers.len(), 100);
}

#[tokio::test]
async fn what_is_no_question_ends_the_connection() {
    let server = Server::honest().await;
    let stand = stand(&[server.address]);
    for junk in [&b"\x10\x01"[..], &b"\xff\xffGET / HTTP/1.1\r\n\r\n"[..]] {
        let mut stream = connect(&stand).await;
        stream.write_all(junk).await.unwrap();
        let mut rest = Vec::new();
        // Closed or reset, as the kernel has it.
        stream.read_to_end(&mut rest).await.ok();
        assert_eq!(rest, b"");
    }
    assert!(server.heard().is_empty());
}
