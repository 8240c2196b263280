//! Questions while one engine follows another: none is lost where the listeners are handed over, none
//! goes past an engine that is down.

use std::time::Duration;

use tokio::time::{sleep, timeout};
use weir_intercept::{Interceptor, Options, Rules};

use super::{
    V4, V6,
    answer::{Asked, while_answering},
    refuse::{saw_nothing, witness},
};
use crate::{SOON, bed::Ground, child::Agent};

const RESTARTS: usize = 10;

#[tokio::test]
async fn a_restart_loses_no_question_and_mistakes_none() {
    let ground = Ground::new();
    let witness = witness(20).await;
    let seen = witness.local_addr().expect("an address").to_string();
    let mut weir = ground.start("engine").expect("an engine");
    weir.tag(&ground.workload.0, &Rules::default())
        .expect("a tag");
    let mut agent = Agent::new("dns-asking", &["8", V4, V6, &seen])
        .within(&ground.workload.0)
        .spawn();
    agent.wait_for("asking").await;
    let mut answered = 0;
    for _ in 0..RESTARTS {
        let ((), asked) = while_answering(&weir, sleep(Duration::from_millis(50))).await;
        assert!(asked.iter().all(|one| one.is_as_claimed()));
        answered += asked.len();
        let inherited = weir.listeners();
        drop(weir);
        let options = Options {
            inherited,
            ..ground.pins.options("engine")
        };
        weir = Interceptor::start(options).expect("the next engine");
    }
    let (report, asked) = while_answering(&weir, agent.report()).await;
    assert!(asked.iter().all(|one| one.is_as_claimed()));
    assert_eq!(report.get("wrong"), "0", "{report:?}");
    assert!(answered > 0);
    saw_nothing(&witness).await;
}

#[tokio::test]
async fn engines_that_come_and_go_let_no_question_past() {
    let ground = Ground::new();
    let witness = witness(21).await;
    let seen = witness.local_addr().expect("an address").to_string();
    let weir = ground.start("engine").expect("an engine");
    weir.tag(&ground.workload.0, &Rules::default())
        .expect("a tag");
    drop(weir);
    let mut agent = Agent::new("dns-shouting", &["4", &seen])
        .within(&ground.workload.0)
        .spawn();
    agent.wait_for("asking").await;
    for _ in 0..RESTARTS {
        let weir = ground.start("engine").expect("an engine");
        for _ in 0..10 {
            let datagram = timeout(SOON, weir.datagram()).await;
            let datagram = datagram.expect("nobody asks any more").expect("a question");
            assert!(Asked::from(datagram).is_as_claimed());
        }
    }
    let report = agent.report().await;
    assert_ne!(report.get("sent"), "0");
    saw_nothing(&witness).await;
}
