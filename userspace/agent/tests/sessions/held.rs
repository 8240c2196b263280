//! How much of the daemon's memory the prepared statements and portals of one session may hold.

use tokio_postgres::{Client, Statement, error::SqlState};

use crate::{drivers::with_client, stand};

/// A statement of a mebibyte, nearly: a session may hold 64.
fn select(number: usize) -> String {
    let filling = "x".repeat((1 << 20) - 1024);
    format!("SELECT '{number}{filling}'")
}

async fn prepares(client: &Client, number: usize) -> Result<Statement, tokio_postgres::Error> {
    client.prepare(&select(number)).await
}

#[test]
fn a_session_holds_so_many_bytes_of_statements_and_no_more() {
    let (_server, gate) = stand();
    with_client(&gate, |client| async move {
        // What is closed, or deallocated, makes room.
        let mut held = Vec::new();
        for number in 0..40 {
            held.push(prepares(&client, number).await.unwrap());
        }
        drop(held);
        for number in 0..40 {
            let text = format!("PREPARE p{number} AS {}", select(number));
            client.batch_execute(&text).await.unwrap();
        }
        client.batch_execute("DEALLOCATE ALL").await.unwrap();
        let mut held = Vec::new();
        let error = loop {
            match prepares(&client, held.len()).await {
                Ok(statement) => held.push(statement),
                Err(error) => break error,
            }
            assert!(held.len() < 100, "there is no end");
        };
        assert!(held.len() > 50, "only {}", held.len());
        let error = error.as_db_error().unwrap();
        assert_eq!(error.code(), &SqlState::PROGRAM_LIMIT_EXCEEDED);
        let message = error.message();
        assert!(
            message.contains("bytes of prepared statements and portals"),
            "{message}"
        );
    });
    assert_eq!(gate.ended(1).len(), 1);
}
