//! What a record says happened: the values that readers get back.
//!
//! Their JSON is the record's contents and the local API's, so fields are added, never renamed or
//! given another meaning; a reader passes over fields that it does not know.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use weir_command::Object;
use weir_policy::RaisedSignal;

use weir_policy::{Moment, RowCounts};

use crate::{Approval, Seq, SessionId, told};

/// One event of a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// Always the first.
    Start(SessionStart),
    /// The agent named what it wants to use, and weir has opened it upstream.
    Opened {
        /// The database.
        database: String,
        /// The user that the agent named (not the injected credential's).
        user: String,
        /// The session settings that it asked for.
        settings: BTreeMap<String, String>,
    },
    /// Commands come from another process from here on. Only where several share a session, as
    /// questions to the DNS do.
    Process(Process),
    /// A command was judged. It is on record before its first byte is forwarded.
    Intent(Intent),
    /// A command waits for humans, and this is a step on its way.
    Approval {
        /// Which: that of the intent whose verdict is to ask.
        seq: Seq,
        /// Microseconds since the session's start.
        at: i64,
        /// What happened.
        #[serde(flatten)]
        approval: Approval,
    },
    /// What became of a command.
    Outcome {
        /// Which.
        seq: Seq,
        /// What.
        outcome: Outcome,
    },
    /// Something else that a reader should know, such as a policy that was reloaded.
    Note {
        /// For a person.
        message: String,
    },
    /// Always the last, when the writer lived to write it.
    End(End),
}

/// Who connected to what, known before any byte is forwarded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionStart {
    /// The session's name, and its file's.
    pub id: SessionId,
    /// When the session started, by the host's clock. All other times count from here.
    pub started: Timestamp,
    /// The workload's name.
    pub workload: String,
    /// The verified identity that the workload is bound to.
    pub subject: String,
    /// The subject's groups and roles.
    pub groups: Vec<String>,
    /// The person on whose behalf the workload acts, where one is known.
    pub on_behalf_of: Option<String>,
    /// The process that connected.
    pub process: Process,
    /// `ip:port` as the process dialled it.
    pub destination: String,
    /// The name that the workload was given that address for, where it asked the DNS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination_name: Option<String>,
    /// The declared target, where the destination is one.
    pub target: Option<String>,
    /// The protocol that is spoken, where it is known.
    pub protocol: Option<String>,
    /// The policy version that admitted or refused the connection.
    pub policy_version: String,
    /// The workload is only observed: what would be refused goes on, and is marked.
    #[serde(default)]
    pub observed: bool,
}

/// The process that connected, as it was when it did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Its id, in the host's namespace.
    pub pid: u32,
    /// When it was started; tells it from a later process of the same id.
    pub started: Option<Timestamp>,
    /// Its user.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// The path of its executable, where it could be read.
    pub exe: Option<String>,
    /// The BLAKE3 hash of that file, in hexadecimal, where it could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exe_hash: Option<String>,
    /// Its command line, cut where it is long.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arguments: Vec<String>,
    /// Whether there was more of it than is kept.
    #[serde(default)]
    pub arguments_cut: bool,
    /// Its parent, its parent's parent and so on, up to and with the first outside of the workload.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ancestry: Vec<Ancestor>,
    /// The name that it gives itself: for people, never identity.
    pub comm: String,
    /// Its cgroup's path.
    pub cgroup: String,
    /// The cookie of its network namespace, unique until reboot; 0 where it is not known.
    #[serde(default)]
    pub netns: u64,
}

/// A process that another one descends from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ancestor {
    /// Its id, in the host's namespace.
    pub pid: u32,
    /// When it was started.
    pub started: Option<Timestamp>,
    /// The name that it gives itself: for people, never identity.
    pub comm: String,
    /// Whether it was in the workload, too. The last one may not be: it brought the first one to
    /// life.
    pub inside: bool,
}

/// A command and how it was judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// Its number within the session.
    pub seq: Seq,
    /// Microseconds since the session's start.
    pub at: i64,
    /// What the agent sent, in full.
    pub text: String,
    /// The values that it sent beside the text, in order; `None` is NULL.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<Option<String>>,
    /// How weir read it.
    pub statements: Vec<StatementSummary>,
    /// The signals that were raised as it was judged, with what raised them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signals: Vec<RaisedSignal>,
    /// How policy judged it.
    pub verdict: VerdictSummary,
    /// The policy version that judged.
    pub policy_version: String,
    /// The moment's facts that were judged beside it, where they were noted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<Circumstances>,
    /// What a question to the DNS was judged by beside its name and type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lookup: Option<LookedUp>,
}

/// Facts by which a question to the DNS was judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookedUp {
    /// The name was a host of a target that the workload may reach.
    pub declared: bool,
    /// Different names that the workload was allowed in the minute before, with this one.
    pub names_per_minute: u32,
}

/// Facts of the moment at which a command was judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Circumstances {
    /// Whether a transaction was open.
    pub in_transaction: bool,
    /// The hour and the day, in the zone that policies reckon in.
    #[serde(flatten)]
    pub moment: Moment,
    /// How many rows it was judged to concern, beyond what its text says.
    #[serde(default, skip_serializing_if = "RowCounts::is_unknown")]
    pub rows: RowCounts,
}

/// One statement of a command, as weir read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatementSummary {
    /// What it asks for (`select`, `drop` …), or `opaque`.
    pub verb: String,
    /// What it names and how it uses it: `read public.people`. A name that is not a plain lower
    /// case identifier is in double quotes.
    pub objects: Vec<String>,
    /// Why it could not be read, when it couldn't: `syntax: expected an expression`.
    pub opaque: Option<String>,
}

impl StatementSummary {
    /// What it names, as it was before it was told; `None` for what no record tells so.
    #[must_use]
    pub fn used(&self) -> Option<Vec<Object>> {
        self.objects.iter().map(|told| told::object(told)).collect()
    }
}

/// How policy judged a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum VerdictSummary {
    /// It may go on.
    Allow {
        /// The policies that permitted.
        policies: Vec<String>,
        /// The verdict that would have stopped it: it goes on only because its workload is
        /// observed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        would_be: Option<Box<VerdictSummary>>,
        /// The people who approved it; none where nobody had to.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        approved_by: Vec<String>,
        /// It is for the parsing of a statement alone, whose execution will ask.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        only_prepares: bool,
    },
    /// It may not.
    Deny {
        /// The rule that decided.
        rule: String,
        /// Its reason, for a person.
        message: String,
        /// Every policy that decided.
        policies: Vec<String>,
    },
    /// A human must say so first.
    Ask {
        /// Who may answer.
        approvers: Vec<String>,
        /// What the policies say about it.
        message: Option<String>,
        /// The policies that decided.
        policies: Vec<String>,
    },
}

/// What became of a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// How it ended.
    #[serde(flatten)]
    pub status: Status,
    /// Rows that the agent got, or that the command changed.
    pub rows: u64,
    /// Bytes of the response, as the agent saw it.
    pub bytes: u64,
    /// Values that were masked.
    pub masked: u64,
    /// The columns that these values are in, where they are in columns.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub masked_columns: Vec<MaskedColumns>,
    /// What detectors found in the values that were left clear otherwise, and masked there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub detected: Vec<Detected>,
    /// Bytes that the agent sent, where the command is a connection that is passed on as it comes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent: Option<u64>,
    /// Microseconds from the forwarding to the end of the response.
    pub micros: u64,
}

/// The columns of one result whose values the agent saw masked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MaskedColumns {
    /// Which of the command's statements it is the result of, from 0: as many were completed
    /// before it.
    pub statement: u32,
    /// Which of its columns, from 0, ascending.
    pub columns: Vec<u16>,
}

/// What one detector found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Detected {
    /// Its name.
    pub detector: String,
    /// The class of what it finds.
    pub class: String,
    /// How many values.
    pub values: u64,
}

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Status {
    /// The target did it.
    Completed {
        /// In its own words (`SELECT 3`).
        tag: String,
    },
    /// The target failed it.
    Failed {
        /// Its error code.
        code: String,
        /// Its message, as the agent saw it.
        message: String,
    },
    /// Weir refused it; it was never forwarded.
    Refused,
    /// An earlier command of the same batch failed, so the target passed over it.
    Skipped,
    /// The connection ended before the target answered: it may have been done or not.
    Lost,
}

/// Why a session ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum End {
    /// The agent said goodbye.
    Closed,
    /// The agent's side vanished.
    ClientGone,
    /// The target's side vanished.
    ServerGone,
    /// The connection itself was refused.
    Refused {
        /// The rule that decided.
        rule: String,
        /// Its reason, for a person.
        message: String,
    },
    /// Somebody sent what the protocol does not allow.
    ProtocolError {
        /// Who.
        side: Side,
        /// What.
        message: String,
    },
    /// Weir or something it needs failed.
    Error {
        /// How.
        message: String,
    },
    /// Nothing was sent for longer than the target allows.
    Idle,
    /// Weir was told to stop.
    Shutdown,
    /// Somebody ended it.
    Killed {
        /// Who.
        by: String,
        /// What for, where they said so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// Nobody vouches any more for who its workload is, or it is somebody else.
    IdentityLost {
        /// Why, for a person.
        message: String,
    },
    /// Its workload has no process left.
    WorkloadStopped,
    /// Access that was granted for a while has ended.
    GrantEnded {
        /// The policy that the grant was.
        grant: String,
    },
    /// A new policy, other groups, or a signal, no longer allow the session.
    PolicyChanged {
        /// The rule that decided.
        rule: String,
        /// Its reason, for a person.
        message: String,
    },
}

/// One of the two ends of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The agent's.
    Client,
    /// The target's.
    Server,
}
