//! A server with the canary in it, a gate before it, and one way tried through it and beside it.

use std::fmt;

use testbed::{Auth, Postgres};
use weir_policy::{Policies, Source};
use weir_record::{Entry, SessionReader, store};
use weir_wire::postgres::{Frame, backend::tag};

use crate::{
    agent::{Agent, field, tags},
    canary,
    common::Gate,
    messages,
};

/// One way in which a value might get out: a path of the protocol, or of the server.
pub(crate) struct Way {
    /// What it is called in the table.
    pub(crate) path: &'static str,
    /// What an agent does. Beside weir it must see the canary.
    pub(crate) walk: Walk,
}

/// What an agent sends.
pub(crate) enum Walk {
    /// Queries of the simple protocol, one after the other, which are rolled back.
    Simple(&'static [&'static str]),
    /// One statement of the extended protocol, its results as text and then as binary.
    Extended(&'static str),
    /// Anything else. The superuser is at hand for what others do meanwhile.
    Other(fn(&mut Agent, &Postgres)),
}

/// How weir kept the value back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// It answered with other values.
    Masked,
    /// It passed on an error without what could quote a value.
    Withheld,
    /// It refused, by this rule.
    Refused(String),
    /// It ended the session.
    Ended,
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Masked => f.write_str("masked"),
            Self::Withheld => f.write_str("withheld"),
            Self::Refused(rule) => write!(f, "refused ({rule})"),
            Self::Ended => f.write_str("ended"),
        }
    }
}

pub(crate) struct Stand {
    server: Postgres,
    enforcing: Gate,
    observing: Gate,
}

impl Stand {
    pub(crate) fn new() -> Self {
        Self::with(&Policies::shipped)
    }

    /// One in which code of the database's own runs only where something names it.
    pub(crate) fn of_portals() -> Self {
        Self::of(include_str!("portals.sql"), "", &Policies::shipped)
    }

    /// One of notes in columns that no rule names, before which everything is looked for.
    pub(crate) fn detecting() -> Self {
        Self::with_notes("detectors = \"all\"")
    }

    /// The same with these keys of the target.
    pub(crate) fn with_notes(keys: &str) -> Self {
        Self::of(include_str!("notes.sql"), keys, &Policies::shipped)
    }

    /// The same, where the agent may see the first of the classes clear, by the order of their names:
    /// not to be taken for what else a value may be of.
    pub(crate) fn revealing_the_first() -> Self {
        Self::with(&|| {
            let reveal = Source {
                name: "reveal.cedar".into(),
                text: "@id(\"reveal\") permit (principal, action == Weir::Action::\"reveal\", \
                       resource == Weir::DataClass::\"bank_account\");"
                    .into(),
            };
            let mut sources = Policies::shipped_sources();
            sources.push(reveal);
            Policies::load(&sources)
        })
    }

    fn with(policies: &dyn Fn() -> Result<Policies, weir_policy::Diagnostics>) -> Self {
        Self::of(include_str!("vault.sql"), "", policies)
    }

    fn of(
        sql: &str,
        keys: &str,
        policies: &dyn Fn() -> Result<Policies, weir_policy::Diagnostics>,
    ) -> Self {
        let server = Postgres::builder()
            .tls(false)
            .auth(Auth::Trust)
            .sample_data(false)
            .start()
            .unwrap();
        server.psql_as_superuser(sql).unwrap();
        let gate = |mode| {
            let target = (server.addr(), "mode = \"disable\"", "unused");
            Gate::asking((mode, keys), target, policies().unwrap())
        };
        Self {
            enforcing: gate("enforce"),
            observing: gate("observe"),
            server,
        }
    }

    /// Has this run by the superuser.
    pub(crate) fn prepare(&self, sql: &str) {
        self.server.psql_as_superuser(sql).unwrap();
    }

    /// An agent beside weir, and one through it.
    pub(crate) fn agents(&self) -> [Agent; 2] {
        self.agents_with(&[])
    }

    /// The same with these settings.
    pub(crate) fn agents_with(&self, settings: &[(&str, &str)]) -> [Agent; 2] {
        self.agents_in(self.server.database(), settings)
    }

    /// The same in this database.
    pub(crate) fn agents_in(&self, database: &str, settings: &[(&str, &str)]) -> [Agent; 2] {
        [self.server.addr(), self.enforcing.address].map(|address| {
            let mut agent = Agent::dial_at(address);
            let user = self.server.app_user();
            agent.write(&messages::startup_of(user, database, settings));
            agent.until_ready();
            agent
        })
    }

    /// Tries all ways: first beside weir, where each must show the canary, or proves nothing, then
    /// through weir, where none may. Prints the table.
    pub(crate) fn holds(&self, ways: &[Way]) {
        self.kept(ways);
    }

    /// The same, and says how the enforcing gate kept each back.
    fn kept(&self, ways: &[Way]) -> Vec<Kept> {
        let (mut leaks, mut all) = (Vec::new(), Vec::new());
        for way in ways {
            let mut free = Agent::dial_at(self.server.addr());
            way.walk.take(&mut free, &self.server);
            if canary::found(&free.heard).is_empty() {
                leaks.push(format!(
                    "{}: proves nothing, as it shows nothing beside weir",
                    way.path
                ));
            }
            drop(free);
            let enforced = self.through(&self.enforcing, way);
            let observed = self.through(&self.observing, way);
            let told = |tried: &Result<Kept, String>| match tried {
                Ok(kept) => kept.to_string(),
                Err(leak) => format!("LEAKED: {leak}"),
            };
            println!(
                "{:<60} {:<38} observed: {}",
                way.path,
                told(&enforced),
                told(&observed)
            );
            all.extend(enforced.clone().ok());
            let tried = [("enforced", enforced), ("observed", observed)];
            for (mode, leak) in tried.into_iter().filter_map(|(m, t)| Some((m, t.err()?))) {
                leaks.push(format!("{} ({mode}): {leak}", way.path));
            }
        }
        println!(
            "{} ways tried, each in both modes; {} leaks",
            ways.len(),
            leaks.len()
        );
        assert!(leaks.is_empty(), "{leaks:#?}");
        all
    }

    /// Tries all ways as [`holds`](Self::holds) does, where what comes must be answered, and be marked as
    /// masked.
    pub(crate) fn masks(&self, ways: &[Way]) {
        for (kept, way) in self.kept(ways).into_iter().zip(ways) {
            assert_eq!(kept, Kept::Masked, "{}", way.path);
        }
    }

    /// What becomes of one way through the enforcing gate, and what is heard.
    pub(crate) fn walked(&self, way: &Way) -> (Kept, Vec<u8>) {
        let mut agent = Agent::dial(&self.enforcing);
        let kept = way.walk.take(&mut agent, &self.server);
        (kept, agent.heard)
    }

    fn through(&self, gate: &Gate, way: &Way) -> Result<Kept, String> {
        let before = gate.summaries().len();
        let mut agent = Agent::dial(gate);
        let kept = way.walk.take(&mut agent, &self.server);
        let shown = canary::found(&agent.heard);
        drop(agent);
        let recorded = recorded(gate, before);
        match (shown.as_slice(), recorded.as_slice()) {
            ([], []) => Ok(kept),
            ([], recorded) => Err(format!("the record has it {recorded:?}")),
            (shown, _) => Err(format!("the agent heard it {shown:?}")),
        }
    }
}

/// The forms in which the record of the session that began as number `session` has the canary.
fn recorded(gate: &Gate, session: usize) -> Vec<&'static str> {
    let ended = gate.ended(session + 1);
    let begun = ended
        .iter()
        .max_by_key(|s| (s.start.started, s.start.id))
        .unwrap();
    let record = SessionReader::open(&store::path_of(&gate.records, begun.start.id)).unwrap();
    let mut all = Vec::new();
    for entry in record {
        match entry.unwrap() {
            Entry::Event(event) => all.extend(serde_json::to_vec(&event).unwrap()),
            Entry::Response { bytes, .. } | Entry::Request { bytes, .. } => all.extend(bytes),
        }
    }
    canary::found(&all)
}

impl Walk {
    fn take(&self, agent: &mut Agent, server: &Postgres) -> Kept {
        agent.write(&messages::startup_of(
            server.app_user(),
            server.database(),
            &[],
        ));
        agent.until_ready();
        let mut heard = Vec::new();
        match self {
            Self::Simple(queries) => {
                for text in ["BEGIN"].iter().chain(*queries).chain(&["ROLLBACK"]) {
                    heard.extend(say(agent, &[messages::query(text)]));
                }
            }
            Self::Extended(text) => {
                for format in [0, 1] {
                    heard.extend(say(agent, &extended(text, format)));
                }
            }
            Self::Other(walk) => walk(agent, server),
        }
        kept(&heard)
    }
}

/// Parse, bind, describe and execute, its results in one format.
fn extended(text: &str, format: u16) -> Vec<Frame> {
    use weir_wire::postgres::{Format, Formats};
    let format = if format == 0 {
        Format::Text
    } else {
        Format::Binary
    };
    vec![
        messages::parse("", text),
        messages::bind_as("", "", &Formats::All(format)),
        messages::describe_portal(""),
        messages::execute(""),
        messages::sync(),
    ]
}

/// Sends all and hears what comes, up to ReadyForQuery or the end.
pub(crate) fn say(agent: &mut Agent, frames: &[Frame]) -> Vec<Frame> {
    agent.try_send(frames);
    let mut heard = Vec::new();
    while let Some(frame) = agent.receive() {
        let last = frame.tag() == tag::READY_FOR_QUERY;
        heard.push(frame);
        if last {
            break;
        }
    }
    heard
}

fn kept(heard: &[Frame]) -> Kept {
    let errors = heard.iter().filter(|f| f.tag() == tag::ERROR_RESPONSE);
    for error in errors {
        let message = field(error, b'M').unwrap_or_default();
        let detail = field(error, b'D').unwrap_or_default();
        if let Some(rule) = detail.strip_prefix("rule ") {
            return Kept::Refused(rule.split(',').next().unwrap_or(rule).to_owned());
        }
        if message.starts_with("weir withholds") {
            return Kept::Withheld;
        }
    }
    if tags(heard).ends_with('Z') || heard.is_empty() {
        Kept::Masked
    } else {
        Kept::Ended
    }
}
