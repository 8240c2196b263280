//! Lines of the audit log.

use super::*;

#[test]
fn every_line_of_the_audit_log_has_what_its_class_demands() {
    let lines = [
        (
            r#"{"event":"started","instance":"daemon","policy":"00"}"#,
            600_203,
        ),
        (r#"{"event":"stopped","instance":"daemon"}"#, 600_204),
        (
            r#"{"event":"policy_loaded","from":"00","to":"11"}"#,
            300_403,
        ),
        (
            r#"{"event":"policy_rejected","reason":"a.cedar:1","kept":"00"}"#,
            300_403,
        ),
        (
            r#"{"event":"kernel_refused","hook":"connect4","reason":"raw socket","protocol":"icmp","destination":"192.0.2.1:0","process":"ping","pid":7,"lost":3}"#,
            400_105,
        ),
        (
            r#"{"event":"kernel_refused","hook":"create","reason":"family","protocol":"raw","destination":null,"process":"ping","pid":7,"lost":0}"#,
            400_105,
        ),
        (
            r#"{"event":"held","workload":"ci","protocol":"tcp","local":"127.0.0.1:9","remote":"192.0.2.1:80","process":null,"pid":7,"foreign":true,"outcome":"closed"}"#,
            400_103,
        ),
        (
            r#"{"event":"held","workload":"ci","protocol":"tcp","local":"127.0.0.1:9","remote":null,"process":"x","pid":7,"foreign":false,"outcome":"listening"}"#,
            400_107,
        ),
        (
            r#"{"event":"signed_in","subject":"alice@example.com","groups":["dba"]}"#,
            300_201,
        ),
        (
            r#"{"event":"signed_out","subject":"alice@example.com"}"#,
            300_202,
        ),
        (
            r#"{"event":"sign_in_failed","subject":"unix:alice","provider":"corp","reason":"expired"}"#,
            300_201,
        ),
        (
            r#"{"event":"identity_revoked","identity":"ci-bot","by":"unix:root"}"#,
            300_403,
        ),
        (
            r#"{"event":"identity_restored","identity":"ci-bot","by":"unix:root"}"#,
            300_403,
        ),
        (
            r#"{"event":"session_killed","session":"06gywnjy03zevfqf","by":"unix:root","reason":"it strays"}"#,
            400_103,
        ),
        (
            r#"{"event":"signal_raised","signal":{"name":"bulk-rows","figures":"rows: 12,400"},"subject":"workload:bot","workload":"ci","target":null}"#,
            200_401,
        ),
        (r#"{"event":"signal_raised"}"#, 200_401),
        (
            r#"{"event":"profiles_reset","signal":null,"of":"workload:bot","by":"unix:root","reset":2}"#,
            300_403,
        ),
        (
            r#"{"event":"approval","step":"asked","request":"r1","subject":"workload:bot","target":"orders","state":"pending","by":null}"#,
            300_401,
        ),
        (
            r#"{"event":"approval","step":"answered","request":"r1","subject":"workload:bot","target":"orders","state":"pending","by":"unix:alice"}"#,
            300_403,
        ),
        (
            r#"{"event":"access","request":{"id":"a1","requester":"unix:bob","subject":"unix:bob","actions":["select"],"state":{"state":"waiting"}}}"#,
            300_401,
        ),
        (
            r#"{"event":"access","request":{"id":"a1","requester":"unix:bob","subject":"unix:bob","actions":["select"],"state":{"state":"granted","by":"unix:alice"}}}"#,
            300_501,
        ),
        (
            r#"{"event":"access","request":{"id":"a1","requester":"unix:bob","subject":"unix:bob","actions":["select"],"state":{"state":"denied","by":"unix:alice"}}}"#,
            300_403,
        ),
        (
            r#"{"event":"access","request":{"id":"a1","requester":"unix:bob","subject":"unix:bob","actions":["select"],"state":{"state":"revoked","by":"unix:alice"}}}"#,
            300_502,
        ),
        (r#"{"event":"access","request":7}"#, 300_403),
        (
            r#"{"event":"sessions_pruned","sessions":3,"bytes":9,"by":"unix:root"}"#,
            300_404,
        ),
        (r#"{"event":"something_new","detail":{"a":1}}"#, 99),
    ];
    for (line, type_uid) in lines {
        let line = line.replacen('{', r#"{"at":"2026-11-21T10:00:00Z","#, 1);
        let mapped = audit(&host(), 512, line.as_bytes());
        check(&mapped);
        assert_eq!(mapped["type_uid"], type_uid, "{mapped:#}");
        assert_eq!(mapped["time"], 1_795_255_200_000_u64);
        assert_eq!(
            mapped,
            audit(&host(), 512, line.as_bytes()),
            "the same each time"
        );
        assert_ne!(
            mapped["metadata"]["uid"],
            audit(&host(), 513, line.as_bytes())["metadata"]["uid"]
        );
    }
}

#[test]
fn a_line_that_is_no_event_is_told_all_the_same() {
    for line in [
        &b"half a li"[..],
        b"{}",
        b"\xff\xfe",
        br#"{"at":"yesterday","event":"held"}"#,
    ] {
        let mapped = audit(&host(), 7, line);
        assert_eq!(mapped["type_uid"], 99);
        assert!(mapped["raw_data"].is_string());
        assert_eq!(mapped["unmapped"]["line_bytes"], line.len());
    }
}
