//! `SELECT`: its list, its clauses and `INTO`.

use sqlparser::ast::{
    Distinct, Expr, GroupByExpr, NamedWindowDefinition, NamedWindowExpr, Select, SelectFlavor,
    SelectInto, SelectItem, SelectItemQualifiedWildcardKind, WildcardAdditionalOptions,
};

use super::Walk;
use super::name::object_of;
use crate::model::{Access, Effect};
use crate::sql::unread::Unread;

const DIALECT: Unread = Unread::Unsupported("a SELECT of another dialect");

impl Walk {
    /// One `SELECT` without `WITH` and ordering.
    pub(super) fn select(&mut self, select: &Select) -> Result<(), Unread> {
        let Select {
            select_token: _,
            optimizer_hints: _,
            distinct,
            select_modifiers,
            top,
            top_before_distinct: _,
            projection,
            exclude,
            into,
            from,
            lateral_views,
            prewhere,
            selection,
            connect_by,
            group_by,
            cluster_by,
            distribute_by,
            sort_by,
            having,
            named_window,
            qualify,
            window_before_qualify: _,
            value_table_mode,
            flavor,
        } = select;
        let foreign = select_modifiers.is_some()
            || top.is_some()
            || exclude.is_some()
            || !lateral_views.is_empty()
            || prewhere.is_some()
            || !connect_by.is_empty()
            || !cluster_by.is_empty()
            || !distribute_by.is_empty()
            || !sort_by.is_empty()
            || qualify.is_some()
            || value_table_mode.is_some()
            || *flavor != SelectFlavor::Standard;
        if foreign {
            return Err(DIALECT);
        }
        // relations first: what the list names may be a whole row of one
        for table in from {
            self.joined(table)?;
        }
        self.items(projection)?;
        match distinct {
            None | Some(Distinct::All) => {}
            Some(Distinct::Distinct) => self.last_list_decides(),
            Some(Distinct::On(exprs)) => {
                self.deciding(|walk| walk.all(exprs))?;
                self.named_in_list(select, exprs.iter().collect());
            }
        }
        self.deciding(|walk| walk.all(selection))?;
        match group_by {
            GroupByExpr::Expressions(groups, modifiers) if modifiers.is_empty() => {
                self.deciding(|walk| walk.all(groups))?;
                self.named_in_list(select, groups.iter().collect());
            }
            GroupByExpr::Expressions(..) | GroupByExpr::All(_) => return Err(DIALECT),
        }
        self.deciding(|walk| walk.all(having))?;
        for NamedWindowDefinition(name, definition) in named_window {
            self.ident(name)?;
            let NamedWindowExpr::WindowSpec(window) = definition else {
                return Err(DIALECT);
            };
            let mut todo = Vec::new();
            self.window(window, &mut todo)?;
            self.deciding(|walk| walk.all(todo))?;
        }
        into.as_ref().map_or(Ok(()), |into| self.into(into))
    }

    /// A list of results, of a `SELECT` or of `RETURNING`.
    pub(super) fn items(&mut self, items: &[SelectItem]) -> Result<(), Unread> {
        let list = items
            .iter()
            .map(|item| self.made(|walk| walk.item(item)))
            .collect::<Result<_, _>>()?;
        self.results.push(list);
        Ok(())
    }

    fn item(&mut self, item: &SelectItem) -> Result<(), Unread> {
        match item {
            SelectItem::UnnamedExpr(expr) => self.expression(expr),
            SelectItem::ExprWithAlias { expr, alias } => {
                self.label(alias)?;
                self.expression(expr)
            }
            SelectItem::Wildcard(options) => self.wildcard(options),
            SelectItem::QualifiedWildcard(kind, options) => {
                self.wildcard(options)?;
                match kind {
                    SelectItemQualifiedWildcardKind::ObjectName(name) => self.parts(name).map(drop),
                    SelectItemQualifiedWildcardKind::Expr(expr) => self.expression(expr),
                }
            }
            SelectItem::ExprWithAliases { .. } => Err(DIALECT),
        }
    }

    fn wildcard(&mut self, options: &WildcardAdditionalOptions) -> Result<(), Unread> {
        let WildcardAdditionalOptions {
            wildcard_token: _,
            opt_ilike,
            opt_exclude,
            opt_except,
            opt_replace,
            opt_rename,
            opt_alias,
        } = options;
        let any = opt_ilike.is_some()
            || opt_exclude.is_some()
            || opt_except.is_some()
            || opt_replace.is_some()
            || opt_rename.is_some()
            || opt_alias.is_some();
        if any {
            return Err(Unread::Unsupported("a wildcard with options"));
        }
        self.all_columns();
        Ok(())
    }

    /// `INTO table`.
    fn into(&mut self, into: &SelectInto) -> Result<(), Unread> {
        let SelectInto {
            temporary: _,
            unlogged: _,
            table: _,
            targets,
        } = into;
        let idents = match targets.as_slice() {
            [Expr::Identifier(ident)] => std::slice::from_ref(ident),
            [Expr::CompoundIdentifier(idents)] => idents,
            _ => return Err(DIALECT),
        };
        let mut parts = Vec::with_capacity(idents.len());
        for ident in idents {
            parts.push(if parts.is_empty() {
                self.name(ident)?
            } else {
                self.ident(ident)?
            });
        }
        self.facts.object(object_of(parts, Access::Define)?);
        self.facts.makes_table = true;
        self.facts.effects.insert(Effect::Ddl);
        if self.facts.reads {
            self.facts.effects.insert(Effect::Derives);
        }
        Ok(())
    }
}
