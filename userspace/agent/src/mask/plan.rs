//! From one RowDescription to a treatment a column, and the treatment of rows by it.

use bytes::BytesMut;
use weir_policy::{Clear, DataClass, Hit, Method, Net};
use weir_wire::{
    WireError,
    postgres::{
        Formats,
        backend::{DataRowBuilder, Row, RowDescription},
    },
};

use super::{
    catalogue::{ColumnNumber, RelationOid},
    exposure::Exposure,
    key::MaskKey,
    lineage::{self, Lineage, Sensitive, Source},
    sift::{Form, Sifted, Sifter},
    value::{self, Kind, Treatment},
};

/// What is done to each column of a result.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    columns: Vec<Column>,
    masks: bool,
    /// What is looked for, where there is a column to look through.
    net: Option<Net>,
}

/// What is done to one column.
#[derive(Clone, Debug)]
enum Column {
    /// It is shown as it is.
    Clear,
    /// Every value is masked.
    Masked(Treatment),
    /// What detectors find in its values is.
    Sifted(Form),
}

/// A column's table is newer than the catalogue: read it again, then ask again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StaleCatalogue;

/// What happens to a column whose source stays unknown after the catalogue was read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// Ask for a fresh catalogue.
    Refresh,
    /// Treat it as any sensitive value of the database.
    Mask,
}

impl Plan {
    /// Plans for `description`. `formats` are those of a Bind, where they differ from what the
    /// description says (it then described the statement, not the portal). `net` is what is looked
    /// for in what is left clear.
    ///
    /// The lineage is what is known now, and what was when the statement was judged: others may have
    /// made what it has read harmless since.
    pub fn new(
        description: &RowDescription,
        formats: Option<&Formats>,
        (lineage, judged_by): (&Lineage, &Lineage),
        exposure: &Exposure,
        clear: &Clear,
        unknown: Unknown,
        net: Option<Net>,
    ) -> Result<Self, StaleCatalogue> {
        let mut columns = Vec::with_capacity(description.fields().len());
        for (i, field) in description.fields().iter().enumerate() {
            let source = (RelationOid(field.table_oid), ColumnNumber(field.column));
            let now = hidden(source, lineage, exposure, clear, unknown)?;
            // What was made since then was never what it isn't now.
            let was_known = || judged_by.source(source.0, source.1) != Source::Unknown;
            let sensitive = if now.is_none() && !std::ptr::eq(lineage, judged_by) && was_known() {
                hidden(source, judged_by, exposure, clear, Unknown::Mask)?
            } else {
                now
            };
            let format = formats.map_or(field.format, |formats| formats.format(i));
            let (oid, modifier) = (field.type_oid, field.type_modifier);
            let sifted = || net.as_ref().and(Form::of(oid, modifier, format));
            columns.push(match sensitive.filter(|s| !clear.shows(s.class)) {
                Some(sensitive) => Column::Masked(Treatment {
                    class: sensitive.class.clone(),
                    method: sensitive.method,
                    kind: Kind::of(oid, modifier),
                    format,
                    hides_null: sensitive.made,
                }),
                None => sifted().map_or(Column::Clear, Column::Sifted),
            });
        }
        let sifts = columns.iter().any(|c| matches!(c, Column::Sifted(_)));
        Ok(Self {
            masks: columns.iter().any(|c| matches!(c, Column::Masked(_))),
            columns,
            net: net.filter(|_| sifts),
        })
    }

    #[cfg(test)]
    pub(crate) fn sifting(forms: &[Form], net: Net) -> Self {
        Self {
            columns: forms.iter().map(|form| Column::Sifted(*form)).collect(),
            masks: false,
            net: Some(net),
        }
    }

    /// Whether its rows must be looked at, each by itself. Those of a plan that doesn't say so are
    /// forwarded as they came.
    #[must_use]
    pub fn looks_at_rows(&self) -> bool {
        self.masks || self.net.is_some()
    }

    /// Which columns are masked, from 0, whatever is in them.
    pub fn masked_columns(&self) -> impl Iterator<Item = u16> {
        (0..)
            .zip(&self.columns)
            .filter_map(|(i, column)| matches!(column, Column::Masked(_)).then_some(i))
    }

    /// How many columns the result has.
    #[must_use]
    pub fn width(&self) -> usize {
        self.columns.len()
    }

    /// An error for a row with another number of columns than was described: nothing is known of
    /// it.
    pub fn check(&self, row: Row<'_>) -> Result<(), RowError> {
        if row.len() == self.columns.len() {
            return Ok(());
        }
        Err(RowError::Columns {
            described: self.columns.len(),
            sent: row.len(),
        })
    }

    /// Writes `row` with its masked columns, and without what detectors find in others, to `out`; tells
    /// `told` of each find and its column, and returns how many values were changed.
    pub fn apply(
        &self,
        row: Row<'_>,
        key: &MaskKey,
        scratch: &mut Vec<u8>,
        out: &mut BytesMut,
        told: &mut dyn FnMut(u16, &Hit<'_>),
    ) -> Result<u64, RowError> {
        self.check(row)?;
        let mut masked = 0;
        let mut builder = DataRowBuilder::begin(out);
        let mut columns = row.columns();
        // What stands between two changed values is copied as it is.
        let (mut clear, mut count) = (columns.rest(), 0);
        for (column, i) in self.columns.iter().zip(0..) {
            let before = columns.rest().len();
            let sifted = match (columns.next().flatten(), column) {
                (Some(value), _) => self.shown((i, column), value, key, scratch, told),
                (None, Column::Masked(treatment))
                    if value::instead_of_null(treatment, key, scratch) =>
                {
                    Sifted::Changed
                }
                (None, _) => Sifted::Clean,
            };
            if sifted == Sifted::Clean {
                count += 1;
                continue;
            }
            let (as_it_is, _) = clear.split_at(clear.len() - before);
            builder.copied(as_it_is, count);
            masked += 1;
            builder.column((sifted == Sifted::Changed).then_some(scratch.as_slice()))?;
            (clear, count) = (columns.rest(), 0);
        }
        builder.copied(clear, count);
        builder.finish()?;
        Ok(masked)
    }

    /// What a value becomes; it is in `scratch` where it is changed.
    fn shown(
        &self,
        (i, column): (u16, &Column),
        value: &[u8],
        key: &MaskKey,
        scratch: &mut Vec<u8>,
        told: &mut dyn FnMut(u16, &Hit<'_>),
    ) -> Sifted {
        match (column, &self.net) {
            (Column::Masked(treatment), _) => {
                if value::replace(treatment, key, value, scratch) {
                    Sifted::Changed
                } else {
                    Sifted::Null
                }
            }
            (Column::Sifted(form), Some(net)) => {
                let mut told = |hit: &Hit<'_>| told(i, hit);
                Sifter::new(net, key, &mut told).sift(value, *form, scratch)
            }
            _ => Sifted::Clean,
        }
    }
}

/// What is hidden of a column.
struct Hidden<'a> {
    class: &'a DataClass,
    method: Method,
    /// Whether it was made of what is hidden, by whoever asks.
    made: bool,
}

impl<'a> Hidden<'a> {
    /// Values of a column that a rule names.
    fn declared(Sensitive { class, method }: &'a Sensitive) -> Self {
        Self {
            class,
            method: *method,
            made: false,
        }
    }

    /// Values of which nobody knows what they were made of, and how: all of them goes. Whoever asks chose how,
    /// so the part that another method shows, which of two are equal, and where there is none, would be what he
    /// wants it to be.
    fn made(Sensitive { class, method }: &'a Sensitive) -> Self {
        let method = match method {
            Method::Null => Method::Null,
            Method::Redact | Method::Partial { .. } | Method::Hash | Method::Tokenise => {
                Method::Redact
            }
        };
        Self {
            class,
            method,
            made: true,
        }
    }
}

/// What a column is masked as, by what a reading says of its source.
fn hidden<'a>(
    (relation, column): (RelationOid, ColumnNumber),
    lineage: &'a Lineage,
    exposure: &'a Exposure,
    clear: &Clear,
    unknown: Unknown,
) -> Result<Option<Hidden<'a>>, StaleCatalogue> {
    if relation.0 == 0 {
        return Ok(exposure.computes.as_ref().map(Hidden::made));
    }
    let any = || lineage.any_hidden(clear).map(Hidden::made);
    if exposure.reshaped && lineage.is_view(relation) {
        return Ok(any());
    }
    Ok(match lineage.source(relation, column) {
        Source::Harmless => None,
        Source::Sensitive(found) => lineage::hidden(found, clear).map(Hidden::declared),
        // The system's own are in every reading, but toast tables in none: those of the statistics
        // hold samples of other columns' values.
        Source::Unknown if relation.is_system() => any(),
        Source::Unknown => match unknown {
            Unknown::Refresh => return Err(StaleCatalogue),
            Unknown::Mask => any(),
        },
    })
}

/// Why a row can't be shown.
#[derive(Debug, thiserror::Error)]
pub enum RowError {
    /// It isn't what was described.
    #[error("the server described {described} columns and sent {sent}")]
    Columns {
        /// By RowDescription.
        described: usize,
        /// In DataRow.
        sent: usize,
    },
    /// It isn't well-formed.
    #[error(transparent)]
    Wire(#[from] WireError),
}
