//! The way of one question: read, judged, on record, asked, remembered, answered.

mod asker;
mod heard;
mod judged;

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use hickory_proto::op::ResponseCode;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use weir_policy::{Mode, Policies};
use weir_record::{End, Outcome, RecordError, RecordedPermit, Recorder, SessionId, Status};

pub use self::asker::Asker;
use self::{
    heard::Heard,
    judged::{Judged, Refused},
};
use super::{
    accounts::{Accounts, Owed, Said, Speaker},
    answer::{self, Reason, Transport},
    counted::Counted,
    declared::Declared,
    found::{Found, code_name},
    given::{Given, GivenNames},
    local,
    question::{Malformed, Query},
    rate::Rate,
    upstream::Upstreams,
};
use crate::{
    config::{Config, HostName, Workload, WorkloadName},
    signals::Signals,
};

/// Most questions of one workload that are under way at a time.
const MOST_AT_ONCE: usize = 128;

/// What a resolver needs beside the configuration.
#[derive(Clone)]
pub struct ResolverOptions {
    /// Whom weir asks, in this order.
    pub upstreams: Vec<SocketAddr>,
    /// Records the questions.
    pub recorder: Recorder,
    /// The policies in force.
    pub policies: watch::Receiver<Arc<Policies>>,
    /// Counts the questions.
    pub signals: Arc<Signals>,
}

/// Answers the questions of all workloads.
#[derive(Debug)]
pub struct Resolver {
    workloads: HashMap<WorkloadName, Local>,
    policies: watch::Receiver<Arc<Policies>>,
    upstreams: Upstreams,
    accounts: Accounts,
    heard: Heard,
}

/// What is known of one workload; nobody else waits for it.
#[derive(Debug)]
struct Local {
    mode: Mode,
    declared: Declared,
    rate: Mutex<Rate>,
    counted: Counted,
    given: Mutex<Given>,
    turns: Arc<Semaphore>,
}

/// A place among the questions of a workload that are under way.
#[derive(Debug)]
pub struct Turn(
    #[expect(dead_code, reason = "held until the answer is there")] OwnedSemaphorePermit,
);

impl Resolver {
    /// A resolver for the workloads of a configuration.
    #[must_use]
    pub fn new(config: &Config, options: ResolverOptions) -> Self {
        let kept = config.dns.remember;
        let local = |workload: &Workload| Local {
            mode: workload.mode,
            declared: Declared::new(config, workload),
            rate: Mutex::default(),
            counted: Counted::new(Arc::clone(&options.signals)),
            given: Mutex::new(Given::new(kept)),
            turns: Arc::new(Semaphore::new(MOST_AT_ONCE)),
        };
        let workloads = config.workloads.iter();
        Self {
            workloads: workloads
                .map(|workload| (workload.name.clone(), local(workload)))
                .collect(),
            policies: options.policies,
            upstreams: Upstreams::new(options.upstreams, config.dns.timeout),
            accounts: Accounts::new(options.recorder),
            heard: Heard::default(),
        }
    }

    /// A place for a datagram of this workload; `None` where it has too many under way. To be had
    /// before anything else is done for the datagram: what is too much must cost little, or one
    /// workload would keep all others from being heard.
    #[must_use]
    pub fn turn(&self, workload: &WorkloadName) -> Option<Turn> {
        let turns = Arc::clone(&self.local(workload)?.turns);
        turns.try_acquire_owned().ok().map(Turn)
    }

    /// The answer to the datagram that holds `query`; `None` where there is to be none: to what is
    /// no query.
    pub async fn answer(&self, _turn: Turn, asker: &Asker, query: &[u8]) -> Option<Vec<u8>> {
        let local = self.local(&asker.workload)?;
        self.take(local, asker, query, Transport::Datagram).await
    }

    /// The same for a query that came by TCP, which waits for its turn.
    pub(super) async fn answer_stream(&self, asker: &Asker, query: &[u8]) -> Option<Vec<u8>> {
        let local = self.local(&asker.workload)?;
        let _turn = local.turns.acquire().await.ok()?;
        self.take(local, asker, query, Transport::Stream).await
    }

    /// The names that an address was given to a workload for.
    #[must_use]
    pub fn names(&self, workload: &WorkloadName, address: IpAddr) -> GivenNames {
        let local = self.workloads.get(workload);
        local
            .map(|local| lock(&local.given).names(address, Instant::now()))
            .unwrap_or_default()
    }

    /// The addresses that a workload was given for a name and that are known by it still, the latest
    /// first.
    #[must_use]
    pub fn given(&self, workload: &WorkloadName, name: &HostName) -> Vec<IpAddr> {
        let local = self.workloads.get(workload);
        local
            .map(|local| lock(&local.given).addresses(name, Instant::now()))
            .unwrap_or_default()
    }

    /// Has this called whenever a workload is about to be given addresses of a name, once they are
    /// remembered and before the workload has them. The first caller is heard, and no other.
    pub fn when_given(&self, call: impl Fn(&WorkloadName, &HostName) + Send + Sync + 'static) {
        self.heard.call(call);
    }

    /// Ends records in which nothing was recorded for a time. To be called every minute or so.
    pub fn tidy(&self) {
        self.accounts.tidy(Instant::now());
    }

    /// The sessions of questions that are open and whose id begins so.
    pub(crate) fn beginning(&self, prefix: &str) -> Vec<SessionId> {
        self.accounts.beginning(prefix)
    }

    /// Ends a session of questions at once; questions later begin another. False where it is over.
    /// Blocks on the file system.
    ///
    /// # Errors
    /// When the end can't be recorded.
    pub(crate) fn end(&self, id: SessionId, end: &End) -> Result<bool, RecordError> {
        self.accounts.end(id, end)
    }

    /// Ends all records, since weir stops. Waits for the disk.
    ///
    /// # Errors
    /// The first record that could not be ended.
    pub fn close(&self) -> Result<(), RecordError> {
        self.accounts.close()
    }

    fn local(&self, workload: &WorkloadName) -> Option<&Local> {
        let local = self.workloads.get(workload);
        if local.is_none() {
            tracing::error!(%workload, "a DNS question of an unknown workload");
        }
        local
    }

    async fn take(
        &self,
        local: &Local,
        asker: &Asker,
        bytes: &[u8],
        transport: Transport,
    ) -> Option<Vec<u8>> {
        let began = Instant::now();
        let policies = Arc::clone(&self.policies.borrow());
        let version = policies.version().to_string();
        let subject = asker.subject();
        let speaker = Speaker {
            workload: &asker.workload,
            mode: local.mode,
            subject: &subject,
            process: &asker.process,
            destination: asker.destination,
            policy_version: &version,
            since: began,
        };
        let query = match Query::read(bytes) {
            Ok(query) => query,
            Err(malformed) => return self.malformed(&speaker, &policies, malformed, bytes.len()),
        };
        let said = format!("{} {}", query.question.type_name(), query.question.name);
        let judgement = judged::judge(local, &policies, asker, &query.question);
        let question = Said {
            text: &said,
            signals: &judgement.signals,
            lookup: judgement.lookup,
        };
        match judgement.judged {
            Judged::Allowed(permit) => {
                let recorded = self.accounts.allowed(&speaker, permit, question);
                match recorded {
                    Ok((owed, permit)) => {
                        let found = self.find(&permit, &query).await;
                        let answer = answer_found(local, &query, &found, owed, (began, transport));
                        if found.is_ok_and(|found| found.addresses().next().is_some()) {
                            self.heard.tell(&asker.workload, &query.question.name);
                        }
                        answer
                    }
                    Err(error) => unrecorded(&query, &error),
                }
            }
            Judged::Refused(refused) => self.refuse(&speaker, &query, &refused, question),
        }
    }

    async fn find(&self, permit: &RecordedPermit, query: &Query) -> Result<Found, String> {
        if let Some(found) = local::answer(query) {
            return Ok(found);
        }
        let found = self.upstreams.ask(permit, &query.question).await;
        found.map_err(|error| error.to_string())
    }

    fn refuse(
        &self,
        speaker: &Speaker<'_>,
        query: &Query,
        refused: &Refused,
        question: Said<'_>,
    ) -> Option<Vec<u8>> {
        let Refused {
            refusal,
            found_without_end,
        } = refused;
        let (code, reason) = if *found_without_end {
            (ResponseCode::NXDomain, Reason::Blocked)
        } else {
            (ResponseCode::Refused, Reason::Prohibited)
        };
        let words = format!("weir: {} (rule {})", refusal.message, refusal.rule);
        let answer = answer::without(query, code, reason, &words);
        let owed = self.accounts.refused(speaker, refusal, question);
        let settled = owed.and_then(|owed| owed.settle(&refusal_outcome(), None));
        match settled {
            Ok(()) => answer,
            Err(error) => unrecorded(query, &error),
        }
    }

    fn malformed(
        &self,
        speaker: &Speaker<'_>,
        policies: &Policies,
        malformed: Malformed,
        length: usize,
    ) -> Option<Vec<u8>> {
        let Malformed { answer, why } = malformed;
        let Some((header, code)) = answer else {
            tracing::debug!(workload = %speaker.workload, why, "no DNS query");
            return None;
        };
        let refusal = judged::malformed(policies, why);
        let said = format!("a query of {length} bytes that can't be judged");
        let said = Said {
            text: &said,
            signals: &[],
            lookup: None,
        };
        let owed = self.accounts.refused(speaker, &refusal, said);
        match owed.and_then(|owed| owed.settle(&refusal_outcome(), None)) {
            Ok(()) => Some(header.answer(code as u16)),
            Err(error) => {
                tracing::error!(%error, "a DNS question is dropped, since it can't be recorded");
                None
            }
        }
    }
}

/// Remembers and records what was found, and answers with it.
fn answer_found(
    local: &Local,
    query: &Query,
    found: &Result<Found, String>,
    owed: Owed,
    (began, transport): (Instant, Transport),
) -> Option<Vec<u8>> {
    let (status, answer, rows) = match found {
        Ok(found) => {
            let tag = found.to_string();
            (
                Status::Completed { tag },
                answer::found(query, found, transport),
                found.records.len(),
            )
        }
        Err(message) => {
            tracing::warn!(name = %query.question.name, message, "a name could not be looked up");
            let code = code_name(ResponseCode::ServFail);
            let words = format!("weir: {message}");
            let reason = Reason::NoReachableAuthority;
            let answer = answer::without(query, ResponseCode::ServFail, reason, &words);
            let message = message.clone();
            (Status::Failed { code, message }, answer, 0)
        }
    };
    let outcome = Outcome {
        status,
        rows: count(rows),
        bytes: count(answer.as_ref().map_or(0, Vec::len)),
        masked: 0,
        masked_columns: Vec::new(),
        detected: Vec::new(),
        sent: None,
        micros: u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX),
    };
    if let Err(error) = owed.settle(&outcome, answer.as_deref()) {
        return unrecorded(query, &error);
    }
    if let Ok(found) = found {
        let now = Instant::now();
        let mut given = lock(&local.given);
        for (address, ttl) in found.addresses() {
            given.remember(&query.question.name, address, ttl, now);
        }
    }
    answer
}

fn refusal_outcome() -> Outcome {
    Outcome {
        status: Status::Refused,
        rows: 0,
        bytes: 0,
        masked: 0,
        masked_columns: Vec::new(),
        detected: Vec::new(),
        sent: None,
        micros: 0,
    }
}

fn unrecorded(query: &Query, error: &RecordError) -> Option<Vec<u8>> {
    tracing::error!(%error, "a DNS question is refused, since it can't be recorded");
    let words = "weir: the question can't be recorded, so it is refused";
    answer::without(query, ResponseCode::ServFail, Reason::Other, words)
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
