//! What was masked is on record column by column, so that whoever replays it can tell.

use tokio_postgres::{NoTls, SimpleQueryMessage};
use weir_record::{Entry, Event, MaskedColumns, SessionReader};

use crate::{common::Gate, stand};

fn masked(gate: &Gate) -> Vec<Vec<MaskedColumns>> {
    let id = gate.ended(1)[0].start.id;
    let record = weir_record::store::path_of(&gate.records, id);
    SessionReader::open(&record)
        .unwrap()
        .filter_map(|entry| match entry.unwrap() {
            Entry::Event(Event::Outcome { outcome, .. }) => Some(outcome.masked_columns),
            _ => None,
        })
        .collect()
}

fn told(statement: u32, columns: &[u16]) -> MaskedColumns {
    MaskedColumns {
        statement,
        columns: columns.to_vec(),
    }
}

#[test]
fn each_statement_of_a_command_tells_its_masked_columns() {
    let (_server, gate) = stand();
    let sql = "SELECT id FROM orders; SELECT id, email, name, card_number FROM people; \
               SELECT id FROM orders; SELECT email FROM people";
    let out = gate.psql(sql);
    assert_eq!(out.stderr_text(), "");
    assert_eq!(
        masked(&gate),
        [vec![told(1, &[1, 3]), told(3, &[0])]],
        "by the statements that were completed before"
    );
}

#[test]
fn a_prepared_statement_tells_them_too_and_an_honest_one_none() {
    let (_server, gate) = stand();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let at = format!(
            "host=127.0.0.1 port={} user=agent dbname=shop",
            gate.address.port()
        );
        let (client, connection) = tokio_postgres::connect(&at, NoTls).await.unwrap();
        let driven = tokio::spawn(connection);
        let sql = "SELECT id, email FROM people ORDER BY id LIMIT 3";
        assert_eq!(client.query(sql, &[]).await.unwrap().len(), 3);
        let plain = client.simple_query("SELECT id FROM people").await.unwrap();
        assert!(
            plain
                .iter()
                .any(|m| matches!(m, SimpleQueryMessage::Row(_)))
        );
        drop(client);
        driven.await.unwrap().unwrap();
    });
    let told_of: Vec<_> = masked(&gate).into_iter().flatten().collect();
    assert_eq!(told_of, [told(0, &[1])]);
}
