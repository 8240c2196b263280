//! A server that answers whatever a test tells it to, by UDP and TCP on one port.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use hickory_proto::{
    op::{Message, MessageType, ResponseCode},
    rr::{Name, RData, Record, rdata::A},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, UdpSocket},
    task::JoinSet,
};

/// How a question came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    Udp,
    Tcp,
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    heard: Arc<Mutex<Vec<Vec<u8>>>>,
    _tasks: JoinSet<()>,
}

impl Server {
    /// Answers each question with these messages, in their order; none is silence.
    pub(crate) async fn start(
        script: impl Fn(&Message, By) -> Vec<Vec<u8>> + Send + Sync + 'static,
    ) -> Self {
        // A port that is free for both.
        let (udp, tcp) = loop {
            let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()).await {
                break (udp, tcp);
            }
        };
        let address = udp.local_addr().unwrap();
        let heard: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
        let script = Arc::new(script);
        let mut tasks = JoinSet::new();
        let (hear, answers) = (Arc::clone(&heard), Arc::clone(&script));
        tasks.spawn(async move {
            let mut buffer = [0; 4096];
            loop {
                let (length, from) = udp.recv_from(&mut buffer).await.unwrap();
                hear.lock().unwrap().push(buffer[..length].to_vec());
                let question = Message::from_vec(&buffer[..length]).unwrap();
                for answer in answers(&question, By::Udp) {
                    udp.send_to(&answer, from).await.unwrap();
                }
            }
        });
        let hear = Arc::clone(&heard);
        tasks.spawn(async move {
            loop {
                let (mut stream, _) = tcp.accept().await.unwrap();
                let length = stream.read_u16().await.unwrap();
                let mut question = vec![0; usize::from(length)];
                stream.read_exact(&mut question).await.unwrap();
                hear.lock().unwrap().push(question.clone());
                let question = Message::from_vec(&question).unwrap();
                for answer in script(&question, By::Tcp) {
                    let length = u16::try_from(answer.len()).unwrap();
                    let mut framed = length.to_be_bytes().to_vec();
                    framed.extend(answer);
                    stream.write_all(&framed).await.ok();
                }
            }
        });
        Self {
            address,
            heard,
            _tasks: tasks,
        }
    }

    /// Never answers.
    pub(crate) async fn silent() -> Self {
        Self::start(|_, _| Vec::new()).await
    }

    /// Answers every question with the address 192.0.2.1, for five minutes.
    pub(crate) async fn honest() -> Self {
        Self::start(|question, _| vec![good(question)]).await
    }

    /// The questions that came, as they came.
    pub(crate) fn heard(&self) -> Vec<Vec<u8>> {
        self.heard.lock().unwrap().clone()
    }
}

/// An answer without records.
pub(crate) fn empty(question: &Message, code: ResponseCode) -> Message {
    let mut answer = question.clone();
    answer.metadata.message_type = MessageType::Response;
    answer.metadata.recursion_available = true;
    answer.metadata.response_code = code;
    answer
}

/// 192.0.2.1 for five minutes.
pub(crate) fn good(question: &Message) -> Vec<u8> {
    let mut answer = empty(question, ResponseCode::NoError);
    answer.add_answer(a(&question.queries[0].name, 1, 300));
    answer.to_vec().unwrap()
}

pub(crate) fn a(owner: &Name, last: u8, ttl: u32) -> Record {
    Record::from_rdata(owner.clone(), ttl, RData::A(A::new(192, 0, 2, last)))
}
