//! Statements that change rows: `INSERT`, `UPDATE`, `DELETE`, and what they share with `MERGE`.
//!
//! The table written is never a common table expression, whatever is in sight: the server looks
//! for a real table there.

use sqlparser::ast::{
    Assignment, AssignmentTarget, BinaryOperator, ConflictTarget, Delete, DoUpdate, Expr,
    FromTable, Ident, Insert, ObjectName, OnConflict, OnConflictAction, OnInsert, OutputClause,
    SelectItem, TableAlias, TableAliasWithoutColumns, TableFactor, TableObject, TableWithJoins,
    Update, UpdateTableFromKind,
};

use super::Walk;
use super::expression::bare;
use crate::model::{Access, Effect, Object, Predicate, Verb};
use crate::sql::facts::Facts;
use crate::sql::unread::Unread;

pub(super) const DIALECT: Unread = Unread::Unsupported("a write of another dialect");

/// What the values of a write may name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sources {
    /// Columns of the row that is written, and of the row that would have been inserted.
    Proposed,
    /// Columns of the row that is written.
    Itself,
    /// Columns of other relations too.
    Others,
}

impl Walk {
    /// `INSERT`.
    pub(super) fn insert(&mut self, insert: &Insert) -> Result<(), Unread> {
        let Insert {
            insert_token: _,
            optimizer_hints: _,
            or,
            ignore,
            into,
            table,
            table_alias,
            columns,
            overwrite,
            source,
            assignments,
            partitioned,
            after_columns,
            has_table_keyword,
            on,
            returning,
            output,
            replace_into,
            priority,
            insert_alias,
            settings,
            format_clause,
            multi_table_insert_type,
            multi_table_into_clauses,
            multi_table_when_clauses,
            multi_table_else_clause,
        } = insert;
        let foreign = or.is_some()
            || *ignore
            || !into
            || *overwrite
            || !assignments.is_empty()
            || partitioned.is_some()
            || !after_columns.is_empty()
            || *has_table_keyword
            || *replace_into
            || priority.is_some()
            || insert_alias.is_some()
            || settings.is_some()
            || format_clause.is_some()
            || multi_table_insert_type.is_some()
            || !multi_table_into_clauses.is_empty()
            || !multi_table_when_clauses.is_empty()
            || multi_table_else_clause.is_some();
        let TableObject::TableName(name) = table else {
            return Err(DIALECT);
        };
        if foreign {
            return Err(DIALECT);
        }
        let alias = table_alias
            .as_ref()
            .map(|TableAliasWithoutColumns { explicit: _, alias }| alias);
        let target = self.target(name, alias)?;
        self.inserted(columns)?;
        if let Some(source) = source {
            let read = self.apart(|walk| walk.query(source))?;
            if read.reads {
                self.facts.effects.insert(Effect::Derives);
            }
            self.facts.absorb(read);
        }
        if let Some(on) = on {
            let OnInsert::OnConflict(conflict) = on else {
                return Err(DIALECT);
            };
            self.conflict(conflict)?;
        }
        self.facts.wrote(Verb::Insert, Predicate::NotApplicable);
        self.returning(&target, returning.as_deref(), output.as_ref())
    }

    fn conflict(&mut self, conflict: &OnConflict) -> Result<(), Unread> {
        let OnConflict {
            conflict_target,
            action,
        } = conflict;
        // Whether a value is there already, and in which row, is what comes of it.
        match conflict_target {
            None => {}
            Some(ConflictTarget::Columns(columns)) => {
                for column in columns {
                    let name = self.name(column)?;
                    self.facts.columns.deciding.insert(name.clone());
                    self.facts.columns.named.insert(name);
                }
            }
            Some(ConflictTarget::OnConstraint(name)) => {
                self.parts(name)?;
                self.facts.columns.all_deciding = true;
            }
        }
        match action {
            OnConflictAction::DoNothing => Ok(()),
            OnConflictAction::DoUpdate(DoUpdate {
                assignments,
                selection,
            }) => {
                self.assignments(assignments, Sources::Proposed)?;
                self.deciding(|walk| walk.all(selection))
            }
        }
    }

    /// `UPDATE`.
    pub(super) fn update(&mut self, update: &Update) -> Result<(), Unread> {
        let Update {
            update_token: _,
            optimizer_hints: _,
            table,
            assignments,
            from,
            selection,
            returning,
            output,
            or,
            order_by,
            limit,
        } = update;
        if or.is_some() || !order_by.is_empty() || limit.is_some() {
            return Err(DIALECT);
        }
        let target = self.target_table(table)?;
        let sources = match from {
            None => Sources::Itself,
            Some(UpdateTableFromKind::AfterSet(tables)) => {
                tables.iter().try_for_each(|table| self.joined(table))?;
                Sources::Others
            }
            Some(UpdateTableFromKind::BeforeSet(_)) => return Err(DIALECT),
        };
        self.assignments(assignments, sources)?;
        let predicate = self.predicate(selection.as_ref())?;
        self.facts.wrote(Verb::Update, predicate);
        self.returning(&target, returning.as_deref(), output.as_ref())
    }

    /// `DELETE`.
    pub(super) fn delete(&mut self, delete: &Delete) -> Result<(), Unread> {
        let Delete {
            delete_token: _,
            optimizer_hints: _,
            tables,
            from,
            using,
            selection,
            returning,
            output,
            order_by,
            limit,
        } = delete;
        let FromTable::WithFromKeyword(from) = from else {
            return Err(DIALECT);
        };
        let [table] = from.as_slice() else {
            return Err(DIALECT);
        };
        if !tables.is_empty() || !order_by.is_empty() || limit.is_some() {
            return Err(DIALECT);
        }
        let target = self.target_table(table)?;
        for table in using.iter().flatten() {
            self.joined(table)?;
        }
        let predicate = self.predicate(selection.as_ref())?;
        self.facts.columns.all_written = true;
        self.facts.wrote(Verb::Delete, predicate);
        self.returning(&target, returning.as_deref(), output.as_ref())
    }

    /// `SET column = value, …`.
    pub(super) fn assignments(
        &mut self,
        assignments: &[Assignment],
        sources: Sources,
    ) -> Result<(), Unread> {
        for Assignment { target, value } in assignments {
            let column = match target {
                AssignmentTarget::ColumnName(name) => {
                    let parts = self.parts(name)?;
                    self.facts.columns.written.extend(parts.iter().cloned());
                    parts.into_iter().next()
                }
                AssignmentTarget::Tuple(names) => {
                    self.written(names)?;
                    None
                }
            };
            let read = self.apart(|walk| walk.expression(value))?;
            // elsewhere `excluded` may be an alias of the table itself
            let proposed = sources == Sources::Proposed && is_excluded(value);
            let only_itself = sources != Sources::Others
                && !read.columns.all
                && (proposed
                    || read
                        .columns
                        .named
                        .iter()
                        .all(|name| Some(name) == column.as_ref()));
            if read.reads || !only_itself && (read.columns.all || !read.columns.named.is_empty()) {
                self.facts.effects.insert(Effect::Derives);
            }
            if only_itself && !proposed && !is_step(value) {
                self.facts
                    .columns
                    .reworked
                    .extend(read.columns.named.iter().cloned());
            }
            self.facts.absorb(read);
        }
        Ok(())
    }

    /// Runs a part of the walk with facts of its own.
    pub(super) fn apart(
        &mut self,
        part: impl FnOnce(&mut Self) -> Result<(), Unread>,
    ) -> Result<Facts, Unread> {
        let outer = std::mem::take(&mut self.facts);
        let results = std::mem::take(&mut self.results);
        let result = part(self);
        self.results = results;
        let inner = std::mem::replace(&mut self.facts, outer);
        result.map(|()| inner)
    }

    /// Notes the columns of an `INSERT`, which without a list are all.
    pub(super) fn inserted(&mut self, columns: &[ObjectName]) -> Result<(), Unread> {
        self.facts.columns.all_written |= columns.is_empty();
        self.written(columns)
    }

    /// Notes columns that are assigned.
    fn written(&mut self, columns: &[ObjectName]) -> Result<(), Unread> {
        for column in columns {
            let parts = self.parts(column)?;
            self.facts.columns.written.extend(parts);
        }
        Ok(())
    }

    /// `RETURNING`, which also reads the rows that were written.
    pub(super) fn returning(
        &mut self,
        target: &Object,
        returning: Option<&[SelectItem]>,
        output: Option<&OutputClause>,
    ) -> Result<(), Unread> {
        let items = match (returning, output) {
            (None, None) => return Ok(()),
            (Some(items), None) => items,
            (
                None,
                Some(OutputClause::Returning {
                    returning_token: _,
                    select_items,
                }),
            ) => select_items,
            (_, Some(_)) => return Err(DIALECT),
        };
        self.facts.object(Object {
            access: Access::Read,
            ..target.clone()
        });
        self.facts.reads = true;
        self.items(items)
    }

    fn target_table(&mut self, table: &TableWithJoins) -> Result<Object, Unread> {
        let TableWithJoins { relation, joins } = table;
        if joins.is_empty() {
            self.target_factor(relation)
        } else {
            Err(DIALECT)
        }
    }

    pub(super) fn target_factor(&mut self, factor: &TableFactor) -> Result<Object, Unread> {
        let TableFactor::Table {
            name,
            alias,
            args: None,
            with_hints,
            version: None,
            with_ordinality: false,
            partitions,
            json_path: None,
            sample: None,
            index_hints,
        } = factor
        else {
            return Err(DIALECT);
        };
        if !with_hints.is_empty() || !partitions.is_empty() || !index_hints.is_empty() {
            return Err(DIALECT);
        }
        match alias {
            None => self.target(name, None),
            Some(TableAlias {
                explicit: _,
                name: alias,
                columns,
                at: None,
            }) if columns.is_empty() => self.target(name, Some(alias)),
            Some(_) => Err(DIALECT),
        }
    }

    /// The table that is written.
    fn target(&mut self, name: &ObjectName, alias: Option<&Ident>) -> Result<Object, Unread> {
        let object = self.object(name, Access::Write)?;
        if object.name == "pg_settings"
            && matches!(object.schema.as_deref(), None | Some("pg_catalog"))
        {
            return Err(Unread::ChangesLexing(
                "a change of settings by way of pg_settings",
            ));
        }
        self.facts.row(object.name.clone());
        if let Some(alias) = alias {
            let alias = self.name(alias)?;
            self.facts.row(alias);
        }
        // what RETURNING and ON CONFLICT call the rows
        for name in ["old", "new", "excluded"] {
            self.facts.row(name.to_owned());
        }
        self.facts.object(object.clone());
        Ok(object)
    }
}

/// True for `excluded.column`: what the statement itself wanted to insert.
fn is_excluded(value: &Expr) -> bool {
    matches!(value, Expr::CompoundIdentifier(parts) if parts.len() == 2 && parts.first().is_some_and(|p| p.value == "excluded"))
}

/// Whether it is a value as it is, or with a constant added or subtracted.
fn is_step(mut expr: &Expr) -> bool {
    loop {
        match bare(expr) {
            Expr::BinaryOp {
                left,
                op: BinaryOperator::Plus | BinaryOperator::Minus,
                right,
            } if matches!(bare(right), Expr::Value(_)) => expr = left,
            Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::Value(_) => return true,
            _ => return false,
        }
    }
}
