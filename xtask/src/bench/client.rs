//! A client of PostgreSQL that costs as little as one can: it asks, and throws away what it gets.
//! PostgreSQL's documentation, 55.2 and 55.7.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};

const BUFFER: usize = 256 << 10;
/// ReadyForQuery, idle.
const READY: [u8; 6] = [b'Z', 0, 0, 0, 5, b'I'];

/// One connection.
pub(super) struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    /// Connects, as a user whom nobody asks for a password.
    pub(super) fn connect(to: SocketAddr, user: &str, database: &str) -> Result<Self> {
        let stream = TcpStream::connect(to).with_context(|| format!("cannot connect to {to}"))?;
        stream.set_nodelay(true)?;
        let mut body = 196_608_u32.to_be_bytes().to_vec();
        for word in ["user", user, "database", database, ""] {
            body.extend_from_slice(word.as_bytes());
            body.push(0);
        }
        let mut client = Self {
            stream,
            buffer: vec![0; 4096],
        };
        client.send(&[], &body)?;
        client.until_ready()?;
        Ok(client)
    }

    /// Asks by a simple query, or with the results in binary; says how many bytes came.
    pub(super) fn ask(&mut self, sql: &str, binary: bool) -> Result<u64> {
        self.begin(sql, binary)?;
        self.until_ready()
    }

    fn begin(&mut self, sql: &str, binary: bool) -> Result<()> {
        self.buffer.resize(BUFFER, 0);
        let mut text = sql.as_bytes().to_vec();
        text.push(0);
        if binary {
            let parse = [&[0], &text[..], &[0, 0]].concat();
            self.send(b"P", &parse)?;
            // No portal's and no statement's name, no parameters, all results in binary.
            self.send(b"B", &[0, 0, 0, 0, 0, 0, 0, 1, 0, 1])?;
            self.send(b"E", &[0, 0, 0, 0, 0])?;
            self.send(b"S", &[])?;
        } else {
            self.send(b"Q", &text)?;
        }
        Ok(())
    }

    /// Asks by a simple query, or with the results in binary, and gives back the whole answer.
    pub(super) fn answer(&mut self, sql: &str, binary: bool) -> Result<Vec<u8>> {
        self.begin(sql, binary)?;
        let mut answer = Vec::new();
        while !answer.ends_with(&READY) {
            let count = self.stream.read(&mut self.buffer)?;
            ensure!(count > 0, "the connection was closed: {}", said(&answer));
            answer.extend_from_slice(self.buffer.get(..count).unwrap_or_default());
        }
        Ok(answer)
    }

    fn send(&mut self, tag: &[u8], body: &[u8]) -> Result<()> {
        let length = u32::try_from(body.len() + 4)?.to_be_bytes();
        self.stream.write_all(&[tag, &length, body].concat())?;
        Ok(())
    }

    fn until_ready(&mut self) -> Result<u64> {
        let (mut bytes, mut last) = (0, Vec::new());
        loop {
            let count = self.stream.read(&mut self.buffer)?;
            ensure!(count > 0, "the connection was closed: {}", said(&last));
            let new = self.buffer.get(..count).unwrap_or_default();
            bytes += u64::try_from(count)?;
            let tail = new.len().saturating_sub(256);
            last.extend_from_slice(new.get(tail..).unwrap_or_default());
            last.drain(..last.len().saturating_sub(256));
            if last.ends_with(&READY) {
                return Ok(bytes);
            }
        }
    }
}

fn said(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace('\0', " ")
}

/// Asks once, and says how many megabytes a second came, and how many in all.
pub(super) fn stream(
    to: SocketAddr,
    user: &str,
    database: &str,
    sql: &str,
    binary: bool,
) -> Result<(f64, f64)> {
    let mut client = Client::connect(to, user, database)?;
    let began = Instant::now();
    let bytes = client.ask(sql, binary)?;
    ensure!(
        bytes > 1 << 20,
        "only {bytes} bytes came: {}",
        said(&client.buffer)
    );
    let megabytes = f64::from(u32::try_from(bytes >> 10)?) / 1024.0;
    Ok((megabytes / began.elapsed().as_secs_f64(), megabytes))
}
