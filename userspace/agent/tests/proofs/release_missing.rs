//! A connection that is dialled can't be used before its intent is on record.

use tokio::net::TcpStream;
use weir_agent::upstream::tcp::Held;
use weir_record::RecordError;

async fn takes(held: Held) -> Result<TcpStream, RecordError> {
    held.release().await
}

fn opens(held: Held) -> TcpStream {
    held.0
}

fn main() {}
