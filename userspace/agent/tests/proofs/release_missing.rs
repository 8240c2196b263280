//! A connection that is dialled can't be used before its intent is on record.

use tokio::net::TcpStream;
use weir_agent::upstream::tcp::Held;

fn takes(held: Held) -> TcpStream {
    held.release()
}

fn opens(held: Held) -> TcpStream {
    held.0
}

fn main() {}
