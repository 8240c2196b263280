//! What a reading of the catalogue says of a text's own statements, remembered as long as that is the
//! reading in force.

use std::sync::{Arc, Mutex, PoisonError};

use weir_command::{Access, Command, Object, Statement, Verb};

use super::path;
use crate::mask::{code, exposure, lineage::Lineage};

/// What it says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Traits {
    /// It has all that they read and write.
    pub known: bool,
    /// They run code that no text shows.
    pub runs_code: bool,
    /// They run code that may change the database's shape.
    pub reshapes: bool,
    /// They may change the search path, or what it stands for.
    pub moves_path: bool,
    /// What they mean hangs on the search path.
    pub ambiguous: bool,
}

/// What the last reading said.
#[derive(Debug, Default)]
pub(super) struct Seen(Mutex<Option<(Arc<Lineage>, Traits)>>);

impl Seen {
    /// What this reading says of these statements, which are always the same.
    #[must_use]
    pub(super) fn traits(&self, statements: &[Statement], lineage: &Arc<Lineage>) -> Traits {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((by, traits)) = &*seen
            && Arc::ptr_eq(by, lineage)
        {
            return *traits;
        }
        let any = |is: &dyn Fn(&Statement) -> bool| statements.iter().any(is);
        let traits = Traits {
            known: !any(&|statement| !is_known(statement, lineage)),
            runs_code: any(&|statement| match statement {
                Statement::Command(command) => runs_code(command, lineage),
                Statement::Opaque(_) => true,
            }),
            reshapes: any(&|statement| reshapes(statement, lineage)),
            moves_path: any(&|statement| path::may_move(statement, lineage)),
            ambiguous: any(&|statement| lineage.is_ambiguous(statement)),
        };
        *seen = Some((Arc::clone(lineage), traits));
        traits
    }
}

fn is_known(statement: &Statement, lineage: &Lineage) -> bool {
    let known = |object: &Object| {
        let mut named = lineage.named(object.schema.as_deref(), &object.name);
        object.access == Access::Define || named.next().is_some()
    };
    match statement {
        Statement::Command(command) => command.objects.iter().all(known),
        Statement::Opaque(_) => true,
    }
}

/// Whether carrying a command out may run code that its text does not show: what it calls, what is
/// behind the views that it reads, and triggers, rules, checks and defaults of what it writes to.
pub(super) fn runs_code(command: &Command, lineage: &Lineage) -> bool {
    let by_relation = || {
        command.objects.iter().any(|object| {
            let mut meant = lineage.named(object.schema.as_deref(), &object.name);
            meant.any(|relation| match object.access {
                Access::Read => relation.calls_code(),
                Access::Write | Access::Define => relation.is_reactive() || relation.calls_code(),
            })
        })
    };
    // What these name need not be all that they go through.
    matches!(command.verb, Verb::Maintain | Verb::Truncate)
        || exposure::runs_code(command, lineage)
        || by_relation()
}

/// What can't be read counts as what is said to change the shape.
fn reshapes(statement: &Statement, lineage: &Lineage) -> bool {
    match statement {
        Statement::Command(command) => code::may_reshape(command, lineage),
        Statement::Opaque(_) => false,
    }
}
