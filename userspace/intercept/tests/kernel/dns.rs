//! Questions to resolvers: every way to ask one ends at the engine, with the right resolver and
//! caller, and its answer comes from where it was asked.

pub(crate) mod answer;
pub(crate) mod refuse;
mod restart;

use weir_intercept::attribute::Attribution;

use self::answer::{Asked, while_answering};
use crate::{
    bed::Bed,
    child::{NOBODY, Report},
};

/// Addresses of the documentation ranges (RFC 5737, RFC 3849): no host has them, and no packet to
/// them is sent.
const V4: &str = "192.0.2.53:53";
const OTHER: &str = "198.51.100.53:53";
const V6: &str = "[2001:db8::53]:53";
const MAPPED: &str = "[::ffff:192.0.2.53]:53";

impl Bed {
    /// Runs a script of calls on one socket while the engine answers.
    pub(crate) async fn script(&self, family: &str, steps: &[String]) -> (Report, Vec<Asked>) {
        let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
        let agent = self.agent("dns", &[&[family], steps.as_slice()].concat());
        while_answering(&self.weir, agent.report()).await
    }
}

/// Whatever the socket asked is what the engine was told, and who asked.
pub(crate) fn right(bed: &Bed, report: &Report, asked: &[Asked], expected: &[&str]) {
    let destinations: Vec<String> = asked.iter().map(|one| one.orig_dst.to_string()).collect();
    assert_eq!(destinations, expected);
    for one in asked {
        assert_eq!(one.facts.workload, bed.id);
        assert_eq!(one.facts.pid.map(|pid| pid.get()), Some(report.pid));
        assert_eq!(one.facts.uid.get(), NOBODY);
        assert_eq!(one.facts.cookie.to_string(), report.get("cookie"));
        assert!(one.is_as_claimed(), "{one:?}");
    }
}

#[tokio::test]
async fn a_message_reaches_the_engine_and_its_answer_seems_to_be_the_resolvers() {
    let bed = Bed::new();
    for (family, to, meant, from) in [
        ("4", V4, V4, V4),
        ("6", V6, V6, V6),
        ("6", MAPPED, V4, MAPPED),
        // An IPv6 socket is given an IPv4 address as it is.
        ("6", V4, V4, MAPPED),
        ("4", "0.0.0.0:53", "127.0.0.1:53", "127.0.0.1:53"),
        ("6", "[::]:53", "[::1]:53", "[::1]:53"),
        ("4", "127.0.0.53:53", "127.0.0.53:53", "127.0.0.53:53"),
    ] {
        let steps = [format!("sendto={to}"), "peek".into(), "recv".into()];
        let (report, asked) = bed.script(family, &steps).await;
        assert_eq!(report.get("1"), "OK", "{to}");
        assert_eq!(report.get("2"), format!("{from} weir {meant}"), "{to}");
        assert_eq!(report.get("3"), format!("{from} weir {meant}"), "{to}");
        let destinations: Vec<String> = asked.iter().map(|one| one.orig_dst.to_string()).collect();
        assert_eq!(destinations, [meant]);
        assert_eq!(asked[0].facts.cookie.to_string(), report.get("cookie"));
    }
}

#[tokio::test]
async fn a_connected_socket_sees_the_resolver_as_its_peer() {
    let bed = Bed::new();
    for (family, to, meant) in [("4", V4, V4), ("6", V6, V6), ("6", MAPPED, V4)] {
        let steps = [
            format!("connect={to}"),
            "peer".into(),
            format!("send={meant}"),
            "recv".into(),
            // The same resolver, named in a message of a connected socket.
            format!("sendto={meant}"),
            "recv".into(),
        ];
        let steps = if family == "6" && to == V6 {
            &steps[..4]
        } else {
            &steps
        };
        let (report, asked) = bed.script(family, steps).await;
        for ok in ["1", "3"] {
            assert_eq!(report.get(ok), "OK", "{to}");
        }
        assert_eq!(report.get("2"), to);
        assert_eq!(report.get("4"), format!("{to} weir {meant}"));
        right(&bed, &report, &asked, &vec![meant; asked.len()]);
        assert_eq!(asked.len(), steps.len() / 2 - 1, "{asked:?}");
    }
}

#[tokio::test]
async fn a_socket_bound_to_an_address_asks_too() {
    let bed = Bed::new();
    for (family, at, to) in [
        ("4", "127.0.0.1:0", V4),
        ("4", "127.44.0.1:0", V4),
        ("6", "[::1]:0", V6),
        ("6", "[::ffff:127.44.0.1]:0", MAPPED),
    ] {
        let steps = [format!("bind={at}"), format!("sendto={to}"), "recv".into()];
        let (report, asked) = bed.script(family, &steps).await;
        assert!(report.get("3").starts_with(to), "{at}: {report:?}");
        assert_eq!(asked.len(), 1);
    }
}

#[tokio::test]
async fn each_call_is_judged_anew() {
    let bed = Bed::new();
    let elsewhere = "192.0.2.53:443";
    let steps = [
        format!("connect={V4}"),
        format!("sendto={elsewhere}"),
        format!("connect={elsewhere}"),
        // Still connected to the resolver.
        format!("send={V4}"),
        "recv".into(),
        format!("connect={OTHER}"),
        "peer".into(),
        format!("send={OTHER}"),
        "recv".into(),
        format!("sendto={V4}"),
        "recv".into(),
        "disconnect".into(),
        format!("send={OTHER}"),
        format!("sendto={elsewhere}"),
        format!("sendto={OTHER}"),
        "recv".into(),
    ];
    let (report, asked) = bed.script("4", &steps).await;
    let said: Vec<&str> = (1..=steps.len())
        .map(|n| report.get(&n.to_string()))
        .collect();
    let from = |address: &str| format!("{address} weir {address}");
    assert_eq!(
        said,
        [
            "OK",
            "EPERM",
            "EPERM",
            "OK",
            &from(V4),
            "OK",
            OTHER,
            "OK",
            &from(OTHER),
            "OK",
            &from(V4),
            "OK",
            "EDESTADDRREQ",
            "EPERM",
            "OK",
            &from(OTHER),
        ]
    );
    right(&bed, &report, &asked, &[V4, OTHER, V4, OTHER]);
}

#[tokio::test]
async fn one_call_asks_several_resolvers_and_stops_at_what_is_none() {
    let bed = Bed::new();
    let batch = format!("batch={V4},{OTHER},127.0.0.53:53,192.0.2.53:443,{V4}");
    let steps = [batch, "recv".into(), "recv".into(), "recv".into()];
    let (report, asked) = bed.script("4", &steps).await;
    assert_eq!(report.get("1"), "3");
    right(&bed, &report, &asked, &[V4, OTHER, "127.0.0.53:53"]);
}

#[tokio::test]
async fn what_is_put_together_goes_where_it_was_begun() {
    let bed = Bed::new();
    let steps = [
        format!("more={V4}"),
        // The kernel takes this for more of the same, and does not look where it is to go.
        "sendto=192.0.2.53:443".to_owned(),
        "recv".to_owned(),
        "sendto=192.0.2.53:443".to_owned(),
    ];
    let (report, asked) = bed.script("4", &steps).await;
    assert_eq!((report.get("1"), report.get("2")), ("OK", "OK"));
    assert_eq!(report.get("3"), format!("{V4} weir {V4}"));
    assert_eq!(report.get("4"), "EPERM");
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].orig_dst.to_string(), V4);
}

#[tokio::test]
async fn sockets_that_share_a_port_are_told_apart() {
    let bed = Bed::new();
    let agent = bed.agent("dns-shared", &[V4]);
    let (report, asked) = while_answering(&bed.weir, agent.report()).await;
    let cookies: Vec<String> = asked
        .iter()
        .map(|one| one.facts.cookie.to_string())
        .collect();
    assert_eq!(cookies, [report.get("cookie-1"), report.get("cookie-2")]);
    assert!(asked.iter().all(Asked::is_as_claimed));
}

#[tokio::test]
async fn the_c_librarys_resolver_finds_a_name() {
    let bed = Bed::new();
    let agent = bed.agent("dns-resolve", &["db.weir.example"]);
    let (report, asked) = while_answering(&bed.weir, agent.report()).await;
    assert_eq!(report.get("addresses"), "192.0.2.77,2001:db8::77");
    assert!(asked.iter().all(|one| one.orig_dst.port() == 53));
    assert!(
        asked
            .iter()
            .all(|one| one.facts.pid.map(|pid| pid.get()) == Some(report.pid))
    );
    assert!(asked.iter().all(|one| one.name() == "db.weir.example"));
}

#[tokio::test]
async fn a_command_that_looks_a_name_up_finds_it() {
    let bed = Bed::new();
    let agent = bed.agent("dns-command", &["getent", "ahostsv4", "db.weir.example"]);
    let (report, asked) = while_answering(&bed.weir, agent.report()).await;
    assert!(
        report.get("printed").contains("192.0.2.77 STREAM"),
        "{report:?}"
    );
    assert!(
        asked.iter().all(|one| one.facts.comm == "getent"),
        "{asked:?}"
    );
    // The command itself is gone by now.
    for one in asked
        .iter()
        .filter(|_| Attribution::here() == Attribution::AtConnect)
    {
        let caller = one.caller.as_ref().expect("noted");
        assert_eq!(
            caller.arguments.list,
            ["getent", "ahostsv4", "db.weir.example"]
        );
    }
}

#[tokio::test]
async fn ten_thousand_questions_are_each_the_right_ones() {
    let bed = Bed::new();
    let agent = bed.agent("dns-storm", &["50", "200", V4, V6, OTHER, MAPPED]);
    let (report, asked) = while_answering(&bed.weir, agent.report()).await;
    assert_eq!(report.get("wrong"), "0", "{report:?}");
    assert_eq!(asked.len(), 10_000);
    assert!(asked.iter().all(Asked::is_as_claimed));
    assert_eq!(bed.weir.status().strays, 0);
}
