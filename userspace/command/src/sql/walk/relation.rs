//! `FROM`: tables, functions, subqueries and joins.

use sqlparser::ast::{
    FunctionArg, Join, JoinConstraint, JoinOperator, ObjectName, TableAlias, TableAliasColumnDef,
    TableFactor, TableFunctionArgs, TableSample, TableSampleKind, TableSampleQuantity,
    TableWithJoins,
};

use super::Walk;
use super::name::last_of;
use crate::model::Access;
use crate::sql::made::Made;
use crate::sql::unread::Unread;

const DIALECT: Unread = Unread::Unsupported("a relation of another dialect");

impl Walk {
    /// A relation with what is joined to it.
    pub(super) fn joined(&mut self, table: &TableWithJoins) -> Result<(), Unread> {
        let TableWithJoins { relation, joins } = table;
        self.factor(relation)?;
        for Join {
            relation,
            global,
            join_operator,
        } in joins
        {
            if *global {
                return Err(DIALECT);
            }
            self.factor(relation)?;
            match join_operator {
                JoinOperator::Join(constraint)
                | JoinOperator::Inner(constraint)
                | JoinOperator::Left(constraint)
                | JoinOperator::LeftOuter(constraint)
                | JoinOperator::Right(constraint)
                | JoinOperator::RightOuter(constraint)
                | JoinOperator::FullOuter(constraint)
                | JoinOperator::CrossJoin(constraint) => self.constraint(constraint)?,
                JoinOperator::Semi(_)
                | JoinOperator::LeftSemi(_)
                | JoinOperator::RightSemi(_)
                | JoinOperator::Anti(_)
                | JoinOperator::LeftAnti(_)
                | JoinOperator::RightAnti(_)
                | JoinOperator::CrossApply
                | JoinOperator::OuterApply
                | JoinOperator::AsOf { .. }
                | JoinOperator::StraightJoin(_)
                | JoinOperator::ArrayJoin
                | JoinOperator::LeftArrayJoin
                | JoinOperator::InnerArrayJoin => return Err(DIALECT),
            }
        }
        Ok(())
    }

    fn constraint(&mut self, constraint: &JoinConstraint) -> Result<(), Unread> {
        match constraint {
            JoinConstraint::On(expr) => self.deciding(|walk| walk.expression(expr)),
            JoinConstraint::Using(columns) => {
                for column in columns {
                    let parts = self.parts(column)?;
                    parts
                        .iter()
                        .for_each(|part| self.makings.column(part.clone()));
                    self.facts.columns.deciding.extend(parts.iter().cloned());
                    self.facts.columns.named.extend(parts);
                }
                Ok(())
            }
            JoinConstraint::Natural => {
                self.makings.all();
                self.facts.columns.all = true;
                self.facts.columns.all_deciding = true;
                Ok(())
            }
            JoinConstraint::None => Ok(()),
        }
    }

    /// One relation.
    pub(super) fn factor(&mut self, factor: &TableFactor) -> Result<(), Unread> {
        match factor {
            TableFactor::Table {
                name,
                alias,
                args,
                with_hints,
                version: None,
                with_ordinality: _,
                partitions,
                json_path: None,
                sample,
                index_hints,
            } if with_hints.is_empty() && partitions.is_empty() && index_hints.is_empty() => {
                match args {
                    Some(TableFunctionArgs {
                        args,
                        settings: None,
                    }) => self.table_function(name, args)?,
                    Some(TableFunctionArgs {
                        settings: Some(_), ..
                    }) => return Err(DIALECT),
                    None => self.relation(name, alias.as_ref())?,
                }
                if let Some(
                    TableSampleKind::BeforeTableAlias(sample)
                    | TableSampleKind::AfterTableAlias(sample),
                ) = sample
                {
                    self.sample(sample)?;
                }
                if args.is_some() {
                    self.alias_of_call(alias.as_ref())
                } else {
                    self.alias(alias.as_ref())
                }
            }
            TableFactor::Derived {
                lateral: _,
                subquery,
                alias,
                sample: None,
            } => {
                let results = self.results_of(subquery)?;
                let columns = alias.as_ref().map_or(&[][..], |alias| &alias.columns);
                self.called_outside(&subquery.body, columns, &results);
                self.alias(alias.as_ref())
            }
            TableFactor::Function {
                lateral: _,
                name,
                args,
                with_ordinality: _,
                alias,
            } => {
                self.table_function(name, args)?;
                self.alias_of_call(alias.as_ref())
            }
            TableFactor::NestedJoin {
                table_with_joins,
                alias,
            } => {
                self.joined(table_with_joins)?;
                // `(people JOIN orders …) AS j (a, b)` gives their columns other names
                self.called_anew(alias.as_ref());
                self.any_called_anew(alias.as_ref());
                self.alias(alias.as_ref())
            }
            TableFactor::Table { .. }
            | TableFactor::Derived { .. }
            | TableFactor::TableFunction { .. }
            | TableFactor::UNNEST { .. }
            | TableFactor::JsonTable { .. }
            | TableFactor::OpenJsonTable { .. }
            | TableFactor::Pivot { .. }
            | TableFactor::Unpivot { .. }
            | TableFactor::UnpivotExpr { .. }
            | TableFactor::MatchRecognize { .. }
            | TableFactor::XmlTable { .. }
            | TableFactor::SemanticView { .. } => Err(DIALECT),
        }
    }

    /// A table that is read, or a common table expression in sight.
    fn relation(&mut self, name: &ObjectName, alias: Option<&TableAlias>) -> Result<(), Unread> {
        let object = self.object(name, Access::Read)?;
        self.facts.reads = true;
        self.facts.row(object.name.clone());
        self.called_anew(alias);
        let is_common =
            object.schema.is_none() && self.scopes.iter().any(|scope| scope.contains(&object.name));
        if is_common {
            return Ok(());
        }
        self.any_called_anew(alias);
        self.facts.object(object);
        Ok(())
    }

    /// Columns of relations, by other names: each may be any.
    fn called_anew(&mut self, alias: Option<&TableAlias>) {
        for column in alias.iter().flat_map(|alias| &alias.columns) {
            let name = &column.name.value;
            self.makings.name(name, Made::OfAll);
        }
    }

    /// `people AS p (a, b)` gives its columns other names, by which all may be meant.
    fn any_called_anew(&mut self, alias: Option<&TableAlias>) {
        let any = alias.is_some_and(|alias| !alias.columns.is_empty());
        self.facts.columns.all |= any;
        if any {
            self.makings.all();
        }
    }

    fn table_function(&mut self, name: &ObjectName, args: &[FunctionArg]) -> Result<(), Unread> {
        self.called(name, args)?;
        let mut todo = Vec::new();
        self.arguments(args, &mut todo)?;
        // how many rows there are, and what is asked of them by the name of the whole
        self.deciding(|walk| walk.all(todo))?;
        self.facts.rows.extend(last_of(name).map(str::to_owned));
        Ok(())
    }

    /// An alias, which names whole rows from here on.
    fn alias(&mut self, alias: Option<&TableAlias>) -> Result<(), Unread> {
        self.alias_of_call(alias)?;
        let name = alias.map(|alias| alias.name.value.clone());
        self.facts.relations.extend(name);
        Ok(())
    }

    /// The same of what a function returns.
    fn alias_of_call(&mut self, alias: Option<&TableAlias>) -> Result<(), Unread> {
        let Some(TableAlias {
            explicit: _,
            name,
            columns,
            at,
        }) = alias
        else {
            return Ok(());
        };
        if at.is_some() {
            return Err(DIALECT);
        }
        for TableAliasColumnDef { name, data_type } in columns {
            self.name(name)?;
            if let Some(data_type) = data_type {
                self.data_type(data_type);
            }
        }
        let name = self.name(name)?;
        self.facts.rows.insert(name);
        Ok(())
    }

    fn sample(&mut self, sample: &TableSample) -> Result<(), Unread> {
        let TableSample {
            modifier: _,
            name: _,
            quantity,
            seed: _,
            bucket: None,
            offset: None,
        } = sample
        else {
            return Err(DIALECT);
        };
        match quantity {
            Some(TableSampleQuantity {
                parenthesized: _,
                value,
                unit: None,
            }) => self.deciding(|walk| walk.expression(value)),
            None => Ok(()),
            Some(TableSampleQuantity { unit: Some(_), .. }) => Err(DIALECT),
        }
    }
}
