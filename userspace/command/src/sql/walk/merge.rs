//! `MERGE`.

use sqlparser::ast::{
    Merge, MergeAction, MergeClause, MergeClauseKind, MergeInsertExpr, MergeInsertKind,
    MergeUpdateExpr, MergeUpdateKind,
};

use super::Walk;
use super::write::{DIALECT, Sources};
use crate::model::{Effect, Verb};
use crate::sql::unread::Unread;

impl Walk {
    /// `MERGE`.
    pub(super) fn merge(&mut self, merge: &Merge) -> Result<(), Unread> {
        let Merge {
            merge_token: _,
            optimizer_hints: _,
            into,
            table,
            source,
            on,
            clauses,
            output,
        } = merge;
        if !into {
            return Err(DIALECT);
        }
        let target = self.target_factor(table)?;
        let read = self.apart(|walk| walk.factor(source))?;
        let sources = if read.reads {
            Sources::Others
        } else {
            Sources::Itself
        };
        self.facts.absorb(read);
        let predicate = self.predicate(Some(on))?;
        for MergeClause {
            when_token: _,
            clause_kind,
            predicate: condition,
            action,
        } in clauses
        {
            let writes = matches!(action, MergeAction::Update(_) | MergeAction::Delete { .. });
            match clause_kind {
                // Whatever ON says, all other rows are meant.
                MergeClauseKind::NotMatchedBySource if writes => {
                    self.ledger.credit("source");
                    let own = self.predicate(condition.as_ref())?;
                    self.facts.wrote(Verb::Merge, own);
                }
                MergeClauseKind::NotMatchedBySource => self.ledger.credit("source"),
                MergeClauseKind::NotMatchedByTarget => self.ledger.credit("target"),
                MergeClauseKind::Matched | MergeClauseKind::NotMatched => {}
            }
            if !(writes && *clause_kind == MergeClauseKind::NotMatchedBySource) {
                self.deciding(|walk| walk.all(condition))?;
            }
            self.merge_action(action, sources)?;
        }
        self.facts.wrote(Verb::Merge, predicate);
        self.returning(&target, None, output.as_ref())
    }

    fn merge_action(&mut self, action: &MergeAction, sources: Sources) -> Result<(), Unread> {
        match action {
            MergeAction::DoNothing { .. } => Ok(()),
            MergeAction::Delete { .. } => {
                self.facts.columns.all_written = true;
                Ok(())
            }
            MergeAction::Update(MergeUpdateExpr {
                update_token: _,
                kind: MergeUpdateKind::Set(assignments),
                update_predicate: None,
                delete_predicate: None,
            }) => self.assignments(assignments, sources),
            MergeAction::Insert(MergeInsertExpr {
                insert_token: _,
                columns,
                kind_token: _,
                kind: MergeInsertKind::Values(values),
                insert_predicate: None,
            }) => {
                self.inserted(columns)?;
                let read = self.apart(|walk| walk.values(values))?;
                if read.reads
                    || sources == Sources::Others
                        && (read.columns.all || !read.columns.named.is_empty())
                {
                    self.facts.effects.insert(Effect::Derives);
                }
                self.facts.absorb(read);
                Ok(())
            }
            MergeAction::Update(_) | MergeAction::Insert(_) => Err(DIALECT),
        }
    }
}
