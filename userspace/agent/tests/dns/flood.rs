//! More than anybody needs: many names, many questions at a time.

use std::{net::SocketAddr, sync::Arc};

use hickory_proto::{op::ResponseCode, rr::RecordType};
use tokio::task::JoinSet;

use crate::{
    server::Server,
    stand::{COMPANY, Stand, asker, query, stand, stand_and, verdict},
};

async fn ask_many(stand: &Stand, names: std::ops::Range<u32>) -> usize {
    let mut found = 0;
    for number in names {
        let name = format!("h{number}.corp.example");
        let answer = stand.ask(&name, RecordType::A).await;
        found += usize::from(answer.metadata.response_code == ResponseCode::NoError);
    }
    found
}

#[tokio::test]
async fn many_names_in_a_minute_are_refused_and_declared_ones_are_not() {
    let server = Server::honest().await;
    let stand = stand_and(&[server.address], &[COMPANY]);
    assert_eq!(ask_many(&stand, 0..70).await, 60);
    assert_eq!(server.heard().len(), 60);
    let (intent, _) = stand.questions().pop().unwrap();
    assert_eq!(verdict(&intent), "no-name-floods");
    // The same names again are no new ones, and what is declared is not counted against anybody.
    assert_eq!(ask_many(&stand, 0..60).await, 60);
    let declared = stand.ask("db.internal", RecordType::A).await;
    assert_eq!(declared.answers.len(), 1);
}

#[tokio::test]
async fn refused_names_use_nothing_up() {
    let server = Server::honest().await;
    let stand = stand_and(&[server.address], &[COMPANY]);
    for number in 0..100 {
        stand
            .ask(&format!("h{number}.evil.example"), RecordType::A)
            .await;
    }
    assert_eq!(ask_many(&stand, 0..60).await, 60);
}

#[tokio::test]
async fn a_workload_has_so_many_questions_under_way_and_more_are_dropped() {
    let silent = Server::silent().await;
    let stand = stand(&[silent.address]);
    let mut under_way = JoinSet::new();
    for _ in 0..128 {
        let resolver = Arc::clone(&stand.resolver);
        let turn = resolver.turn(&asker().workload).unwrap();
        under_way.spawn(async move {
            let query = query("db.internal", RecordType::A);
            resolver.answer(turn, &asker(), &query).await
        });
    }
    while silent.heard().len() < 128 {
        tokio::task::yield_now().await;
    }
    let query = query("db.internal", RecordType::A);
    assert!(stand.resolver.turn(&asker().workload).is_none());
    while let Some(answer) = under_way.join_next().await {
        assert!(answer.unwrap().is_some());
    }
    assert!(stand.answer(&asker(), &query).await.is_some());
    assert_eq!(stand.questions().len(), 129);
}

#[tokio::test]
async fn without_any_resolver_nothing_is_found() {
    let none: [SocketAddr; 0] = [];
    let answer = stand(&none).ask("db.internal", RecordType::A).await;
    assert_eq!(answer.metadata.response_code, ResponseCode::ServFail);
}
