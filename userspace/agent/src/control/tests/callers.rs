//! Who may ask, and for what.

use std::{
    fs::{self, Permissions},
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    path::Path,
    process::{Command, Stdio},
};

use weir_identity::Person;

use super::{super::WhoAmI, Served, code_of};

#[tokio::test]
async fn who_shows_a_token_is_that_person_and_no_operator() {
    let served = Served::start();
    let root = served.client.whoami().await.unwrap();
    assert!(matches!(root, WhoAmI::Operator { .. }), "{root:?}");

    let alice = Person {
        id: "oidc:https://id.example#42".into(),
        name: None,
        aliases: Vec::new(),
        groups: vec!["dba-oncall".into()],
        expires: jiff::Timestamp::now() + jiff::SignedDuration::from_mins(5),
    };
    let people = &served.daemon.0.people;
    let signed = people.sign_in(alice, jiff::Timestamp::now()).unwrap();
    let client = served.client.clone().with_token(signed.token);
    let WhoAmI::Person { id, groups, .. } = client.whoami().await.unwrap() else {
        panic!("a token is a person");
    };
    assert_eq!(id, "oidc:https://id.example#42");
    assert_eq!(groups, ["dba-oncall"]);
    assert_eq!(code_of(client.status().await), "forbidden");

    let client = served.client.clone().with_token("forged".into());
    assert_eq!(code_of(client.whoami().await), "not_signed_in");
}

/// A plain request by another process, as `uid`: the status line and body of the answer.
fn ask_as(uid: u32, socket: &Path, path: &str) -> String {
    let script = "import socket,sys\n\
        s=socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])\n\
        s.sendall(f'GET {sys.argv[2]} HTTP/1.1\\r\\nhost: weir\\r\\nconnection: close\\r\\n\\r\\n'.encode())\n\
        sys.stdout.write(s.makefile('rb').read().decode())\n";
    let asked = Command::new("/usr/bin/python3")
        .args(["-c", script])
        .arg(socket)
        .arg(path)
        .uid(uid)
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    String::from_utf8(asked.stdout).unwrap()
}

fn open_to_all(path: &Path) {
    for path in [
        path,
        path.parent().unwrap(),
        path.parent().unwrap().parent().unwrap(),
    ] {
        fs::set_permissions(path, Permissions::from_mode(0o777)).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_user_is_refused_even_where_the_socket_s_mode_would_let_it_in() {
    assert!(
        nix::unistd::geteuid().is_root(),
        "this test needs root, to act as another user"
    );
    let served = Served::start();
    open_to_all(served.client.socket());
    for path in ["/v1/status", "/v1/sessions"] {
        let socket = served.client.socket().to_owned();
        let answer = tokio::task::spawn_blocking(move || ask_as(65534, &socket, path))
            .await
            .unwrap();
        assert!(answer.starts_with("HTTP/1.1 403 "), "{path}: {answer}");
        assert!(answer.contains(r#""code":"forbidden""#), "{answer}");
    }
}

#[tokio::test]
async fn a_process_of_a_governed_cgroup_is_refused_even_as_root() {
    let served = Served::start();
    let own = fs::read_to_string("/proc/self/cgroup").unwrap();
    let own = own
        .lines()
        .find_map(|line| line.strip_prefix("0::"))
        .unwrap();
    *served.daemon.0.governed.lock().unwrap() = vec![own.to_owned()];
    assert_eq!(code_of(served.client.status().await), "forbidden");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_api_does_not_have_is_a_json_error() {
    let served = Served::start();
    for (path, status, code) in [
        ("/v1/nothing", 404, "no_such_route"),
        ("/", 404, "no_such_route"),
        ("/v1/policy/reload", 405, "wrong_method"),
        ("/v1/sessions?limt=3", 400, "bad_query"),
        ("/v1/sessions?limit=-1", 400, "bad_query"),
    ] {
        let socket = served.client.socket().to_owned();
        let answer = tokio::task::spawn_blocking(move || ask_as(0, &socket, path))
            .await
            .unwrap();
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{path}: {answer}"
        );
        assert!(
            answer.contains(&format!(r#""code":"{code}""#)),
            "{path}: {answer}"
        );
    }
}
