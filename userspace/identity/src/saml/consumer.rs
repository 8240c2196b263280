//! The assertion consumer service: where a person's browser brings the answer to.
//!
//! Job: listen on loopback for as long as somebody signs in, and take one form with a response.
//! Not its job: to believe it. Whoever can reach the port can post anything; what is no answer to
//! the request is refused by the daemon, which alone knows the request.

use std::{io, net::Ipv4Addr, time::Duration};

use openidconnect::url::{Url, form_urlencoded};
use secrecy::SecretString;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::timeout,
};

/// Longest form, in bytes: the longest response in base64, with every character escaped.
const LONGEST_FORM: usize = 1 << 20;
/// Longest head of a request, in bytes.
const LONGEST_HEAD: usize = 16 * 1024;
/// How long one connection may take: browsers open some that they don't use.
const PATIENCE: Duration = Duration::from_secs(10);

/// A listener for one sign-in.
#[derive(Debug)]
pub struct Consumer {
    listener: TcpListener,
    path: String,
}

/// Why nothing can be taken.
#[derive(Debug, thiserror::Error)]
pub enum ConsumerError {
    /// Not an address of this machine.
    #[error("{0} is no http address on 127.0.0.1 with a port")]
    Address(String),
    /// The port can't be had, or was lost.
    #[error("can't listen on port {port} for the browser: {source}; is another sign-in under way?")]
    Listen {
        /// Which.
        port: u16,
        /// The system's reason.
        source: io::Error,
    },
    /// Nobody came.
    #[error("nobody signed in within {} minutes", .0.as_secs() / 60)]
    TooLong(Duration),
}

impl Consumer {
    /// Listens where the provider sends people.
    ///
    /// # Errors
    /// When the port can't be had.
    pub async fn bind(consumer: &Url) -> Result<Self, ConsumerError> {
        let wrong = || ConsumerError::Address(consumer.to_string());
        let port = consumer.port().ok_or_else(wrong)?;
        if consumer.scheme() != "http" || consumer.host_str() != Some("127.0.0.1") {
            return Err(wrong());
        }
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
        let listener = listener.map_err(|source| ConsumerError::Listen { port, source })?;
        let path = consumer.path().to_owned();
        Ok(Self { listener, path })
    }

    /// The response that a browser posts, in base64. Whatever else comes is answered and passed
    /// over.
    ///
    /// # Errors
    /// When nobody comes within that time.
    pub async fn response(&self, within: Duration) -> Result<SecretString, ConsumerError> {
        let taken = timeout(within, async {
            loop {
                // One connection at a time; its patience bounds what a silent one can hold up.
                let Ok((stream, _)) = self.listener.accept().await else {
                    continue;
                };
                if let Ok(Ok(Some(response))) = timeout(PATIENCE, self.take(stream)).await {
                    return response;
                }
            }
        });
        taken.await.map_err(|_| ConsumerError::TooLong(within))
    }

    async fn take(&self, mut stream: TcpStream) -> io::Result<Option<SecretString>> {
        let response = match read(&mut stream).await? {
            Some((head, form)) => self.field(&head, &form),
            None => None,
        };
        let (status, text) = match response {
            Some(_) => (
                "200 OK",
                "Go back to your terminal; this page can be closed.",
            ),
            None => ("400 Bad Request", "This is only for signing in to weir."),
        };
        let length = text.len();
        let answer = format!(
            "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: \
             {length}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n{text}"
        );
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await?;
        Ok(response)
    }

    fn field(&self, head: &str, form: &[u8]) -> Option<SecretString> {
        let mut line = head.lines().next()?.split(' ');
        if line.next() != Some("POST") || line.next() != Some(self.path.as_str()) {
            return None;
        }
        let mut fields = form_urlencoded::parse(form).filter(|(key, _)| key == "SAMLResponse");
        match (fields.next(), fields.next()) {
            (Some((_, value)), None) => Some(value.into_owned().into()),
            _ => None,
        }
    }
}

/// The head and the body of a request; none where it is none, or too long.
async fn read(stream: &mut TcpStream) -> io::Result<Option<(String, Vec<u8>)>> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 8192];
    let (head, mut body) = loop {
        let read = stream.read(&mut chunk).await?;
        if read == 0 || bytes.len() > LONGEST_HEAD {
            return Ok(None);
        }
        bytes.extend(chunk.iter().take(read));
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let body = bytes.split_off(end + 4);
            let Ok(head) = String::from_utf8(bytes) else {
                return Ok(None);
            };
            break (head, body);
        }
    };
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_length = name.eq_ignore_ascii_case("content-length");
        is_length.then(|| value.trim().parse::<usize>().ok())?
    });
    let Some(length) = length.filter(|length| *length <= LONGEST_FORM) else {
        return Ok(None);
    };
    while body.len() < length {
        let read = stream.read(&mut chunk).await?;
        if read == 0 {
            return Ok(None);
        }
        body.extend(chunk.iter().take(read));
    }
    body.truncate(length);
    Ok(Some((head, body)))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    async fn consumer() -> (Consumer, u16) {
        let free = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let url = format!("http://127.0.0.1:{port}/acs").parse().unwrap();
        (Consumer::bind(&url).await.unwrap(), port)
    }

    async fn send(port: u16, request: String) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    fn post(path: &str, form: &str) -> String {
        let length = form.len();
        format!("POST {path} HTTP/1.1\r\ncontent-length: {length}\r\n\r\n{form}")
    }

    #[tokio::test]
    async fn one_form_with_one_response_is_taken_and_the_rest_is_passed_over() {
        let (consumer, port) = consumer().await;
        let others = [
            "GET /acs?SAMLResponse=x HTTP/1.1\r\n\r\n".to_owned(),
            post("/other", "SAMLResponse=x"),
            post("/acs", "SAMLResponse=x&SAMLResponse=y"),
            post("/acs", "RelayState=x"),
            format!("POST /acs HTTP/1.1\r\ncontent-length: {}\r\n\r\n", 1 << 30),
        ];
        let sent = tokio::spawn(async move {
            for other in others {
                assert!(send(port, other).await.starts_with("HTTP/1.1 400"));
            }
            let form = "RelayState=&SAMLResponse=a%2Bb%3D";
            assert!(
                send(port, post("/acs", form))
                    .await
                    .starts_with("HTTP/1.1 200")
            );
        });
        let response = consumer.response(Duration::from_secs(20)).await.unwrap();
        assert_eq!(response.expose_secret(), "a+b=");
        sent.await.unwrap();
    }

    #[tokio::test]
    async fn only_loopback_is_listened_on_and_a_taken_port_is_told() {
        for other in [
            "http://0.0.0.0:1/acs",
            "https://127.0.0.1:1/acs",
            "http://127.0.0.1/acs",
        ] {
            let refused = Consumer::bind(&other.parse().unwrap()).await;
            assert!(matches!(refused, Err(ConsumerError::Address(_))), "{other}");
        }
        let (_held, port) = consumer().await;
        let again = format!("http://127.0.0.1:{port}/acs").parse().unwrap();
        let refused = Consumer::bind(&again).await;
        assert!(matches!(refused, Err(ConsumerError::Listen { .. })));
    }
}
