//! What a client says in a session: steps, each made from two numbers, so that a seed or a property
//! test can choose them.

use weir_wire::postgres::{
    Format::{Binary, Text},
    Formats, Frame,
    frontend::{
        Bind, Close, CopyData, CopyDone, CopyFail, Describe, Execute, Flush, FunctionCall,
        ObjectKind, Parse, Query, Sync,
    },
};

use super::chance::Chance;

/// Kinds of statements: see [`text`].
const TEXTS: u8 = 14;

/// A statement. What the server makes of it follows from its words alone.
pub(crate) fn text(kind: u8, number: u16) -> String {
    let what = match kind % TEXTS {
        0 => "SELECT few FROM numbers WHERE k =",
        1 => "SELECT broken FROM numbers WHERE k =",
        2 => "SELECT loud FROM numbers WHERE k =",
        3 => "SELECT wide FROM numbers WHERE k =",
        4 => "INSERT INTO numbers VALUES",
        5 => return "BEGIN".to_owned(),
        6 => return "COMMIT".to_owned(),
        7 => return "ROLLBACK".to_owned(),
        8 => return format!("SET application_name = 'a{number}'"),
        9 => return format!("NOTIFY numbers, '{number}'"),
        10 => return String::new(),
        11 => "SELEKT",
        12 => return "COPY numbers TO STDOUT".to_owned(),
        _ => "SELECT none FROM numbers WHERE k =",
    };
    if what.starts_with("INSERT") {
        return format!("{what} ({number})");
    }
    format!("{what} {number}")
}

/// One step: messages that end with one or more ReadyForQuery.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) kind: u8,
    pub(crate) choices: u64,
}

impl Step {
    /// The steps of a session.
    pub(crate) fn session(chance: &mut Chance, most: usize) -> Vec<Self> {
        let count = 1 + chance.below(most);
        let mut step = || Self {
            kind: u8::try_from(chance.below(8)).unwrap(),
            choices: chance.next(),
        };
        (0..count).map(|_| step()).collect()
    }

    pub(crate) fn frames(self) -> Vec<Frame> {
        let mut chance = Chance::new(self.choices);
        match self.kind % 8 {
            0 | 1 => vec![simple(&mut chance)],
            2..=4 => extended(&mut chance),
            5 => copy_in(&mut chance),
            6 => vec![call(&mut chance)],
            _ => replicate(&mut chance),
        }
    }
}

/// All that a client says, message by message.
pub(crate) fn frames(steps: &[Step]) -> Vec<Frame> {
    steps.iter().flat_map(|step| step.frames()).collect()
}

fn any_text(chance: &mut Chance) -> String {
    let kind = u8::try_from(chance.below(TEXTS.into())).unwrap();
    text(kind, u16::try_from(chance.below(300)).unwrap())
}

fn query(text: &str) -> Frame {
    Query::new(text.as_bytes()).unwrap().into_frame()
}

fn simple(chance: &mut Chance) -> Frame {
    let count = if chance.one_in(3) { 3 } else { 1 };
    let texts: Vec<String> = (0..count).map(|_| any_text(chance)).collect();
    query(&texts.join("; "))
}

/// Statements up to one Sync, each parsed, bound and executed, by pieces or not.
fn extended(chance: &mut Chance) -> Vec<Frame> {
    let mut frames = Vec::new();
    for _ in 0..1 + chance.below(3) {
        let named = chance.one_in(2);
        let number = chance.below(3);
        let (s, p) = if named {
            (format!("s{number}"), format!("p{number}"))
        } else {
            (String::new(), String::new())
        };
        let (s, p) = (s.as_bytes(), p.as_bytes());
        let close = |kind, name: &[u8]| Close::new(kind, name).unwrap().into_frame();
        let describe = |kind, name: &[u8]| Describe::new(kind, name).unwrap().into_frame();
        let execute = |limit| Execute::new(p, limit).unwrap().into_frame();
        if named {
            frames.push(close(ObjectKind::Statement, s));
            frames.push(close(ObjectKind::Portal, p));
        }
        let types: &[u32] = if chance.one_in(2) { &[23] } else { &[] };
        let parse = Parse::new(s, any_text(chance).as_bytes(), types).unwrap();
        frames.push(parse.into_frame());
        if chance.one_in(3) {
            frames.push(describe(ObjectKind::Statement, s));
        }
        let value: &[u8] = &[0, 0, 0, 7];
        let values: &[Option<&[u8]>] = match types {
            [] => &[],
            _ if chance.one_in(3) => &[None],
            _ => &[Some(value)],
        };
        let results = if chance.one_in(2) {
            Formats::All(Binary)
        } else {
            Formats::None
        };
        let bind = Bind::new(p, s, &Formats::All(Binary), values, &results);
        frames.push(bind.unwrap().into_frame());
        if chance.one_in(3) {
            frames.push(describe(ObjectKind::Portal, p));
        }
        for limit in [2, 1] {
            if chance.one_in(3) {
                frames.push(execute(limit));
            }
        }
        frames.push(execute(0));
        if chance.one_in(3) {
            frames.push(Flush::new().into_frame());
        }
        if chance.one_in(3) {
            frames.push(close(ObjectKind::Portal, p));
        }
    }
    frames.push(Sync::new().into_frame());
    frames
}

/// Rows for the server, by a query or by a portal, which may end well, or not, or not be wanted.
fn copy_in(chance: &mut Chance) -> Vec<Frame> {
    let text = "COPY numbers FROM STDIN";
    let by_portal = chance.one_in(2);
    let mut frames = if by_portal {
        let bind = Bind::new(b"", b"", &Formats::None, &[], &Formats::None);
        vec![
            Parse::new(b"", text.as_bytes(), &[]).unwrap().into_frame(),
            bind.unwrap().into_frame(),
            Execute::new(b"", 0).unwrap().into_frame(),
        ]
    } else {
        vec![query(text)]
    };
    // As libpq does: it is passed over where the copy has begun.
    if by_portal && chance.one_in(2) {
        frames.push(Sync::new().into_frame());
    }
    for _ in 0..chance.below(4) {
        let row = if chance.one_in(5) { "wrong" } else { "1\n" };
        frames.push(CopyData::new(row.as_bytes()).unwrap().into_frame());
    }
    frames.push(if chance.one_in(3) {
        CopyFail::new(b"changed my mind").unwrap().into_frame()
    } else {
        CopyDone::new().into_frame()
    });
    if by_portal {
        frames.push(Sync::new().into_frame());
    }
    frames
}

fn call(chance: &mut Chance) -> Frame {
    let function = u32::try_from(chance.below(9)).unwrap();
    let one: &[u8] = &[0, 0, 0, 1];
    let arguments = [Some(one), None];
    FunctionCall::new(function, &Formats::All(Binary), &arguments, Text)
        .unwrap()
        .into_frame()
}

/// A stream of changes both ways.
fn replicate(chance: &mut Chance) -> Vec<Frame> {
    let text = format!("START_REPLICATION SLOT \"s\" LOGICAL 0/{}", chance.below(9));
    let mut frames = vec![query(&text)];
    for _ in 0..chance.below(4) {
        let said = CopyData::new(b"r: so far").unwrap();
        frames.push(said.into_frame());
    }
    frames.push(CopyDone::new().into_frame());
    frames
}
