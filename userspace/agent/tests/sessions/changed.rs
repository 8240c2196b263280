//! What was allowed once, under other policies or for who the subject was then: each execution counts.

use std::{sync::Arc, time::Duration};

use weir_policy::Subject;

use crate::{
    common::subject,
    server,
    signals::{gate_of, policies, with_client},
};

const ALL: &str = r#"@id("all") permit (principal, action, resource);"#;

const ONLY_TESTERS: &str = r#"
@id("all") permit (principal, action, resource);
@id("testers") @message("only testers may read")
forbid (principal, action == Weir::Action::"select", resource)
unless { principal in Weir::Group::"testers" };
"#;

/// How often something is tried until what is new has reached the session.
const TRIES: usize = 100;

async fn moment() {
    tokio::time::sleep(Duration::from_millis(20)).await;
}

#[test]
fn what_was_bound_under_another_policy_is_judged_again_when_it_is_executed() {
    let server = server();
    let gate = gate_of(&server, ALL, "");
    let nobody = "@id(\"none\") @message(\"not any more\")\n\
                  forbid (principal, action == Weir::Action::\"select\", resource);";
    let in_force = gate.policies.clone();
    with_client(&gate, |mut client| async move {
        let transaction = client.transaction().await.unwrap();
        let select = transaction.prepare("SELECT 1").await.unwrap();
        let mut portals = Vec::new();
        for _ in 0..TRIES {
            portals.push(transaction.bind(&select, &[]).await.unwrap());
        }
        assert_eq!(
            transaction
                .query_portal(&portals[0], 0)
                .await
                .unwrap()
                .len(),
            1
        );
        in_force.send_replace(Arc::new(policies(&format!("{ALL}\n{nobody}"), "")));
        for portal in &portals[1..] {
            moment().await;
            if let Err(error) = transaction.query_portal(portal, 0).await {
                let told = error.as_db_error().unwrap().message();
                assert!(told.contains("not any more"), "{told}");
                return;
            }
        }
        panic!("portals go on");
    });
}

#[test]
fn what_was_allowed_to_a_member_is_not_allowed_once_it_is_none() {
    let server = server();
    let gate = gate_of(&server, ONLY_TESTERS, "");
    let known = gate.subject.clone();
    with_client(&gate, |client| async move {
        let select = client.prepare("SELECT 1").await.unwrap();
        assert_eq!(client.query(&select, &[]).await.unwrap().len(), 1);
        let groups = Vec::new();
        known.send_replace(Arc::new(Subject {
            groups,
            ..subject()
        }));
        for _ in 0..TRIES {
            moment().await;
            if let Err(error) = client.query(&select, &[]).await {
                let told = error.as_db_error().unwrap().message();
                assert!(told.contains("only testers may read"), "{told}");
                return;
            }
        }
        panic!("it goes on");
    });
}
