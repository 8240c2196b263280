//! The engine's side: every question answered, and remembered.

use std::{future::Future, io, net::SocketAddr};

use tokio::time::timeout;
use weir_intercept::{Datagram, Facts, Interceptor, attribute::Caller};

use crate::SOON;

/// One question as the engine saw it.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) orig_dst: SocketAddr,
    pub(crate) facts: Facts,
    pub(crate) caller: Option<Caller>,
    payload: Vec<u8>,
}

/// What begins a question of [`crate::agent`]'s scripts, after its id.
const SCRIPTED: &[u8] = b"??";

impl Asked {
    /// Whether the kernel says the same as the agent itself: `pid cookie destination`.
    pub(crate) fn is_as_claimed(&self) -> bool {
        let claim = String::from_utf8_lossy(&self.payload[4..]);
        let mut words = claim.split(' ');
        let pid = words.next().and_then(|word| word.parse().ok());
        let cookie = words.next().and_then(|word| word.parse().ok());
        let to: Option<SocketAddr> = words.next().and_then(|word| word.parse().ok());
        self.payload[2..].starts_with(SCRIPTED)
            && self.facts.pid.map(|pid| pid.get()) == pid
            && Some(self.facts.cookie.get()) == cookie
            && to.is_some_and(|to| {
                SocketAddr::new(to.ip().to_canonical(), to.port()) == self.orig_dst
            })
    }

    /// The name that a DNS message asks for (RFC 1035, section 4.1.2).
    pub(crate) fn name(&self) -> String {
        let (labels, _) = labels(&self.payload);
        labels.join(".")
    }
}

impl From<Datagram> for Asked {
    fn from(datagram: Datagram) -> Self {
        Self {
            orig_dst: datagram.orig_dst.get(),
            facts: datagram.facts,
            caller: datagram.caller,
            payload: datagram.payload,
        }
    }
}

/// Answers until `work` is done.
pub(crate) async fn while_answering<T>(
    weir: &Interceptor,
    work: impl Future<Output = T>,
) -> (T, Vec<Asked>) {
    let mut asked = Vec::new();
    let answer = async {
        loop {
            let datagram = weir.datagram().await.expect("a question");
            let reply = reply(&datagram);
            match datagram.reply(&reply).await {
                // Its socket sends elsewhere already: it is not to have this one.
                Err(error) if error.kind() == io::ErrorKind::NotConnected => {}
                sent => sent.expect("to answer"),
            }
            asked.push(Asked::from(datagram));
        }
    };
    let done = tokio::select! {
        done = timeout(SOON, work) => done.expect("the agent hangs"),
        () = answer => unreachable!("answering has no end"),
    };
    (done, asked)
}

/// Where a script asked; what a resolver says to a client that speaks DNS.
fn reply(datagram: &Datagram) -> Vec<u8> {
    let payload = &datagram.payload;
    let (id, rest) = payload.split_at(2);
    if rest.starts_with(SCRIPTED) {
        return [id, format!("weir {}", datagram.orig_dst).as_bytes()].concat();
    }
    let (_, end) = labels(payload);
    let question = &payload[12..end + 4];
    let address: &[u8] = match question {
        [.., 0, 1, 0, 1] => &[192, 0, 2, 77],
        [.., 0, 28, 0, 1] => &[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x77],
        _ => panic!("neither A nor AAAA: {question:?}"),
    };
    let length = u8::try_from(address.len()).expect("an address");
    let kind = &payload[end..end + 4];
    [
        id,
        &[0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0],
        question,
        // The name is the one at offset 12; it holds for a minute.
        &[0xc0, 12],
        kind,
        &[0, 0, 0, 60, 0, length],
        address,
    ]
    .concat()
}

/// The labels of the question's name, and where what follows it begins.
fn labels(message: &[u8]) -> (Vec<String>, usize) {
    let mut at = 12;
    let mut labels = Vec::new();
    while message[at] != 0 {
        let end = at + 1 + usize::from(message[at]);
        labels.push(String::from_utf8_lossy(&message[at + 1..end]).into_owned());
        at = end;
    }
    (labels, at + 1)
}
