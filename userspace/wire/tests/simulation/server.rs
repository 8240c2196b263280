//! A server as the protocol describes it, without a database: what it answers follows from the words of a
//! statement. Sans-IO: bytes in, bytes out.
//!
//! Source: PostgreSQL's documentation, 55.2 "Message Flow", and 55.4 for streams both ways.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use weir_wire::postgres::{
    CopyData, CopyDone, Decoded, Format, Formats, Frame, Limits,
    backend::{
        BindComplete, CloseComplete, CommandComplete, CopyBothResponse, CopyInResponse,
        CopyOutResponse, DataRow, DiagnosticBuilder, EmptyQueryResponse, FieldDescription,
        FunctionCallResponse, NoData, NotificationResponse, ParameterDescription, ParameterStatus,
        ParseComplete, PortalSuspended, ReadyForQuery, RowDescription, Severity, SqlState,
        TransactionStatus,
    },
    decode_frame,
    frontend::{self, Message, ObjectKind},
};

/// What a statement does to the transaction it is in fails before anything else is looked at.
type Done<T = ()> = Result<T, Frame>;

#[derive(Debug)]
struct Portal {
    text: String,
    results: Formats,
    /// Rows that were sent; none once it is through.
    sent: Option<usize>,
}

/// A copy that is under way.
#[derive(Debug)]
struct Copying {
    both: bool,
    by_portal: bool,
    rows: usize,
    wrong: bool,
}

/// One session, past its start-up.
#[derive(Debug)]
pub(crate) struct Server {
    received: BytesMut,
    /// What it says, message by message.
    pub(crate) said: Vec<Frame>,
    statements: BTreeMap<Bytes, (String, Vec<u32>)>,
    portals: BTreeMap<Bytes, Portal>,
    status: TransactionStatus,
    skipping: bool,
    copying: Option<Copying>,
    /// The client said goodbye.
    pub(crate) over: bool,
    /// Why it would end the session: the client said what no client says.
    pub(crate) fatal: Option<String>,
}

impl Server {
    pub(crate) fn new() -> Self {
        Self {
            received: BytesMut::new(),
            said: Vec::new(),
            statements: BTreeMap::new(),
            portals: BTreeMap::new(),
            status: TransactionStatus::Idle,
            skipping: false,
            copying: None,
            over: false,
            fatal: None,
        }
    }

    /// Where it is, for a peer that should be at the same place: its transaction, and whether it waits
    /// for a Sync or for rows.
    pub(crate) fn place(&self) -> (TransactionStatus, bool) {
        (self.status, self.skipping || self.copying.is_some())
    }

    /// The names of its prepared statements.
    pub(crate) fn statements(&self) -> impl Iterator<Item = &Bytes> {
        self.statements.keys()
    }

    pub(crate) fn hears(&mut self, bytes: &[u8]) {
        self.received.extend_from_slice(bytes);
        while self.fatal.is_none() && !self.over {
            let frame = match decode_frame(&mut self.received, &Limits::default()) {
                Ok(Decoded::Complete(frame)) => frame,
                Ok(Decoded::Incomplete { .. }) => return,
                Err(error) => return self.fatal = Some(error.to_string()),
            };
            match frontend::decode(frame) {
                Ok(message) => self.takes(message),
                Err(error) => self.fatal = Some(error.to_string()),
            }
        }
    }

    fn takes(&mut self, message: Message) {
        if self.copying.is_some() {
            return self.copies(&message);
        }
        if self.skipping && !matches!(message, Message::Sync(_) | Message::Terminate(_)) {
            return;
        }
        let done = match message {
            Message::Query(query) => return self.query(&utf8(query.text())),
            Message::FunctionCall(call) => return self.call(call.function()),
            Message::Sync(_) => return self.ready(),
            Message::Terminate(_) => return self.over = true,
            // Passed over outside of a copy, as the server does.
            Message::Flush(_)
            | Message::CopyData(_)
            | Message::CopyDone(_)
            | Message::CopyFail(_) => Ok(()),
            Message::Parse(parse) => self.parse(&parse),
            Message::Bind(bind) => self.bind(&bind),
            Message::Describe(describe) => self.describe(describe.kind(), describe.name()),
            Message::Execute(execute) => {
                let limit = execute.row_limit().map(|limit| limit.get());
                let limit = limit.map(|limit| usize::try_from(limit).unwrap());
                self.execute(execute.portal(), limit)
            }
            Message::Close(close) => {
                match close.kind() {
                    ObjectKind::Statement => drop(self.statements.remove(close.name())),
                    ObjectKind::Portal => drop(self.portals.remove(close.name())),
                }
                self.says(CloseComplete::new());
                Ok(())
            }
            Message::Password(_) => return self.fatal = Some("a password".to_owned()),
        };
        if let Err(error) = done {
            self.fails(error);
            self.skipping = true;
        }
    }

    fn parse(&mut self, parse: &frontend::Parse) -> Done {
        let text = utf8(parse.text());
        self.may(&text)?;
        if !parse.name().is_empty() && self.statements.contains_key(parse.name()) {
            return Err(error("42P05", "it is prepared already"));
        }
        let statement = (text, parse.parameter_types().to_vec());
        self.statements.insert(parse.name().clone(), statement);
        self.says(ParseComplete::new());
        Ok(())
    }

    fn bind(&mut self, bind: &frontend::Bind) -> Done {
        let Some((text, types)) = self.statements.get(bind.statement()) else {
            return Err(error("26000", "no such statement"));
        };
        if types.len() != bind.parameters().len() {
            return Err(error("08P01", "another number of parameters"));
        }
        let text = text.clone();
        self.may(&text)?;
        if !bind.portal().is_empty() && self.portals.contains_key(bind.portal()) {
            return Err(error("42P03", "there is such a cursor"));
        }
        let portal = Portal {
            text,
            results: bind.result_formats().clone(),
            sent: Some(0),
        };
        self.portals.insert(bind.portal().clone(), portal);
        self.says(BindComplete::new());
        Ok(())
    }

    fn describe(&mut self, kind: ObjectKind, name: &[u8]) -> Done {
        let (text, formats) = match kind {
            ObjectKind::Statement => {
                let Some((text, types)) = self.statements.get(name) else {
                    return Err(error("26000", "no such statement"));
                };
                let (text, types) = (text.clone(), types.clone());
                self.may(&text)?;
                self.says(ParameterDescription::new(&types).unwrap());
                (text, Formats::None)
            }
            ObjectKind::Portal => {
                let Some(portal) = self.portals.get(name) else {
                    return Err(error("34000", "no such portal"));
                };
                let (text, formats) = (portal.text.clone(), portal.results.clone());
                self.may(&text)?;
                (text, formats)
            }
        };
        match rows_of(&text) {
            Some(_) => self.says(description(&formats)),
            None => self.says(NoData::new()),
        }
        Ok(())
    }

    fn execute(&mut self, name: &[u8], limit: Option<usize>) -> Done {
        let Some(portal) = self.portals.get(name) else {
            return Err(error("34000", "no such portal"));
        };
        let (text, sent) = (portal.text.clone(), portal.sent);
        self.may(&text)?;
        let Some(rows) = rows_of(&text) else {
            if sent.is_none() {
                return Err(error("55000", "it has run already"));
            }
            if let Some(portal) = self.portals.get_mut(name) {
                portal.sent = None;
            }
            return self.run(&text, true);
        };
        let mut at = sent.unwrap_or(rows.len());
        let mut shown = 0;
        self.warns(&text);
        for row in rows.iter().skip(at) {
            if limit == Some(shown) {
                break;
            }
            let row = row.clone()?;
            self.says(DataRow::new(&[Some(&row), None]).unwrap());
            at += 1;
            shown += 1;
        }
        let suspended = limit == Some(shown);
        if let Some(portal) = self.portals.get_mut(name) {
            portal.sent = Some(at);
        }
        if suspended {
            self.says(PortalSuspended::new());
        } else {
            self.completes(&format!("SELECT {shown}"));
        }
        Ok(())
    }

    fn query(&mut self, text: &str) {
        self.statements.remove(&b""[..]);
        self.portals.remove(&b""[..]);
        let all: Vec<&str> = text.split("; ").filter(|text| !text.is_empty()).collect();
        // The whole text is parsed first.
        if all.iter().any(|text| text.starts_with("SELEKT")) {
            self.fails(error("42601", "syntax error"));
            return self.ready();
        }
        if all.is_empty() {
            self.says(EmptyQueryResponse::new());
        }
        for text in all {
            let done = self.may(text).and_then(|()| self.statement(text));
            if let Err(error) = done {
                self.fails(error);
                break;
            }
        }
        if self.copying.is_none() {
            self.ready();
        }
    }

    /// One statement of a Query.
    fn statement(&mut self, text: &str) -> Done {
        let Some(rows) = rows_of(text) else {
            return self.run(text, false);
        };
        self.says(description(&Formats::None));
        self.warns(text);
        let count = rows.len();
        for row in rows {
            self.says(DataRow::new(&[Some(&row?), None]).unwrap());
        }
        self.completes(&format!("SELECT {count}"));
        Ok(())
    }

    /// What shows no rows.
    fn run(&mut self, text: &str, by_portal: bool) -> Done {
        let number = number_in(text);
        match text.split(' ').next().unwrap_or_default() {
            "" => self.says(EmptyQueryResponse::new()),
            "INSERT" => self.completes("INSERT 0 1"),
            "BEGIN" => {
                self.status = TransactionStatus::InBlock;
                self.completes("BEGIN");
            }
            "COMMIT" | "ROLLBACK" => {
                let failed = self.status == TransactionStatus::Failed;
                self.status = TransactionStatus::Idle;
                self.portals.clear();
                self.completes(if failed { "ROLLBACK" } else { text });
            }
            "SET" => {
                let value = format!("a{number}");
                self.completes("SET");
                self.says(ParameterStatus::new(b"application_name", value.as_bytes()).unwrap());
            }
            "NOTIFY" => {
                self.completes("NOTIFY");
                let payload = number.to_string();
                let heard = NotificationResponse::new(7, b"numbers", payload.as_bytes());
                self.says(heard.unwrap());
            }
            "COPY" if text.ends_with("TO STDOUT") => {
                self.says(CopyOutResponse::new(Format::Text, &[Format::Text]).unwrap());
                self.says(CopyData::new(b"1\n").unwrap());
                self.says(CopyData::new(b"2\n").unwrap());
                self.says(CopyDone::new());
                self.completes("COPY 2");
            }
            "COPY" => {
                self.says(CopyInResponse::new(Format::Text, &[Format::Text]).unwrap());
                self.copying = Some(Copying {
                    both: false,
                    by_portal,
                    rows: 0,
                    wrong: false,
                });
            }
            "START_REPLICATION" if !by_portal => {
                self.says(CopyBothResponse::new(Format::Text, &[]).unwrap());
                for _ in 0..number % 5 {
                    self.says(CopyData::new(b"w: a change").unwrap());
                }
                self.copying = Some(Copying {
                    both: true,
                    by_portal,
                    rows: 0,
                    wrong: false,
                });
            }
            _ => return Err(error("42601", "syntax error")),
        }
        Ok(())
    }

    fn copies(&mut self, message: &Message) {
        let Some(mut copying) = self.copying.take() else {
            return;
        };
        let failed = match message {
            Message::CopyData(data) => {
                copying.rows += 1;
                copying.wrong |= *data.data() == b"wrong"[..];
                self.copying = Some(copying);
                return;
            }
            // Not looked at in the middle of a copy.
            Message::Flush(_) | Message::Sync(_) if !copying.both => {
                self.copying = Some(copying);
                return;
            }
            Message::CopyDone(_) if copying.both => {
                self.says(CopyData::new(b"k: the last").unwrap());
                self.says(CopyDone::new());
                self.completes("COPY 0");
                None
            }
            Message::CopyDone(_) if copying.wrong => Some(error("22P02", "no number: wrong")),
            Message::CopyDone(_) => {
                self.completes(&format!("COPY {}", copying.rows));
                None
            }
            Message::CopyFail(_) if !copying.both => Some(error("57014", "COPY failed")),
            Message::Terminate(_) => return self.over = true,
            other => return self.fatal = Some(format!("{} in a copy", other.name())),
        };
        if let Some(error) = failed {
            self.fails(error);
            self.skipping = copying.by_portal;
        }
        if !copying.by_portal {
            self.ready();
        }
    }

    fn call(&mut self, function: u32) {
        match self.may("") {
            Ok(()) if function.is_multiple_of(3) => self.fails(error("22003", "out of range")),
            Ok(()) => {
                let value = function.to_be_bytes();
                let value = (function % 3 == 1).then_some(&value[..]);
                self.says(FunctionCallResponse::new(value).unwrap());
            }
            Err(error) => self.fails(error),
        }
        self.ready();
    }

    /// Nothing but its end goes on in a failed transaction, and nothing is parsed that can't be.
    fn may(&self, text: &str) -> Done {
        if text.starts_with("SELEKT") {
            return Err(error("42601", "syntax error"));
        }
        let ends = matches!(text, "COMMIT" | "ROLLBACK");
        if self.status == TransactionStatus::Failed && !ends {
            return Err(error("25P02", "current transaction is aborted"));
        }
        Ok(())
    }

    fn warns(&mut self, text: &str) {
        if text.contains("loud") {
            let code = SqlState::parse(b"00000").unwrap();
            let notice = DiagnosticBuilder::new(Severity::Notice, code, "hear, hear");
            self.said.push(notice.hint("a hint").notice().into_frame());
        }
    }

    fn fails(&mut self, error: Frame) {
        if self.status == TransactionStatus::InBlock {
            self.status = TransactionStatus::Failed;
        }
        self.said.push(error);
    }

    fn ready(&mut self) {
        self.skipping = false;
        if self.status == TransactionStatus::Idle {
            self.portals.clear();
        }
        self.says(ReadyForQuery::new(self.status));
    }

    fn completes(&mut self, words: &str) {
        self.says(CommandComplete::new(words.as_bytes()).unwrap());
    }

    fn says(&mut self, message: impl Into<Frame>) {
        self.said.push(message.into());
    }
}

fn utf8(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn number_in(text: &str) -> usize {
    let digits = text.chars().filter(char::is_ascii_digit);
    digits.collect::<String>().parse().unwrap_or(0)
}

fn error(code: &str, message: &str) -> Frame {
    let code = SqlState::parse(code.as_bytes()).unwrap();
    DiagnosticBuilder::new(Severity::Error, code, message)
        .error()
        .into_frame()
}

/// The rows of a statement that has some, each well or not.
fn rows_of(text: &str) -> Option<Vec<Done<Vec<u8>>>> {
    let number = number_in(text);
    let mut rows: Vec<Done<Vec<u8>>> = match text.strip_prefix("SELECT ")?.split(' ').next()? {
        "none" => Vec::new(),
        "wide" => vec![Ok(vec![b'w'; number * 37])],
        "broken" => (0..number % 3).map(|row| Ok(vec![b'0'; row])).collect(),
        _ => (0..number % 6).map(|row| Ok(vec![b'1'; row])).collect(),
    };
    if text.contains("broken") {
        rows.push(Err(error("22012", "division by zero")));
    }
    Some(rows)
}

fn description(formats: &Formats) -> RowDescription {
    let format = match formats {
        Formats::All(format) => *format,
        _ => Format::Text,
    };
    let field = |name: &'static [u8]| FieldDescription {
        name: Bytes::from_static(name),
        table_oid: 0,
        column: 0,
        type_oid: 25,
        type_size: -1,
        type_modifier: -1,
        format,
    };
    RowDescription::new(&[field(b"word"), field(b"nothing")]).unwrap()
}
