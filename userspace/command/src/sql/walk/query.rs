//! Queries: `WITH`, set operations, `VALUES`, and what follows them.

use std::collections::BTreeSet;

use sqlparser::ast::{
    Cte, Fetch, LimitClause, LockClause, Offset, OrderBy, OrderByKind, Query, SetExpr, SetOperator,
    SetQuantifier, Statement, TableAlias, Values, With,
};

use super::Walk;
use super::result::lists;
use crate::sql::made::Made;
use crate::sql::unread::Unread;

impl Walk {
    /// A query with all that belongs to it.
    pub(super) fn query(&mut self, query: &Query) -> Result<(), Unread> {
        self.results_of(query).map(drop)
    }

    /// The same, and what each result is made of, by its lists.
    pub(super) fn results_of(&mut self, query: &Query) -> Result<Vec<Vec<Made>>, Unread> {
        let Query {
            with,
            body,
            order_by,
            limit_clause,
            fetch,
            locks,
            for_clause,
            settings,
            format_clause,
            pipe_operators,
        } = query;
        if for_clause.is_some()
            || settings.is_some()
            || format_clause.is_some()
            || !pipe_operators.is_empty()
        {
            return Err(Unread::Unsupported("a query of another dialect"));
        }
        self.scopes.push(BTreeSet::new());
        if let Some(with) = with {
            self.with(with)?;
        }
        let outer = std::mem::take(&mut self.results);
        self.body(body)?;
        let results = std::mem::replace(&mut self.results, outer);
        if compares_rows(body) {
            results
                .iter()
                .flatten()
                .for_each(|made| self.makings.decides(*made));
        }
        if let Some(OrderBy { kind, interpolate }) = order_by {
            match (kind, interpolate) {
                (OrderByKind::Expressions(order), None) => {
                    let mut todo = Vec::new();
                    self.ordering(order, &mut todo)?;
                    self.deciding(|walk| walk.all(todo))?;
                    let order = order.iter().map(|one| &one.expr).collect();
                    self.named_in(&lists(body), &results, order);
                }
                (OrderByKind::All(_), _) | (_, Some(_)) => {
                    return Err(Unread::Unsupported("an ordering of another dialect"));
                }
            }
        }
        if let Some(limit) = limit_clause {
            self.limit(limit)?;
        }
        if let Some(Fetch {
            with_ties: _,
            percent,
            quantity,
        }) = fetch
        {
            if *percent {
                return Err(Unread::Unsupported("a limit in percent"));
            }
            self.deciding(|walk| walk.all(quantity))?;
        }
        for LockClause {
            lock_type: _,
            of,
            nonblock: _,
        } in locks
        {
            if let Some(name) = of {
                self.parts(name)?;
            }
        }
        self.scopes.pop();
        Ok(results)
    }

    fn limit(&mut self, limit: &LimitClause) -> Result<(), Unread> {
        match limit {
            LimitClause::LimitOffset {
                limit,
                offset,
                limit_by,
            } if limit_by.is_empty() => {
                let offset = offset.as_ref().map(|Offset { value, rows: _ }| value);
                self.deciding(|walk| walk.all(limit.iter().chain(offset)))
            }
            LimitClause::LimitOffset { .. } | LimitClause::OffsetCommaLimit { .. } => {
                Err(Unread::Unsupported("a limit of another dialect"))
            }
        }
    }

    /// Common table expressions. Each is in sight of those after it and of the query; with
    /// `RECURSIVE`, of all.
    fn with(&mut self, with: &With) -> Result<(), Unread> {
        let With {
            with_token: _,
            recursive,
            cte_tables,
        } = with;
        if *recursive {
            // Row by row it may put all of them into one.
            self.facts.gathers = true;
            for Cte { alias, .. } in cte_tables {
                self.in_sight(&alias.name.value);
            }
        }
        for Cte {
            alias,
            query,
            from,
            materialized: _,
            closing_paren_token: _,
        } in cte_tables
        {
            let TableAlias {
                explicit: _,
                name,
                columns,
                at,
            } = alias;
            if from.is_some() || at.is_some() || columns.iter().any(|c| c.data_type.is_some()) {
                return Err(Unread::Unsupported(
                    "a common table expression of another dialect",
                ));
            }
            for column in columns {
                self.name(&column.name)?;
            }
            let results = self.results_of(query)?;
            self.called_outside(&query.body, columns, &results);
            let name = self.name(name)?;
            self.in_sight(&name);
        }
        Ok(())
    }

    fn in_sight(&mut self, name: &str) {
        if let Some(scope) = self.scopes.last_mut() {
            scope.insert(name.to_owned());
        }
    }

    /// A query without its ordering. Chains of set operations lean to the left.
    fn body(&mut self, body: &SetExpr) -> Result<(), Unread> {
        let mut left = body;
        let mut rights = Vec::new();
        while let SetExpr::SetOperation {
            left: next,
            op,
            set_quantifier,
            right,
        } = left
        {
            if *op == SetOperator::Minus
                || !matches!(
                    set_quantifier,
                    SetQuantifier::All | SetQuantifier::Distinct | SetQuantifier::None
                )
            {
                return Err(Unread::Unsupported("a set operation of another dialect"));
            }
            rights.push(&**right);
            left = next;
        }
        self.operand(left)?;
        rights
            .into_iter()
            .rev()
            .try_for_each(|right| self.body(right))
    }

    fn operand(&mut self, operand: &SetExpr) -> Result<(), Unread> {
        match operand {
            SetExpr::Select(select) => self.select(select),
            SetExpr::Query(query) => {
                let results = self.results_of(query)?;
                self.results.extend(results);
                Ok(())
            }
            SetExpr::Values(values) => self.values(values),
            SetExpr::Insert(Statement::Insert(insert)) => self.insert(insert),
            SetExpr::Update(Statement::Update(update)) => self.update(update),
            SetExpr::Delete(Statement::Delete(delete)) => self.delete(delete),
            SetExpr::Merge(Statement::Merge(merge)) => self.merge(merge),
            // a chain within an operand was unrolled before; `TABLE t` was respelled
            SetExpr::SetOperation { .. } | SetExpr::Table(_) => {
                Err(Unread::Unsupported("an operand of a set operation"))
            }
            SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) => {
                Err(Unread::Unsupported("a statement of another dialect"))
            }
        }
    }

    /// `VALUES`.
    pub(super) fn values(&mut self, values: &Values) -> Result<(), Unread> {
        let Values {
            explicit_row,
            value_keyword,
            rows,
        } = values;
        if *explicit_row || *value_keyword {
            return Err(Unread::Unsupported("rows of another dialect"));
        }
        for row in rows {
            let list = row.content.iter();
            let list = list
                .map(|expr| self.made(|walk| walk.expression(expr)))
                .collect::<Result<_, _>>()?;
            self.results.push(list);
        }
        Ok(())
    }
}

/// Whether a set operation compares the rows of its operands: all do but `UNION ALL`.
fn compares_rows(body: &SetExpr) -> bool {
    let mut todo = vec![body];
    while let Some(body) = todo.pop() {
        if let SetExpr::SetOperation {
            left,
            op,
            set_quantifier,
            right,
        } = body
        {
            if (*op, *set_quantifier) != (SetOperator::Union, SetQuantifier::All) {
                return true;
            }
            todo.extend([&**left, right]);
        }
    }
    false
}
