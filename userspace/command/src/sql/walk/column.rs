//! Columns, what is behind a dot of them, and the types that expressions name.

use sqlparser::ast::{AccessExpr, ArrayElemTypeDef, DataType, Expr, Ident, ObjectName, Subscript};

use super::Walk;
use super::expression::Todo;
use crate::sql::unread::Unread;

/// Functions of the server's that take a whole row. `p.to_json` calls one when `p` has no such
/// column.
const ROW_FUNCTIONS: &str = "\
    any_out array_agg concat count cume_dist dense_rank first_value hash_record json_agg \
    json_build_array json_build_object jsonb_agg jsonb_build_array jsonb_build_object lag \
    last_value lead max min mode num_nonnulls num_nulls percent_rank pg_collation_for \
    pg_column_compression pg_column_size pg_typeof quote_literal quote_nullable record_out \
    record_send row_to_json to_json to_jsonb";

impl Walk {
    /// A column, or one of the values that the grammar spells like one.
    pub(super) fn column(&mut self, ident: &Ident) -> Result<(), Unread> {
        if ident.quote_style.is_none()
            && matches!(
                ident.value.as_str(),
                "default" | "current_role" | "current_schema"
            )
        {
            self.ident(ident)?;
            return Ok(());
        }
        let name = self.name(ident)?;
        if self.deciding {
            self.facts.deciding.insert(name.clone());
        }
        self.makings.ident(name.clone());
        self.noted(name);
        Ok(())
    }

    /// Notes the name of a column.
    pub(super) fn names(&mut self, name: String) {
        self.makings.column(name.clone());
        self.noted(name);
    }

    fn noted(&mut self, name: String) {
        if self.deciding {
            self.facts.columns.deciding.insert(name.clone());
        }
        self.facts.columns.named.insert(name);
    }

    /// A column behind the name of its relation, of which the last part counts.
    pub(super) fn qualified_column(&mut self, idents: &[Ident]) -> Result<(), Unread> {
        let mut last = None;
        for ident in idents {
            last = Some(if last.is_none() {
                self.name(ident)?
            } else {
                self.ident(ident)?
            });
        }
        if let Some(name) = last {
            self.field(name);
        }
        Ok(())
    }

    /// Notes that all columns of something are meant.
    pub(super) fn all_columns(&mut self) {
        self.makings.all();
        self.facts.columns.all = true;
        self.facts.columns.all_deciding |= self.deciding;
    }

    /// A column or an attribute behind a dot.
    pub(super) fn field(&mut self, name: String) {
        if ROW_FUNCTIONS.split(' ').any(|function| function == name) {
            self.all_columns();
            self.facts.gathers |= name.ends_with("_agg");
        }
        self.names(name);
    }

    pub(super) fn access<'e>(
        &mut self,
        access: &'e AccessExpr,
        todo: &mut Todo<'e>,
    ) -> Result<(), Unread> {
        match access {
            AccessExpr::Dot(Expr::Identifier(ident)) => {
                let name = self.ident(ident)?;
                self.field(name);
            }
            AccessExpr::Dot(_) => return Err(Unread::Unsupported("a call on a value")),
            // Which value it is, or whether there is one.
            AccessExpr::Subscript(Subscript::Index { index }) => self.decide(vec![index], todo)?,
            AccessExpr::Subscript(Subscript::Slice {
                lower_bound,
                upper_bound,
                stride: None,
            }) => {
                let bounds = lower_bound.iter().chain(upper_bound);
                self.decide(bounds.collect(), todo)?;
            }
            AccessExpr::Subscript(Subscript::Slice {
                stride: Some(_), ..
            }) => {
                return Err(Unread::Unsupported("a slice with a stride"));
            }
        }
        Ok(())
    }

    /// A type. The parser keeps the place of a name that it doesn't know.
    pub(super) fn data_type(&mut self, data_type: &DataType) {
        let mut element = data_type;
        while let DataType::Array(ArrayElemTypeDef::SquareBracket(inner, _)) = element {
            element = inner;
        }
        let DataType::Custom(name, modifiers) = element else {
            return self.ledger.credit(unquoted(&element.to_string()));
        };
        for ident in name.0.iter().filter_map(|part| part.as_ident()) {
            self.ledger.see(ident);
        }
        for modifier in modifiers {
            self.ledger.credit(unquoted(modifier));
        }
    }

    /// A collation's name, which may be reserved behind a dot (`pg_catalog.default`).
    pub(super) fn collation(&mut self, name: &ObjectName) -> Result<(), Unread> {
        self.parts(name)?;
        Ok(())
    }
}

/// What is written of a type, or nothing where it holds a string, whose words name nothing.
fn unquoted(text: &str) -> &str {
    if text.contains('\'') { "" } else { text }
}
