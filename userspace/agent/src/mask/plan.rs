//! From one RowDescription to a treatment a column, and the treatment of rows by it.

use bytes::BytesMut;
use weir_policy::Clear;
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
    value::{self, Kind, Treatment},
};

/// What is done to each column of a result.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    columns: Vec<Option<Treatment>>,
    masks: bool,
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
    /// description says (it then described the statement, not the portal).
    pub fn new(
        description: &RowDescription,
        formats: Option<&Formats>,
        lineage: &Lineage,
        exposure: &Exposure,
        clear: &Clear,
        unknown: Unknown,
    ) -> Result<Self, StaleCatalogue> {
        let mut columns = Vec::with_capacity(description.fields().len());
        for (i, field) in description.fields().iter().enumerate() {
            let relation = RelationOid(field.table_oid);
            let sensitive: Option<&Sensitive> = if field.table_oid == 0 {
                exposure.computes.as_ref()
            } else {
                match lineage.source(relation, ColumnNumber(field.column)) {
                    Source::Harmless => None,
                    Source::Sensitive(found) => lineage::hidden(found, clear),
                    // The system's own are in every reading, but toast tables in none: those of
                    // the statistics hold samples of other columns' values.
                    Source::Unknown if relation.is_system() => lineage.any_hidden(clear),
                    Source::Unknown => match unknown {
                        Unknown::Refresh => return Err(StaleCatalogue),
                        Unknown::Mask => lineage.any_hidden(clear),
                    },
                }
            };
            columns.push(
                sensitive
                    .filter(|s| !clear.shows(&s.class))
                    .map(|s| Treatment {
                        class: s.class.to_string(),
                        method: s.method,
                        kind: Kind::of(field.type_oid, field.type_modifier),
                        format: formats.map_or(field.format, |formats| formats.format(i)),
                    }),
            );
        }
        let masks = columns.iter().any(Option::is_some);
        Ok(Self { columns, masks })
    }

    /// Whether any column is masked. Rows of a plan that masks none are forwarded as they came.
    #[must_use]
    pub fn masks(&self) -> bool {
        self.masks
    }

    /// Which columns are masked, from 0.
    pub fn masked_columns(&self) -> impl Iterator<Item = u16> {
        (0..)
            .zip(&self.columns)
            .filter_map(|(i, treatment)| treatment.is_some().then_some(i))
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

    /// Writes `row` with its masked columns to `out`; returns how many values were masked.
    pub fn apply(
        &self,
        row: Row<'_>,
        key: &MaskKey,
        scratch: &mut Vec<u8>,
        out: &mut BytesMut,
    ) -> Result<u64, RowError> {
        self.check(row)?;
        let mut masked = 0;
        let mut builder = DataRowBuilder::begin(out);
        let mut columns = row.columns();
        // What stands between two masked values is copied as it is.
        let (mut clear, mut count) = (columns.rest(), 0);
        for treatment in &self.columns {
            let before = columns.rest().len();
            if let (Some(Some(value)), Some(treatment)) = (columns.next(), treatment) {
                let (as_it_is, _) = clear.split_at(clear.len() - before);
                builder.copied(as_it_is, count);
                masked += 1;
                let shown = value::replace(treatment, key, value, scratch);
                builder.column(shown.then_some(scratch.as_slice()))?;
                (clear, count) = (columns.rest(), 0);
            } else {
                count += 1;
            }
        }
        builder.copied(clear, count);
        builder.finish()?;
        Ok(masked)
    }
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
