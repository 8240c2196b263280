//! Clients that do a little of everything and hold each answer against what it must be.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::client::Client;

/// How long a client rests before it connects again.
const REST: Duration = Duration::from_millis(50);
/// After so many rounds a client connects anew, though nothing is wrong.
const ROUNDS: u32 = 50;
/// How many rows the longest answer has.
const MANY: u32 = 3000;
/// Most breaks that are told one by one.
const MOST_BREAKS: usize = 1_000_000;

/// What they came to.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Told {
    /// Connections that were opened.
    pub(super) opened: usize,
    /// Statements whose answer was right.
    pub(super) right: usize,
    /// And those whose was not.
    pub(super) wrong: usize,
    /// The first of them.
    pub(super) first_wrong: Option<String>,
    /// When connections broke or could not be opened, in seconds since 1970.
    pub(super) broken: Vec<f64>,
}

impl Told {
    pub(super) fn join(&mut self, other: Self) {
        self.opened += other.opened;
        self.right += other.right;
        self.wrong += other.wrong;
        self.first_wrong = self.first_wrong.take().or(other.first_wrong);
        self.broken.extend(other.broken);
    }
}

/// Where it goes, and whether values are masked there.
#[derive(Clone, Copy, Debug)]
pub(super) struct To<'a> {
    pub(super) addr: SocketAddr,
    pub(super) user: &'a str,
    pub(super) database: &'a str,
    pub(super) masked: bool,
}

/// So many clients for so long.
pub(super) fn run(to: To<'_>, clients: u32, long: Duration) -> Told {
    let all = Mutex::new(Told::default());
    let until = Instant::now() + long;
    thread::scope(|scope| {
        for number in 0..clients {
            let all = &all;
            scope.spawn(move || {
                let told = one(to, number, until);
                if let Ok(mut all) = all.lock() {
                    all.join(told);
                }
            });
        }
    });
    all.into_inner().unwrap_or_default()
}

fn one(to: To<'_>, number: u32, until: Instant) -> Told {
    let mut told = Told::default();
    while Instant::now() < until {
        if connection(to, number, until, &mut told).is_err() {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
            if told.broken.len() < MOST_BREAKS {
                told.broken.push(now.unwrap_or_default().as_secs_f64());
            }
            thread::sleep(REST);
        }
    }
    told
}

fn connection(to: To<'_>, number: u32, until: Instant, told: &mut Told) -> Result<()> {
    let mut client = Client::connect(to.addr, to.user, to.database)?;
    told.opened += 1;
    for round in 0..ROUNDS {
        if Instant::now() >= until {
            break;
        }
        let account = (number * 1000 + round * 17) % 100_000 + 1;
        for (sql, binary, expected) in asked(account, to.masked) {
            let answer = client.answer(&sql, binary)?;
            if contains(&answer, &expected) {
                told.right += 1;
                continue;
            }
            told.wrong += 1;
            let said = String::from_utf8_lossy(&answer).replace('\0', " ");
            let said: String = said.chars().take(300).collect();
            told.first_wrong.get_or_insert(format!("{sql}: {said}"));
        }
    }
    Ok(())
}

/// Statements, whether their results are asked for in binary, and the rows that must come.
fn asked(account: u32, masked: bool) -> [(String, bool, Vec<u8>); 5] {
    let text = account.to_string();
    let balance = (!masked).then_some(&b"0"[..]);
    [
        (
            format!("SELECT aid, abalance FROM pgbench_accounts WHERE aid = {account}"),
            false,
            data_row(&[Some(text.as_bytes()), balance]),
        ),
        (
            "SELECT 1, 'two', NULL".to_owned(),
            false,
            data_row(&[Some(b"1"), Some(b"two"), None]),
        ),
        (
            format!("SELECT aid, NULL FROM pgbench_accounts WHERE aid = {account}"),
            true,
            data_row(&[Some(&account.to_be_bytes()), None]),
        ),
        (
            "SELECT count(*) FROM generate_series(1, 2000)".to_owned(),
            false,
            data_row(&[Some(b"2000")]),
        ),
        // More than one read takes, and than one slot of the spool.
        (
            format!(
                "SELECT aid, 'row of many' FROM pgbench_accounts WHERE aid <= {MANY} ORDER BY aid"
            ),
            false,
            (1..=MANY)
                .flat_map(|aid| data_row(&[Some(aid.to_string().as_bytes()), Some(b"row of many")]))
                .collect(),
        ),
    ]
}

/// A DataRow, as it stands on the wire (PostgreSQL's documentation, 55.7).
fn data_row(columns: &[Option<&[u8]>]) -> Vec<u8> {
    let count = |length: usize| u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    let [_, _, a, b] = count(columns.len());
    let mut body = vec![a, b];
    for column in columns {
        match column {
            Some(value) => {
                body.extend(count(value.len()));
                body.extend_from_slice(value);
            }
            None => body.extend([0xff; 4]),
        }
    }
    [&b"D"[..], &count(body.len() + 4), &body].concat()
}

fn contains(answer: &[u8], expected: &[u8]) -> bool {
    answer.windows(expected.len()).any(|part| part == expected)
}
