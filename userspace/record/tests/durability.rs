//! What waits for the disk, for real: a recorder with its threads, and who awaits it.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "how a test fails, also in its helpers"
)]

mod start;

use std::{
    fs,
    future::Future,
    os::unix::fs::PermissionsExt,
    path::Path,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
};

use weir_command::{Opaque, OpaqueReason, Statement};
use weir_policy::{
    Context as Circumstances, Permit, Policies, Request, Source, Subject, Target, Verdict,
};
use weir_record::{
    CommandText, Durability, End, Options, Recorder, SigningKey,
    verify::{Which, verify},
};

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(done) => return done,
            Poll::Pending => thread::park(),
        }
    }
}

fn permit() -> Permit {
    let source = Source {
        name: "all.cedar".to_owned(),
        text: "@id(\"all\") @message(\"anything\") permit(principal, action, resource);".to_owned(),
    };
    let subject = Subject {
        id: "unix:a".to_owned(),
        groups: vec![],
        on_behalf_of: None,
    };
    let [name, protocol, database] = ["shop", "postgres", "shop"].map(str::to_owned);
    let request = Request {
        subject: &subject,
        target: &Target {
            name,
            protocol,
            database,
        },
        names: None,
        statement: &Statement::Opaque(Opaque {
            reason: OpaqueReason::Syntax,
            detail: "unreadable".to_owned(),
        }),
        context: &Circumstances::default(),
    };
    match Policies::load(&[source]).unwrap().judge(&request) {
        Verdict::Allow(permit) => permit,
        other => panic!("not allowed: {other:?}"),
    }
}

fn recorder(dir: &Path, durability: Durability) -> Recorder {
    Recorder::open(Options {
        dir: dir.to_owned(),
        key: SigningKey::open(dir).unwrap(),
        durability,
        recipients: vec![],
        reserve: 0,
        keep: None,
        max_size: None,
    })
    .unwrap()
}

#[test]
fn many_sessions_await_the_disk_and_all_get_there() {
    let permit = permit();
    for durability in [Durability::Batched, Durability::Strict] {
        let dir = tempfile::Builder::new()
            .permissions(fs::Permissions::from_mode(0o700))
            .tempdir()
            .unwrap();
        let recorder = recorder(dir.path(), durability);
        thread::scope(|scope| {
            for number in 0..16 {
                let (recorder, permit) = (&recorder, permit.clone());
                scope.spawn(move || {
                    let mut writer = recorder.create(&start::of(number)).unwrap();
                    for _ in 0..20 {
                        let command = CommandText {
                            text: "select 1",
                            parameters: &[],
                            signals: &[],
                            statements: (&[]).into(),
                        };
                        let recorded = writer.intent(permit.clone(), command).unwrap();
                        let commit = recorded.commit();
                        block_on(commit.clone()).unwrap();
                        assert!(commit.settled().unwrap());
                        block_on(writer.keeps_up()).unwrap();
                    }
                    writer.end(&End::Closed).unwrap();
                });
            }
        });
        drop(recorder);
        let all = Which::Began {
            since: None,
            until: None,
        };
        let keys = SigningKey::open(dir.path()).unwrap().public().into();
        let report = verify(dir.path(), &keys, &all).unwrap();
        assert!(
            report.is_sound() && report.sessions.len() == 16,
            "{report:?}"
        );
    }
}
