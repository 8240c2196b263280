//! What a message asks for, in the terms that signals count. Made once for a text, not each time
//! that it is carried out.

use weir_command::{Effect, Statement, Verb};

use crate::{judge::Facts, path, vocabulary::RESOLVE};

/// Most things of a kind that one message is counted with.
const MOST: usize = 4096;
/// Longest name that is kept for people, in bytes.
const MAX_SHOWN: usize = 200;

/// The name of a table, a function or an action, as a digest: no two are mistaken for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Item([u8; 16]);

/// One thing that a message names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Thing {
    pub(super) item: Item,
    /// For people.
    pub(super) name: Box<str>,
}

/// What a message asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Footprint {
    /// How many statements it has carried out.
    pub(super) statements: u64,
    /// How many sessions it opens.
    pub(super) sessions: u64,
    /// The actions that policy is asked about.
    pub(super) actions: Vec<Thing>,
    /// It runs something that its text does not show, or was not read.
    pub(super) hidden: bool,
    /// It is a question to the DNS.
    pub(super) lookup: bool,
    pub(super) tables: Vec<Thing>,
    pub(super) functions: Vec<Thing>,
}

impl Footprint {
    /// The footprint of statements.
    #[must_use]
    pub fn of<'a>(statements: impl IntoIterator<Item = &'a Statement>) -> Self {
        let mut footprint = Self::default();
        for statement in statements {
            footprint.add(statement);
        }
        // What a session is opened with are no statements of it.
        if footprint.sessions > 0 {
            footprint.statements = 0;
        }
        footprint
    }

    /// The footprint of a question to the DNS.
    #[must_use]
    pub fn of_lookup() -> Self {
        Self {
            statements: 1,
            actions: vec![Thing::named(RESOLVE)],
            lookup: true,
            ..Self::default()
        }
    }

    fn add(&mut self, statement: &Statement) {
        let facts = Facts::of(statement);
        note(&mut self.actions, facts.action());
        let Statement::Command(command) = statement else {
            self.statements += 1;
            self.hidden = true;
            return;
        };
        match command.verb {
            Verb::Connect => self.sessions += 1,
            _ => self.statements += 1,
        }
        self.hidden |= command.effects.contains(&Effect::DynamicCode)
            || matches!(
                command.verb,
                Verb::Execute | Verb::Fetch | Verb::Call | Verb::Do | Verb::FunctionCall
            );
        for object in &command.objects {
            note(&mut self.actions, facts.action_on(object.access));
            let names = [&object.database, &object.schema];
            let names = names.into_iter().filter_map(Option::as_deref);
            note(&mut self.tables, &path::join(names.chain([&*object.name])));
        }
        for function in &command.functions {
            note(&mut self.functions, function);
        }
    }

    /// Whether it does, or may do, one of these actions; `None` are all but the DNS's.
    pub(super) fn does(&self, actions: Option<&[Box<str>]>) -> bool {
        match actions {
            None => !self.lookup,
            Some(actions) => {
                self.hidden || self.actions.iter().any(|done| actions.contains(&done.name))
            }
        }
    }
}

fn note(things: &mut Vec<Thing>, name: &str) {
    let item = Item::of(name);
    if things.len() < MOST && things.iter().all(|thing| thing.item != item) {
        things.push(Thing::named(name));
    }
}

impl Thing {
    pub(super) fn named(name: &str) -> Self {
        let end = name.floor_char_boundary(MAX_SHOWN);
        let mut shown: String = name
            .get(..end)
            .unwrap_or_default()
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        if end < name.len() {
            shown.push('…');
        }
        Self {
            item: Item::of(name),
            name: shown.into(),
        }
    }
}

impl Item {
    pub(super) fn of(name: &str) -> Self {
        let mut bytes = [0; 16];
        blake3::Hasher::new()
            .update(name.as_bytes())
            .finalize_xof()
            .fill(&mut bytes);
        Self(bytes)
    }

    pub(super) fn to_hex(self) -> String {
        format!("{:032x}", u128::from_be_bytes(self.0))
    }

    pub(super) fn from_hex(text: &str) -> Option<Self> {
        let number = u128::from_str_radix(text, 16).ok()?;
        (text.len() == 32).then_some(Self(number.to_be_bytes()))
    }

    #[cfg(test)]
    pub(super) fn from_number(number: u128) -> Self {
        Self(number.to_be_bytes())
    }
}
