//! What is asked about, and the hash that binds an answer to it.

use std::fmt;

use super::Ask;
use crate::{Subject, Target};

/// What is asked about, exactly.
#[derive(Clone, Copy, Debug)]
pub struct Matter<'a> {
    /// The request's id: an answer to one is none to another, though all else be the same.
    pub request: &'a str,
    /// The session's id.
    pub session: &'a str,
    /// Who asks.
    pub subject: &'a Subject,
    /// Of which target.
    pub target: &'a Target,
    /// The command, byte by byte.
    pub text: &'a [u8],
    /// What came beside the text, byte by byte, as the protocol has it.
    pub parameters: &'a [u8],
    /// The text without its literals, where it could be read.
    pub shape: Option<&'a str>,
}

/// How much a yes is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// This command, once.
    Once,
    /// What the same policies ask about in this session, as long as the policy stays.
    Session,
    /// Statements of the same shape, of the same subject to the same target and database, as long
    /// as the policy stays.
    Shape,
}

/// The hash of what an answer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Binding([u8; 32]);

impl Ask {
    /// What a yes of this scope is bound to; `None` where there is no such scope.
    #[must_use]
    pub fn binding(&self, scope: Scope, matter: &Matter<'_>) -> Option<Binding> {
        let mut hash = Parts::default();
        hash.add(match scope {
            Scope::Once => b"once",
            Scope::Session => b"session",
            Scope::Shape => b"shape",
        });
        hash.add(self.version().as_str().as_bytes());
        hash.add(matter.subject.id.as_bytes());
        hash.add(
            matter
                .subject
                .on_behalf_of
                .as_deref()
                .unwrap_or("")
                .as_bytes(),
        );
        hash.add(matter.target.name.as_bytes());
        hash.add(matter.target.protocol.as_bytes());
        hash.add(matter.target.database.as_bytes());
        for id in self.deciding() {
            hash.add(id.as_bytes());
        }
        hash.add(b"");
        match scope {
            Scope::Once => {
                hash.add(matter.request.as_bytes());
                hash.add(matter.session.as_bytes());
                hash.add(matter.text);
                hash.add(matter.parameters);
            }
            Scope::Session => hash.add(matter.session.as_bytes()),
            Scope::Shape => hash.add(matter.shape?.as_bytes()),
        }
        Some(Binding(*hash.0.finalize().as_bytes()))
    }
}

/// A hash of parts, of which none can pass for the end of one and the start of another.
#[derive(Default)]
struct Parts(blake3::Hasher);

impl Parts {
    fn add(&mut self, part: &[u8]) {
        self.0.update(blake3::hash(part).as_bytes());
    }
}

impl fmt::Display for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
