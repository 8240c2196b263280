//! Function calls: arguments, windows and filters, and what the function itself does.

use sqlparser::ast::{
    DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgOperator,
    FunctionArgumentClause, FunctionArgumentList, FunctionArguments, ListAggOnOverflow, ObjectName,
    ObjectNamePart, OrderByExpr, Value, ValueWithSpan, WindowFrame, WindowFrameBound, WindowSpec,
    WindowType,
};

use super::Walk;
use super::expression::{Todo, bare};
use super::name::last_of;
use crate::model::{Access, Control, Object, Predicate, Verb};
use crate::sql::function::{self, Trait};
use crate::sql::keyword;
use crate::sql::lex::fold;
use crate::sql::settings;
use crate::sql::unread::Unread;

/// The functions that the grammar spells without parentheses.
const SPELLED_ALONE: [&str; 10] = [
    "current_catalog",
    "current_date",
    "current_role",
    "current_time",
    "current_timestamp",
    "current_user",
    "localtime",
    "localtimestamp",
    "session_user",
    "user",
];

/// Functions of which something else comes by what their arguments are than a value: no value, so many rows, one more
/// of a sequence. Of the server's and its usual extensions, those that return sets, and some that search.
const DECIDERS: &str = "\
    _pg_expandarray aclexplode array_position array_positions brin_page_items brin_revmap_data bt_page_items \
    connectby crosstab crosstab2 crosstab3 crosstab4 dblink dblink_fetch dblink_get_notify dblink_get_pkey \
    dblink_get_result each generate_series generate_subscripts gin_leafpage_items gist_page_items \
    gist_page_items_bytea hash_bitmap_info hash_page_items heap_page_item_attrs heap_page_items json_array_elements \
    json_array_elements_text json_each json_each_text json_object_keys json_populate_recordset json_query \
    json_to_recordset json_value jsonb_array_elements jsonb_array_elements_text jsonb_each jsonb_each_text \
    jsonb_object_keys jsonb_path_query jsonb_path_query_array jsonb_path_query_array_tz jsonb_path_query_first \
    jsonb_path_query_first_tz jsonb_path_query_tz jsonb_populate_recordset jsonb_to_recordset nextval normal_rand nullif \
    pg_available_wal_summaries pg_extension_update_paths pg_get_multixact_members pg_get_publication_tables \
    pg_logical_slot_get_binary_changes pg_logical_slot_get_changes pg_logical_slot_peek_binary_changes \
    pg_logical_slot_peek_changes pg_ls_dir pg_ls_replslotdir pg_ls_tmpdir pg_mcv_list_items pg_options_to_table \
    pg_partition_ancestors pg_partition_tree pg_snapshot_xip pg_stat_get_activity pg_stat_get_progress_info \
    pg_stat_get_subscription pg_tablespace_databases pg_wal_summary_contents pgp_armor_headers pgrowlocks random \
    regexp_match regexp_matches regexp_split_to_table regexp_substr skeys string_to_table svals ts_debug ts_parse \
    ts_stat ts_token_type txid_snapshot_xip unnest xpath_table";

/// Whether more than a value comes of one of these, where it is evaluated.
fn do_something(args: &[FunctionArg]) -> bool {
    args.iter().any(|arg| match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => {
            let mut expr = bare(expr);
            while let Expr::Cast { expr: inner, .. } = expr {
                expr = bare(inner);
            }
            !matches!(
                expr,
                Expr::Identifier(_)
                    | Expr::CompoundIdentifier(_)
                    | Expr::Value(_)
                    | Expr::TypedString(_)
            )
        }
        _ => true,
    })
}

/// Whether something else comes of a call of this by what its arguments are.
fn is_decider(name: &ObjectName, args: &[FunctionArg]) -> bool {
    last_of(name).is_some_and(|last| {
        DECIDERS.split(' ').any(|decider| decider == last)
            || last == "coalesce" && do_something(args)
    })
}

impl Walk {
    /// A call in an expression.
    pub(super) fn call<'e>(
        &mut self,
        call: &'e Function,
        todo: &mut Todo<'e>,
    ) -> Result<(), Unread> {
        let Function {
            name,
            uses_odbc_syntax,
            parameters,
            args,
            within_group,
            filter,
            null_treatment,
            over,
        } = call;
        if *uses_odbc_syntax || null_treatment.is_some() || *parameters != FunctionArguments::None {
            return Err(Unread::Unsupported("a call of another dialect"));
        }
        let mut decides: Todo<'e> = Vec::new();
        match args {
            FunctionArguments::None => self.called(name, &[])?,
            // ARRAY(query), which the tree keeps as a call
            FunctionArguments::Subquery(query) => {
                let [ObjectNamePart::Identifier(array)] = name.0.as_slice() else {
                    return Err(Unread::Unsupported("a call on a query"));
                };
                if array.quote_style.is_some() || array.value != "array" {
                    return Err(Unread::Unsupported("a call on a query"));
                }
                self.ident(array)?;
                self.facts.gathers = true;
                self.query(query)?;
            }
            FunctionArguments::List(FunctionArgumentList {
                duplicate_treatment,
                args,
                clauses,
            }) => {
                self.called(name, args)?;
                let distinct = *duplicate_treatment == Some(DuplicateTreatment::Distinct);
                if distinct || is_decider(name, args) {
                    let mut asked = Vec::new();
                    self.arguments(args, &mut asked)?;
                    self.decide(asked, todo)?;
                } else {
                    self.arguments(args, todo)?;
                }
                for clause in clauses {
                    self.argument_clause(clause, &mut decides)?;
                }
            }
        }
        self.ordering(within_group, &mut decides)?;
        decides.extend(filter.as_deref());
        match over {
            None => {}
            Some(WindowType::NamedWindow(ident)) => {
                self.ident(ident)?;
            }
            Some(WindowType::WindowSpec(window)) => self.window(window, &mut decides)?,
        }
        self.decide(decides, todo)
    }

    /// The arguments of a call.
    pub(super) fn arguments<'e>(
        &mut self,
        args: &'e [FunctionArg],
        todo: &mut Todo<'e>,
    ) -> Result<(), Unread> {
        for arg in args {
            let value = match arg {
                FunctionArg::Unnamed(value) => value,
                FunctionArg::Named {
                    name,
                    arg,
                    operator: _,
                } => {
                    self.ident(name)?;
                    arg
                }
                FunctionArg::ExprNamed {
                    name: Expr::Identifier(name),
                    arg,
                    operator: FunctionArgOperator::RightArrow | FunctionArgOperator::Assignment,
                } => {
                    self.ident(name)?;
                    arg
                }
                // a key of a JSON object, which may be any expression
                FunctionArg::ExprNamed {
                    name,
                    arg,
                    operator,
                } => {
                    self.ledger.credit(&operator.to_string());
                    todo.push(name);
                    arg
                }
            };
            match value {
                FunctionArgExpr::Expr(expr) => todo.push(expr),
                // `count(*)` names no column
                FunctionArgExpr::Wildcard => {}
                FunctionArgExpr::QualifiedWildcard(name) => {
                    self.parts(name)?;
                    self.all_columns();
                }
                FunctionArgExpr::WildcardWithOptions(_) => {
                    return Err(Unread::Unsupported("a wildcard with options"));
                }
            }
        }
        Ok(())
    }

    fn argument_clause<'e>(
        &mut self,
        clause: &'e FunctionArgumentClause,
        todo: &mut Todo<'e>,
    ) -> Result<(), Unread> {
        match clause {
            FunctionArgumentClause::OrderBy(order) => self.ordering(order, todo)?,
            FunctionArgumentClause::JsonNullClause(clause) => {
                self.ledger.credit(&clause.to_string());
            }
            FunctionArgumentClause::JsonReturningClause(clause) => {
                self.ledger.credit(&clause.to_string());
            }
            FunctionArgumentClause::OnOverflow(
                ListAggOnOverflow::Error | ListAggOnOverflow::Truncate { .. },
            )
            | FunctionArgumentClause::IgnoreOrRespectNulls(_)
            | FunctionArgumentClause::Where(_)
            | FunctionArgumentClause::Limit(_)
            | FunctionArgumentClause::Having(_)
            | FunctionArgumentClause::Separator(_) => {
                return Err(Unread::Unsupported("a call of another dialect"));
            }
        }
        Ok(())
    }

    /// A window's definition.
    pub(super) fn window<'e>(
        &mut self,
        window: &'e WindowSpec,
        todo: &mut Todo<'e>,
    ) -> Result<(), Unread> {
        let WindowSpec {
            window_name,
            partition_by,
            order_by,
            window_frame,
        } = window;
        if let Some(name) = window_name {
            self.ident(name)?;
        }
        todo.extend(partition_by);
        self.ordering(order_by, todo)?;
        if let Some(WindowFrame {
            units: _,
            start_bound,
            end_bound,
        }) = window_frame
        {
            for bound in [Some(start_bound), end_bound.as_ref()]
                .into_iter()
                .flatten()
            {
                match bound {
                    WindowFrameBound::CurrentRow => {}
                    WindowFrameBound::Preceding(expr) | WindowFrameBound::Following(expr) => {
                        todo.extend(expr.as_deref());
                    }
                }
            }
        }
        Ok(())
    }

    /// An `ORDER BY` list.
    pub(super) fn ordering<'e>(
        &mut self,
        order: &'e [OrderByExpr],
        todo: &mut Todo<'e>,
    ) -> Result<(), Unread> {
        for OrderByExpr {
            expr,
            options,
            with_fill,
        } in order
        {
            if with_fill.is_some() {
                return Err(Unread::Unsupported("an ordering of another dialect"));
            }
            self.ledger.credit(&options.to_string());
            todo.push(expr);
        }
        Ok(())
    }

    /// Notes that a function is called, and what it does.
    ///
    /// A column can be named like a function (`email(p)` is `p.email`); its argument is a whole row
    /// then, which is noted as such.
    pub(super) fn called(&mut self, name: &ObjectName, args: &[FunctionArg]) -> Result<(), Unread> {
        let mut parts = Vec::new();
        for part in &name.0 {
            let Some(ident) = part.as_ident() else {
                return Err(Unread::Unsupported("a computed name"));
            };
            let reserved = ident.quote_style.is_none() && parts.is_empty();
            if reserved
                && !keyword::may_name_function(&ident.value)
                && !SPELLED_ALONE.contains(&ident.value.as_str())
            {
                return Err(Unread::Unsupported(
                    "a reserved word in the place of a function's name",
                ));
            }
            parts.push(self.ident(ident)?);
        }
        // a database in front can only be the session's own
        let qualified = parts.len().saturating_sub(2);
        let spelled = parts.get(qualified..).unwrap_or_default().join(".");
        let last = parts.pop().unwrap_or_default();
        self.facts.functions.insert(spelled);
        for known in function::traits(&last) {
            match known {
                Trait::Has(effect) => {
                    self.facts.effects.insert(effect);
                }
                Trait::ReadsLargeObjects => self.large_object(Access::Read),
                Trait::WritesLargeObjects => {
                    self.large_object(Access::Write);
                    self.facts.wrote(Verb::Update, Predicate::NotApplicable);
                }
                Trait::SetsSequence => self.sets_sequence(args),
                Trait::SetsSetting => self.sets_setting(args)?,
            }
        }
        Ok(())
    }

    fn large_object(&mut self, access: Access) {
        let name = "pg_largeobject".to_owned();
        self.facts.object(Object {
            database: None,
            schema: Some("pg_catalog".to_owned()),
            name,
            access,
        });
    }

    /// `setval('sequence', …)`: a write to the sequence, where a literal names it.
    fn sets_sequence(&mut self, args: &[FunctionArg]) {
        self.facts.wrote(Verb::Update, Predicate::NotApplicable);
        let literal = args.first().and_then(literal_of);
        if let Some(name) = literal.filter(|name| !name.contains('"')) {
            let mut parts = name.rsplitn(2, '.').map(fold);
            let (name, schema) = (parts.next().unwrap_or_default(), parts.next());
            self.facts.object(Object {
                database: None,
                schema,
                name,
                access: Access::Write,
            });
        }
    }

    /// `set_config('name', 'value', …)`: what `SET` would do, where literals say it.
    fn sets_setting(&mut self, args: &[FunctionArg]) -> Result<(), Unread> {
        let Some(name) = args.first().and_then(literal_of) else {
            return Err(Unread::ChangesLexing(
                "a call that changes a setting which its text does not name",
            ));
        };
        let value = args.get(1).and_then(literal_of);
        let change = settings::change(name, value)?;
        self.facts.effects.extend(change.effects);
        self.facts.settings.push(Control::Set {
            name: change.name,
            value: value.map(str::to_owned),
        });
        Ok(())
    }
}

/// The literal that an argument is, casts aside.
fn literal_of(arg: &FunctionArg) -> Option<&str> {
    let FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) = arg else {
        return None;
    };
    let mut expr = expr;
    loop {
        match expr {
            Expr::Nested(inner) | Expr::Cast { expr: inner, .. } => expr = inner,
            Expr::Value(ValueWithSpan {
                value: Value::SingleQuotedString(text),
                span: _,
            }) => return Some(text),
            _ => return None,
        }
    }
}
