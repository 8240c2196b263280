//! Commands as they are searched: those of a kind that came in the same second are one row.
//!
//! An agent's driver sends the same statement thousands of times a second, and a row for each would
//! cost more than judging it did. What can be asked of a command is the same for all of a row: what was
//! read in its text and the verdict; texts that differ, and what was sent beside them, are put together. Only the time
//! is less exact, by a second.
//!
//! A row's content hangs on the record alone, not on how much of it was read at once.

use std::{collections::HashMap, sync::Arc};

use rusqlite::{OptionalExtension as _, Transaction, params};
use weir_record::{Again, Intent, Seq, VerdictSummary};

use crate::{Answer, StoreError, query::integer, text};

/// Most names of one command that are kept.
const MOST_OBJECTS: usize = 1_000;
const SECOND: i64 = 1_000_000;

/// The rows that a transaction adds to.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    rows: HashMap<Key, Group>,
    /// What was repeated last, and its kind.
    repeated: Option<(Arc<Intent>, Kind)>,
}

/// A hash of everything that the commands of a row have in common.
type Kind = [u8; blake3::OUT_LEN];

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    /// Since 1970.
    second: i64,
    kind: Kind,
}

/// A command: an intent's, but for what it has of its own.
#[derive(Clone, Copy, Debug)]
struct Command<'a> {
    of: &'a Intent,
    /// Its text, where that is another.
    text: Option<&'a str>,
    seq: Seq,
    parameters: &'a [Option<String>],
    /// When it was judged, in microseconds since 1970.
    moment: i64,
}

#[derive(Debug)]
struct Group {
    /// The row; none yet where it is new.
    number: Option<i64>,
    /// The first command.
    intent: Intent,
    first: i64,
    last: i64,
    count: i64,
    searched: String,
}

impl Groups {
    /// Takes in a command of this session, judged at this moment in microseconds since 1970. Says how
    /// many bytes it is searched by.
    pub(crate) fn add(
        &mut self,
        tx: &Transaction<'_>,
        session: i64,
        intent: &Intent,
        moment: i64,
    ) -> Result<usize, StoreError> {
        let command = Command {
            of: intent,
            text: None,
            seq: intent.seq,
            parameters: &intent.parameters,
            moment,
        };
        self.take(tx, session, kind(intent), command)
    }

    /// The same of one that repeats another.
    pub(crate) fn again(
        &mut self,
        tx: &Transaction<'_>,
        session: i64,
        again: &Again,
        moment: i64,
    ) -> Result<usize, StoreError> {
        let kind = match &self.repeated {
            Some((of, kind)) if Arc::ptr_eq(of, &again.of) => *kind,
            _ => {
                let kind = kind(&again.of);
                self.repeated = Some((Arc::clone(&again.of), kind));
                kind
            }
        };
        // Texts of their own are together in a row that no other text is in.
        let kind = match again.text {
            Some(_) => kind.map(|byte| !byte),
            None => kind,
        };
        let command = Command {
            of: &again.of,
            text: again.text.as_deref(),
            seq: again.seq,
            parameters: &again.parameters,
            moment,
        };
        self.take(tx, session, kind, command)
    }

    fn take(
        &mut self,
        tx: &Transaction<'_>,
        session: i64,
        kind: Kind,
        command: Command<'_>,
    ) -> Result<usize, StoreError> {
        let moment = command.moment;
        let key = Key {
            second: moment.div_euclid(SECOND),
            kind,
        };
        let parameters = || command.parameters.iter().flatten().map(String::as_str);
        let sent = text::beside(command.text.into_iter().chain(parameters()));
        if !self.rows.contains_key(&key)
            && let Some(known) = Group::known(tx, session, key, command.of)?
        {
            self.rows.insert(key, known);
        }
        if let Some(group) = self.rows.get_mut(&key) {
            if group.searched.ends_with(&sent) || group.has_room(&sent) {
                group.takes(&sent, moment);
                return Ok(sent.len());
            }
            group.keep(tx, session, key)?;
            self.rows.remove(&key);
        }
        let mut searched = text::searched(command.text.unwrap_or(&command.of.text));
        searched.push_str(&text::beside(parameters()));
        searched.truncate(text::cut(&searched, text::MOST_TEXT).len());
        let length = searched.len();
        let group = Group {
            number: None,
            intent: Intent {
                seq: command.seq,
                parameters: Vec::new(),
                ..command.of.clone()
            },
            first: moment,
            last: moment,
            count: 1,
            searched,
        };
        self.rows.insert(key, group);
        Ok(length)
    }

    /// Puts all of them into the index.
    pub(crate) fn keep(self, tx: &Transaction<'_>, session: i64) -> Result<(), StoreError> {
        for (key, mut group) in self.rows {
            group.keep(tx, session, key)?;
        }
        Ok(())
    }
}

impl Group {
    /// The row that an earlier transaction has made for these.
    fn known(
        tx: &Transaction<'_>,
        session: i64,
        key: Key,
        intent: &Intent,
    ) -> Result<Option<Self>, StoreError> {
        Ok(tx
            .prepare_cached(
                "SELECT number, first, last, count, searched FROM commands
                 WHERE session = ?1 AND second = ?2 AND kind = ?3 ORDER BY seq DESC LIMIT 1",
            )?
            .query_row(params![session, key.second, key.kind], |row| {
                Ok(Self {
                    number: Some(row.get(0)?),
                    intent: intent.clone(),
                    first: row.get(1)?,
                    last: row.get(2)?,
                    count: row.get(3)?,
                    searched: row.get(4)?,
                })
            })
            .optional()?)
    }

    fn has_room(&self, sent: &str) -> bool {
        self.searched.len() + sent.len() <= text::MOST_TEXT
    }

    fn takes(&mut self, sent: &str, moment: i64) {
        if !self.searched.ends_with(sent) {
            self.searched.push_str(sent);
        }
        self.first = self.first.min(moment);
        self.last = self.last.max(moment);
        self.count = self.count.saturating_add(1);
    }

    fn keep(&mut self, tx: &Transaction<'_>, session: i64, key: Key) -> Result<(), StoreError> {
        if let Some(number) = self.number {
            tx.prepare_cached(
                "UPDATE commands SET first = ?2, last = ?3, count = ?4, searched = ?5 WHERE number = ?1",
            )?
            .execute(params![
                number,
                self.first,
                self.last,
                self.count,
                self.searched
            ])?;
            tx.prepare_cached("DELETE FROM texts WHERE rowid = ?")?
                .execute([number])?;
            return self.search(tx, number);
        }
        let intent = &self.intent;
        let verbs: Vec<&str> = intent.statements.iter().map(|s| s.verb.as_str()).collect();
        let (answer, rule, approvers) = told(&intent.verdict);
        tx.prepare_cached(
            "INSERT INTO commands (session, second, kind, seq, first, last, count, verbs, verdict, rule,
                                   approvers, policy_version, searched)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        )?
        .execute(params![
            session,
            key.second,
            key.kind,
            integer(intent.seq.get()),
            self.first,
            self.last,
            self.count,
            verbs.join(" "),
            answer.as_str(),
            rule,
            approvers.map(|approvers| approvers.join(" ")),
            intent.policy_version,
            self.searched,
        ])?;
        let number = tx.last_insert_rowid();
        let objects = intent.statements.iter().flat_map(|s| &s.objects);
        for object in objects.take(MOST_OBJECTS) {
            let (access, name) = text::object(object);
            tx.prepare_cached(
                "INSERT INTO objects (command, access, name, last) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT DO NOTHING",
            )?
            .execute(params![number, access, name, text::last(name)])?;
        }
        self.search(tx, number)
    }

    fn search(&self, tx: &Transaction<'_>, number: i64) -> Result<(), StoreError> {
        tx.prepare_cached("INSERT INTO texts (rowid, searched) VALUES (?1, ?2)")?
            .execute(params![number, self.searched])?;
        Ok(())
    }
}

/// A hash of all that commands of one row have in common. Of a strength that no agent can hide a
/// statement behind another's row.
fn kind(intent: &Intent) -> Kind {
    let mut hasher = blake3::Hasher::new();
    let mut part = |text: &str| {
        hasher.update(&text.len().to_le_bytes());
        hasher.update(text.as_bytes());
    };
    part(&intent.text);
    part(&intent.policy_version);
    for statement in &intent.statements {
        part(&statement.verb);
        statement.objects.iter().for_each(|object| part(object));
        part("");
    }
    let (answer, rule, approvers) = told(&intent.verdict);
    part(answer.as_str());
    part(rule.unwrap_or_default());
    approvers
        .unwrap_or_default()
        .iter()
        .for_each(|one| part(one));
    *hasher.finalize().as_bytes()
}

fn told(verdict: &VerdictSummary) -> (Answer, Option<&str>, Option<&[String]>) {
    match verdict {
        VerdictSummary::Allow { would_be: None, .. } => (Answer::Allow, None, None),
        VerdictSummary::Allow {
            would_be: Some(would_be),
            ..
        } => {
            let (_, rule, approvers) = told(would_be);
            (Answer::Observed, rule, approvers)
        }
        VerdictSummary::Deny { rule, .. } => (Answer::Deny, Some(rule), None),
        VerdictSummary::Ask { approvers, .. } => (Answer::Ask, None, Some(approvers)),
    }
}
