//! What recording costs: statements of pgbench's transaction, each carried to a stand-in target and
//! back, recorded in one of the ways or not at all. One line of JSON comes out; `cargo xtask bench
//! record` runs the ways in turns and compares them.
//!
//! Arguments: `none`, `batched` or `strict`; how many transactions; a directory, on the disk that is
//! to be measured.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a benchmark: it fails as a test does, and says what it measured"
)]

#[path = "../tests/start/mod.rs"]
mod start;

use std::{
    env, fs,
    future::Future,
    io::{Read, Write},
    os::unix::{fs::DirBuilderExt, net::UnixStream},
    path::Path,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
    time::{Duration, Instant},
};

use jiff::Timestamp;
use weir_command::{Access, ColumnUse, Command, Control, Object, Predicate, Statement, Verb};
use weir_policy::{
    Context as Circumstances, Permit, Policies, Request, Source, Subject, Target, Verdict,
};
use weir_record::{
    CommandText, Durability, End, Entry, Options, Outcome, Recorder, SessionId, SessionReader,
    SessionStart, SessionWriter, SigningKey, Status, store,
};

/// What a statement of pgbench is answered with: a row, its tag, and that the target is ready.
const ANSWER: [u8; 55] = *b"T\0\0\0\x21\0\x01abalance\0\0\0\x40\x01\0\x03\0\0\0\x17\0\x04\xff\xff\xff\xff\0\0D\0\0\0\x0e\0\x01\0\0\0\x04-421C\0\0\0\x0dS";

fn main() {
    let arguments: Vec<String> = env::args().filter(|one| one != "--bench").collect();
    let [_, way, transactions, dir] = arguments.as_slice() else {
        panic!("record none|batched|strict TRANSACTIONS DIR");
    };
    let durability = match way.as_str() {
        "none" => None,
        "batched" => Some(Durability::Batched),
        "strict" => Some(Durability::Strict),
        other => panic!("no way to record is called {other}"),
    };
    measure(durability, transactions.parse().unwrap(), Path::new(dir));
}

fn measure(durability: Option<Durability>, transactions: u64, dir: &Path) {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .unwrap();
    let recorder = durability.map(|durability| recorder(dir, durability));
    let start = start();
    let mut writer = recorder.as_ref().map(|one| one.create(&start).unwrap());
    let mut target = target();
    let (permit, mut random) = (permit(), Random(transactions | 1));
    let (mut times, mut recording) = (Vec::new(), Duration::ZERO);
    for _ in 0..transactions {
        for (text, statement) in transaction(&mut random) {
            let began = Instant::now();
            // The permit is judged either way.
            let permit = permit.clone();
            let recorded = writer
                .as_mut()
                .map(|writer| intent(writer, permit, &text, &statement));
            recording += began.elapsed();
            let answer = exchange(&mut target, &text);
            if let (Some(writer), Some(seq)) = (&mut writer, recorded) {
                let back = Instant::now();
                writer.response(seq, &answer).unwrap();
                writer.outcome(seq, &outcome(&statement)).unwrap();
                recording += back.elapsed();
            }
            times.push(began.elapsed());
        }
    }
    if let Some(writer) = writer {
        writer.end(&End::Closed).unwrap();
    }
    drop(recorder);
    times.sort_unstable();
    let path = store::path_of(dir, start.id);
    let bytes = fs::metadata(&path).map_or(0, |meta| meta.len()) as f64;
    let content = content(&path) as f64;
    // An intent, a response and an outcome.
    let events = times.len() as f64 * 3.0;
    let a_second = |what: f64| match recording.as_secs_f64() {
        seconds if durability.is_some() => what / seconds,
        _ => 0.0,
    };
    println!(
        r#"{{"micros":{:.3},"events":{:.0},"megabytes":{:.3},"written":{:.3},"bytes":{:.0}}}"#,
        times[times.len() / 2].as_secs_f64() * 1e6,
        a_second(events),
        a_second(content) / 1e6,
        a_second(bytes) / 1e6,
        bytes * 1000.0 / transactions as f64,
    );
}

/// How many bytes were put on record, before they were packed.
fn content(path: &Path) -> usize {
    let entries = SessionReader::open(path).into_iter().flatten();
    let lengths = entries.map(|entry| match entry.unwrap() {
        Entry::Event(event) => serde_json::to_vec(&event).unwrap().len(),
        Entry::Response { bytes, .. } | Entry::Request { bytes, .. } => bytes.len(),
    });
    lengths.sum()
}

fn intent(
    writer: &mut SessionWriter,
    permit: Permit,
    text: &str,
    statement: &Statement,
) -> weir_record::Seq {
    let command = CommandText {
        text,
        parameters: &[],
        signals: &[],
        statements: std::slice::from_ref(statement).into(),
    };
    let recorded = writer.intent(permit, command).unwrap();
    block_on(recorded.commit()).unwrap();
    recorded.seq()
}

/// What stands in for a target: it reads a statement and answers.
fn target() -> UnixStream {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    thread::spawn(move || {
        let mut buffer = [0; 1024];
        while let Ok(1..) = theirs.read(&mut buffer) {
            theirs.write_all(&ANSWER).unwrap();
        }
    });
    ours
}

fn exchange(target: &mut UnixStream, text: &str) -> [u8; 55] {
    let mut answer = [0; 55];
    target.write_all(text.as_bytes()).unwrap();
    target.read_exact(&mut answer).unwrap();
    answer
}

struct Random(u64);

impl Random {
    fn next(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }
}

/// The statements of pgbench's built-in transaction ("TPC-B (sort of)").
fn transaction(random: &mut Random) -> [(String, Statement); 7] {
    let [account, branch, teller] = [100_000, 10, 100].map(|most| random.next(most) + 1);
    let delta = i64::try_from(random.next(10_000)).unwrap() - 5_000;
    let update = |table: &str, column: &str, key: &str, value: u64| {
        let text = format!(
            "UPDATE pgbench_{table} SET {column} = {column} + {delta} WHERE {key} = {value};"
        );
        (text, command(Verb::Update, Some((table, Access::Write))))
    };
    [
        ("BEGIN;".to_owned(), command(Verb::Transaction, None)),
        update("accounts", "abalance", "aid", account),
        (
            format!("SELECT abalance FROM pgbench_accounts WHERE aid = {account};"),
            command(Verb::Select, Some(("accounts", Access::Read))),
        ),
        update("tellers", "tbalance", "tid", teller),
        update("branches", "bbalance", "bid", branch),
        (
            format!(
                "INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) VALUES ({teller}, \
                 {branch}, {account}, {delta}, CURRENT_TIMESTAMP);"
            ),
            command(Verb::Insert, Some(("history", Access::Write))),
        ),
        ("END;".to_owned(), command(Verb::Transaction, None)),
    ]
}

fn command(verb: Verb, table: Option<(&str, Access)>) -> Statement {
    let object = |(table, access)| Object {
        database: None,
        schema: None,
        name: format!("pgbench_{table}"),
        access,
    };
    Statement::Command(Box::new(Command {
        verb,
        objects: table.map(object).into_iter().collect(),
        columns: ColumnUse::default(),
        predicate: Predicate::NotApplicable,
        effects: [].into(),
        functions: [].into(),
        operators: [].into(),
        row_limit: weir_command::RowLimit::Unknown,
        gathers: false,
        control: Control::None,
    }))
}

fn outcome(statement: &Statement) -> Outcome {
    let tag = match statement {
        Statement::Command(command) => format!("{} 1", command.verb.as_str().to_uppercase()),
        Statement::Opaque(_) => String::new(),
    };
    Outcome {
        status: Status::Completed { tag },
        rows: 1,
        bytes: 55,
        masked: 0,
        masked_columns: Vec::new(),
        detected: Vec::new(),
        sent: None,
        micros: 120,
    }
}

fn recorder(dir: &Path, durability: Durability) -> Recorder {
    Recorder::open(Options {
        dir: dir.to_owned(),
        key: SigningKey::open(dir).unwrap(),
        durability,
        recipients: Vec::new(),
        reserve: 16 << 20,
        keep: None,
        max_size: None,
    })
    .unwrap()
}

fn start() -> SessionStart {
    let now = Timestamp::now();
    SessionStart {
        id: SessionId::new(now, std::process::id()),
        started: now,
        target: Some("bench".to_owned()),
        protocol: Some("postgres".to_owned()),
        ..start::of(1)
    }
}

fn permit() -> Permit {
    let source = Source {
        name: "all.cedar".to_owned(),
        text:
            "@id(\"orders-read-write\") @message(\"orders\") permit(principal, action, resource);"
                .to_owned(),
    };
    let subject = Subject {
        id: "workload:bench".to_owned(),
        groups: Vec::new(),
        on_behalf_of: None,
    };
    let [name, protocol, database] = ["bench", "postgres", "bench"].map(str::to_owned);
    let request = Request {
        subject: &subject,
        target: &Target {
            name,
            protocol,
            database,
        },
        statement: &command(Verb::Select, Some(("accounts", Access::Read))),
        names: None,
        context: &Circumstances::default(),
    };
    match Policies::load(&[source]).unwrap().judge(&request) {
        Verdict::Allow(permit) => permit,
        other => panic!("not allowed: {other:?}"),
    }
}

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
