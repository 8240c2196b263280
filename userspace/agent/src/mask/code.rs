//! Which code of a database's users may change what relations and columns there are.
//!
//! Code that can't is told by its words: a body in SQL or PL/pgSQL that has none of those that
//! definitions need or that run text, and that names no other code that may, nor a relation that runs
//! such code. Words count wherever they stand, in comments and strings as well, so that the test is as
//! easy to trust as it is to fail. Whatever is in another language fails it, and what is too long.
//!
//! Not its job: to know what code reads; any is held to read any table.
//!
//! Known limits: what is written in C is taken for what it says it is, like the server itself.

mod words;

use std::collections::{BTreeSet, HashSet};

use weir_command::{Access, Command, Control, Effect, Verb};

pub use self::words::Body;
use self::words::Names;
use super::{
    catalogue::{Catalogue, RelationOid},
    lineage::{Lineage, UNSPELT, reach},
};

/// A function's `pg_proc.oid`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FunctionOid(pub u32);

/// A function or procedure that is not the system's, nor in C.
#[derive(Debug)]
pub struct Function {
    /// Its id.
    pub oid: FunctionOid,
    /// Its name.
    pub name: String,
    /// What it does.
    pub body: Body,
}

/// The code of a database's users, and what runs it. Plain data.
#[derive(Debug, Default)]
pub struct Code {
    /// Functions and procedures.
    pub functions: Vec<Function>,
    /// Aggregates: the aggregate, its name, and a function that it calls.
    pub aggregates: Vec<(FunctionOid, String, FunctionOid)>,
    /// What reading a relation may call.
    pub reads: Vec<(RelationOid, FunctionOid)>,
    /// What writing to a relation may call beside that.
    pub writes: Vec<(RelationOid, FunctionOid)>,
    /// Relations that are read where others are used so.
    pub along: Vec<(RelationOid, Access, RelationOid)>,
    /// Operators, by their symbols.
    pub operators: Vec<(String, FunctionOid)>,
    /// What is called where nothing is written: by casts, domains and the order of a type's values.
    pub anywhere: Vec<FunctionOid>,
}

/// What of it may change the database's shape.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reshaping {
    /// All functions of the database's users, by their names: what may change nothing is one of them.
    known: HashSet<String>,
    /// Those that may, by their names.
    functions: HashSet<String>,
    operators: HashSet<String>,
    anywhere: bool,
    reads: HashSet<RelationOid>,
    writes: HashSet<RelationOid>,
}

impl Reshaping {
    /// What may, by whatever leads there.
    #[must_use]
    pub fn of(code: &Code, catalogue: &Catalogue) -> Self {
        let texts: Vec<Option<words::Text>> =
            code.functions.iter().map(|f| f.body.read()).collect();
        let words: Vec<Option<BTreeSet<&str>>> = texts
            .iter()
            .map(|text| text.as_ref().and_then(words::Text::harmless))
            .collect();
        let edges = reach::edges(catalogue);
        let mut found = Found::default();
        loop {
            let before = found.count();
            for (function, (words, text)) in code.functions.iter().zip(words.iter().zip(&texts)) {
                let calls = |words: &BTreeSet<&str>| found.names.are_in(words);
                let operates = || {
                    let text = text.as_ref().map(words::Text::as_str).unwrap_or_default();
                    found.operators.iter().any(|symbol| text.contains(symbol))
                };
                if !words
                    .as_ref()
                    .is_some_and(|words| !calls(words) && !operates())
                {
                    found.function(function.oid, &function.name);
                }
            }
            for (aggregate, name, part) in &code.aggregates {
                if found.oids.contains(part) {
                    found.function(*aggregate, name);
                }
            }
            for (symbol, function) in &code.operators {
                if found.oids.contains(function) {
                    found.operators.insert(symbol.clone());
                }
            }
            for (relation, function) in &code.reads {
                if found.oids.contains(function) {
                    found.relation(*relation, Access::Read, catalogue);
                }
            }
            for (relation, function) in &code.writes {
                if found.oids.contains(function) {
                    found.relation(*relation, Access::Write, catalogue);
                }
            }
            for (view, on) in &catalogue.views {
                if on.iter().any(|(base, _)| found.reads.contains(base)) {
                    found.relation(*view, Access::Read, catalogue);
                }
            }
            for (relation, access, read) in &code.along {
                if found.reads.contains(read) {
                    found.relation(*relation, *access, catalogue);
                }
            }
            for (from, to) in &edges {
                if found.writes.contains(to) || found.reads.contains(to) {
                    found.relation(*from, Access::Write, catalogue);
                }
            }
            if found.count() == before {
                break;
            }
        }
        found.done(code)
    }

    /// Whether a relation that is used so runs code that may change the shape.
    #[must_use]
    pub fn runs(&self, relation: RelationOid, access: Access) -> bool {
        match access {
            Access::Read => self.reads.contains(&relation),
            // A write may read as well: what it returns, and which rows it is about.
            Access::Write => self.reads.contains(&relation) || self.writes.contains(&relation),
            Access::Define => false,
        }
    }

    /// Whether a function, or one of that name, may change it.
    fn may(&self, function: &str) -> bool {
        self.functions.contains(bare(function))
    }

    /// Whether all of that name are known, and none of them may.
    fn cannot(&self, function: &str) -> bool {
        self.known.contains(bare(function)) && !self.may(function)
    }

    fn operates(&self, operators: &BTreeSet<String>) -> bool {
        self.anywhere
            || operators
                .iter()
                .any(|symbol| self.operators.contains(symbol))
    }

    /// Whether there is a relation that runs such code.
    fn has_relation(&self) -> bool {
        !self.reads.is_empty() || !self.writes.is_empty()
    }
}

/// A function's name without its schema.
fn bare(function: &str) -> &str {
    function.rsplit('.').next().unwrap_or(function)
}

/// What is found as long as something is added.
#[derive(Default)]
struct Found {
    oids: HashSet<FunctionOid>,
    functions: HashSet<String>,
    operators: HashSet<String>,
    reads: HashSet<RelationOid>,
    writes: HashSet<RelationOid>,
    /// What code names that runs it.
    names: Names,
}

impl Found {
    fn count(&self) -> usize {
        self.oids.len() + self.operators.len() + self.reads.len() + self.writes.len()
    }

    fn function(&mut self, oid: FunctionOid, name: &str) {
        if self.oids.insert(oid) {
            self.names.add(name);
            self.functions.insert(name.to_owned());
        }
    }

    fn relation(&mut self, oid: RelationOid, access: Access, catalogue: &Catalogue) {
        let relations = match access {
            Access::Read => &mut self.reads,
            _ => &mut self.writes,
        };
        if relations.insert(oid)
            && let Some(relation) = catalogue.relations.get(&oid)
        {
            self.names.add(&relation.name);
        }
    }

    fn done(self, code: &Code) -> Reshaping {
        let unspelt = UNSPELT
            .iter()
            .any(|symbol| self.operators.contains(*symbol));
        let known = code.functions.iter().map(|function| function.name.clone());
        Reshaping {
            known: known.collect(),
            functions: self.functions,
            anywhere: unspelt || code.anywhere.iter().any(|oid| self.oids.contains(oid)),
            operators: self.operators,
            reads: self.reads,
            writes: self.writes,
        }
    }
}

/// Whether `command` may change the database's shape by code that its text does not show.
#[must_use]
pub fn may_reshape(command: &Command, lineage: &Lineage) -> bool {
    let code = lineage.reshaping();
    let dynamic = command.effects.contains(&Effect::DynamicCode);
    // What is the session's own hides what others have.
    let forgets = command.control == Control::Discard;
    let by_verb = || match command.verb {
        Verb::FunctionCall => true,
        Verb::Call => !command.functions.iter().all(|f| code.cannot(f)),
        // What it names need not be all that it goes through.
        Verb::Maintain | Verb::Truncate => code.has_relation(),
        _ => dynamic || forgets,
    };
    let by_relation = || {
        command.objects.iter().any(|object| {
            let mut meant = lineage.named(object.schema.as_deref(), &object.name);
            meant.any(|relation| relation.reshapes(object.access))
        })
    };
    by_verb()
        || command.functions.iter().any(|function| code.may(function))
        || command
            .columns
            .named
            .iter()
            .any(|column| code.may(column) && lineage.may_be_call(column))
        || code.operates(&command.operators)
        || by_relation()
}

#[cfg(test)]
mod tests;
