//! The place on loopback where a browser comes back to.

use std::io;

use openidconnect::url::Url;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use super::LoginError;

/// Longest request line that is read, in bytes.
const LONGEST: usize = 16 * 1024;
const PATH: &str = "/callback";

/// A listener on loopback, at a port of the system's choice (RFC 8252, section 7.3).
pub(super) struct Callback {
    listener: TcpListener,
    port: u16,
}

/// What a request brought.
enum Came {
    Code(String),
    Refused(String),
    /// Not what is waited for: anybody on this host can connect.
    Stray,
}

impl Callback {
    pub(super) async fn bind() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        Ok(Self { listener, port })
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}{PATH}", self.port)
    }

    /// The code that comes with this state. What comes otherwise is turned away and waited past.
    pub(super) async fn code(&self, state: &str, issuer: &str) -> Result<String, LoginError> {
        loop {
            let (mut stream, _) = self.listener.accept().await.map_err(LoginError::Listen)?;
            let Ok(line) = request_line(&mut stream).await else {
                continue;
            };
            let came = read(&line, state, issuer);
            let (status, word) = match &came {
                Came::Code(_) => ("200 OK", "You are signed in. This page can be closed."),
                Came::Refused(_) => ("200 OK", "Nobody was signed in. This page can be closed."),
                Came::Stray => ("404 Not Found", "Not found."),
            };
            answer(&mut stream, status, word).await.ok();
            match came {
                Came::Code(code) => return Ok(code),
                Came::Refused(why) => return Err(LoginError::Refused(why)),
                Came::Stray => {}
            }
        }
    }
}

/// The first line of a request; a client that sends none in time is dropped.
async fn request_line(stream: &mut TcpStream) -> io::Result<String> {
    let read = async {
        let mut bytes = Vec::new();
        let mut chunk = [0; 2048];
        while !bytes.contains(&b'\n') {
            let count = stream.read(&mut chunk).await?;
            if count == 0 || bytes.len() + count > LONGEST {
                return Err(io::ErrorKind::InvalidData.into());
            }
            bytes.extend_from_slice(chunk.get(..count).unwrap_or_default());
        }
        let line = bytes.split(|byte| *byte == b'\n').next();
        Ok(String::from_utf8_lossy(line.unwrap_or_default()).into_owned())
    };
    tokio::time::timeout(std::time::Duration::from_secs(5), read)
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

async fn answer(stream: &mut TcpStream, status: &str, word: &str) -> io::Result<()> {
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {}\r\n\
         cache-control: no-store\r\nconnection: close\r\n\r\n{word}",
        word.len()
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}

fn read(line: &str, state: &str, issuer: &str) -> Came {
    let mut words = line.split_whitespace();
    let (Some("GET"), Some(target)) = (words.next(), words.next()) else {
        return Came::Stray;
    };
    let Ok(url) = Url::parse("http://127.0.0.1").and_then(|base| base.join(target)) else {
        return Came::Stray;
    };
    let value = |name: &str| {
        let mut found = url.query_pairs().filter(|(key, _)| key == name);
        found.next().map(|(_, value)| value.into_owned())
    };
    if url.path() != PATH || value("state").as_deref() != Some(state) {
        return Came::Stray;
    }
    // Another provider's answer (RFC 9207).
    if value("iss").is_some_and(|named| named != issuer) {
        return Came::Stray;
    }
    if let Some(error) = value("error") {
        let why = value("error_description").unwrap_or_default();
        let told: String = format!("{error} {why}").trim().chars().take(256).collect();
        return Came::Refused(told.escape_debug().to_string());
    }
    value("code").map_or(Came::Stray, Came::Code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_answer_that_is_waited_for_is_taken() {
        let read = |target: &str| read(&format!("GET {target} HTTP/1.1"), "s3", "https://id");
        assert!(matches!(read("/callback?code=c&state=s3"), Came::Code(code) if code == "c"));
        assert!(matches!(
            read("/callback?code=c&state=s3&iss=https%3A%2F%2Fid"),
            Came::Code(_)
        ));
        assert!(matches!(
            read("/callback?error=access_denied&state=s3"),
            Came::Refused(_)
        ));
        for stray in [
            "/callback?code=c&state=other",
            "/callback?code=c",
            "/callback?state=s3",
            "/callback?code=c&state=s3&iss=https://other",
            "/callback?error=x&state=other",
            "/favicon.ico",
            "//evil.example/callback?code=c&state=other",
        ] {
            assert!(matches!(read(stray), Came::Stray), "{stray}");
        }
    }
}
