//! How many rows a message concerns, as far as policies look at that.
//!
//! A parameter's value limits an answer where it is sure to be a count. An estimate is the target's
//! planner's, made anew for each message that is judged by one; [`estimating`](super::super::estimating)
//! has it made. Where either can't be told it is absent, and policies that bound it refuse.

use std::sync::Arc;

use weir_command::Statement;
use weir_policy::RowCounts;
use weir_record::RecordError;
use weir_wire::postgres::{Format, frontend::Bind};

use super::Stop;
use crate::{
    mask::{exposure, lineage::Sight},
    session::postgres::{governed::Governed, prepared::Prepared},
};

/// The types of whole numbers, by their oids.
const INT2: u32 = 21;
const INT4: u32 = 23;
const INT8: u32 = 20;

/// The schemas of other sessions' temporary relations, and of this one's.
const TEMPORARY: &str = "pg_temp_";

/// A message whose rows are to be estimated.
#[derive(Debug)]
pub(in crate::session::postgres) struct Estimating {
    pub(in crate::session::postgres) prepared: Arc<Prepared>,
    /// The message that has its values.
    pub(in crate::session::postgres) bind: Option<Bind>,
    /// The schemas in which names are looked for, where they are known.
    pub(in crate::session::postgres) path: Option<Arc<[String]>>,
}

/// What came of an estimate: the rows, where they could be told.
#[derive(Clone, Copy, Debug)]
pub(in crate::session::postgres) struct Estimated(pub(in crate::session::postgres) Option<u64>);

impl Governed {
    /// What a statement is judged by that is prepared and not run.
    pub(super) fn rows_prepared(&self, prepared: &Prepared) -> RowCounts {
        let policies = self.judge.policies();
        let statements = prepared.statements();
        let limited = policies.limiting_parameter(statements).is_some();
        let estimated = policies.wants_estimate(statements);
        RowCounts {
            limit: RowCounts::PREPARED.limit.filter(|_| limited),
            estimated: RowCounts::PREPARED.estimated.filter(|_| estimated),
        }
    }

    /// What a message is judged by that is run.
    pub(super) fn rows_of(
        &mut self,
        prepared: &Arc<Prepared>,
        bind: Option<&Bind>,
        estimated: Option<Estimated>,
    ) -> Result<RowCounts, Stop> {
        let policies = self.judge.policies();
        let limiting = policies.limiting_parameter(prepared.statements());
        let limit = limiting
            .zip(bind)
            .and_then(|(number, bind)| count(prepared, bind, number));
        if !policies.wants_estimate(prepared.statements()) {
            let estimated = None;
            return Ok(RowCounts { limit, estimated });
        }
        let estimated = match estimated {
            Some(Estimated(rows)) => rows,
            None => match self.estimable(prepared, bind).and_then(in_any_encoding) {
                Ok(wanted) => return Err(Stop::Estimate(Box::new(wanted))),
                Err(why) => {
                    self.not_estimated(why)?;
                    None
                }
            },
        };
        Ok(RowCounts { limit, estimated })
    }

    /// Puts on record why policy isn't told how many rows a statement concerns.
    pub(in crate::session::postgres) fn not_estimated(
        &mut self,
        why: &str,
    ) -> Result<(), RecordError> {
        let note = format!("how many rows the next statement concerns can't be estimated: {why}");
        self.record.note(&note)
    }

    /// What to ask the planner about a message, or why not: planning it might run code, or would be of
    /// something else than the session means.
    ///
    /// A planner runs functions whose result it takes for a constant.
    pub(in crate::session::postgres) fn estimable(
        &self,
        prepared: &Arc<Prepared>,
        bind: Option<&Bind>,
    ) -> Result<Estimating, &'static str> {
        let [statement @ Statement::Command(command)] = prepared.statements() else {
            return Err("it is not one statement by itself");
        };
        let reads_code = command.objects.iter().any(|object| {
            let mut meant = self.lineage.named(object.schema.as_deref(), &object.name);
            meant.any(|relation| relation.calls_code())
        });
        if !command.functions.is_empty()
            || exposure::runs_code(command, &self.lineage)
            || reads_code
        {
            return Err("it calls functions, itself or by a view, which planning it might run");
        }
        let sight = self.sight(prepared);
        let path = match &sight {
            Sight::Path(path) => Some(Arc::clone(path)),
            Sight::AnySchema if self.lineage.is_ambiguous(statement) => {
                return Err("its names may mean several relations");
            }
            Sight::AnySchema => None,
            Sight::Blind => None,
        };
        let names = self.lineage.names(statement, &sight);
        let names = names.ok_or("the session has changed what relations there are")?;
        let temporary = names.objects.iter().any(|object| {
            let schema = object.schema.as_deref().unwrap_or_default();
            schema.starts_with(TEMPORARY) || schema == "pg_temp"
        });
        if temporary {
            return Err("it names a temporary relation, which nobody else sees");
        }
        Ok(Estimating {
            prepared: Arc::clone(prepared),
            bind: bind.cloned(),
            path,
        })
    }
}

/// Only what is the same in each encoding: in another than it seems to be in, text means other names and
/// values. People see the text, and policies don't.
fn in_any_encoding(wanted: Estimating) -> Result<Estimating, &'static str> {
    let plain = |bind: &Bind| {
        let mut values = bind.parameters().iter().enumerate();
        values.all(|(at, value)| {
            bind.parameter_formats().format(at) == Format::Binary
                || value.as_ref().is_none_or(|value| value.is_ascii())
        })
    };
    if wanted.prepared.text().is_ascii() && wanted.bind.as_ref().is_none_or(plain) {
        Ok(wanted)
    } else {
        Err("its text, or what is bound to it, is not plain ASCII")
    }
}

/// The value of a parameter that can be nothing but a count: NULL, which limits nothing, and what is
/// negative or huge are none. The text has the parameter nowhere but behind LIMIT, so it is a `bigint` or
/// what it was declared as.
fn count(prepared: &Prepared, bind: &Bind, number: u16) -> Option<u64> {
    let at = usize::from(number).checked_sub(1)?;
    let value = bind.parameters().get(at)?.as_deref()?;
    let declared = prepared.types().get(at).copied().unwrap_or(0);
    let whole: i64 = match (bind.parameter_formats().format(at), declared) {
        (Format::Text, 0 | INT2 | INT4 | INT8) => {
            let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
            let text = std::str::from_utf8(value).ok().filter(|_| digits)?;
            text.parse().ok()?
        }
        (Format::Binary, 0 | INT8) => i64::from_be_bytes(value.try_into().ok()?),
        (Format::Binary, INT4) => i32::from_be_bytes(value.try_into().ok()?).into(),
        (Format::Binary, INT2) => i16::from_be_bytes(value.try_into().ok()?).into(),
        _ => return None,
    };
    u64::try_from(whole).ok()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use weir_wire::postgres::{Format, Formats, frontend::Bind};

    use super::{INT2, INT4, INT8, count};
    use crate::session::postgres::texts::Texts;

    /// The limit that a second parameter sets, declared so and bound to this.
    fn limit(declared: &[u32], format: Format, value: Option<&[u8]>) -> Option<u64> {
        let text = Bytes::from_static(b"select a from t where b = $1 limit $2");
        let prepared = Texts::default().read(&text, declared);
        let formats = Formats::All(format);
        let bind = Bind::new(b"", b"", &formats, &[None, value], &Formats::None).unwrap();
        count(&prepared, &bind, 2)
    }

    #[test]
    fn a_parameter_that_is_a_count_limits() {
        let text = Format::Text;
        assert_eq!(limit(&[], text, Some(b"1000")), Some(1000));
        assert_eq!(limit(&[0, INT4], text, Some(b"0")), Some(0));
        let binary = Format::Binary;
        assert_eq!(limit(&[], binary, Some(&7_i64.to_be_bytes())), Some(7));
        assert_eq!(
            limit(&[0, INT8], binary, Some(&7_i64.to_be_bytes())),
            Some(7)
        );
        assert_eq!(
            limit(&[0, INT4], binary, Some(&7_i32.to_be_bytes())),
            Some(7)
        );
        assert_eq!(
            limit(&[0, INT2], binary, Some(&7_i16.to_be_bytes())),
            Some(7)
        );
    }

    #[test]
    fn what_may_be_no_limit_is_none() {
        let (text, binary) = (Format::Text, Format::Binary);
        let float8 = 701;
        let numeric = 1700;
        for (declared, format, value) in [
            // NULL is no limit
            (&[][..], text, None),
            (&[], text, Some(&b""[..])),
            (&[], text, Some(b"-1")),
            (&[], text, Some(b" 5")),
            (&[], text, Some(b"5e9")),
            (&[], text, Some(b"5.4")),
            (&[], text, Some(b"99999999999999999999")),
            (&[0, numeric], text, Some(b"5")),
            (&[0, float8], binary, Some(&5_i64.to_be_bytes())),
            (&[], binary, Some(&(-1_i64).to_be_bytes())),
            (&[], binary, Some(&7_i32.to_be_bytes())),
            (&[0, INT4], binary, Some(&7_i64.to_be_bytes())),
            (&[], binary, Some(b"")),
        ] {
            assert_eq!(limit(declared, format, value), None, "{value:?}");
        }
        // the number is one that no value was sent for
        let text = Bytes::from_static(b"select a from t limit $2");
        let prepared = Texts::default().read(&text, &[]);
        let bind = Bind::new(b"", b"", &Formats::None, &[Some(b"5")], &Formats::None).unwrap();
        assert_eq!(count(&prepared, &bind, 2), None);
        assert_eq!(count(&prepared, &bind, 0), None);
    }
}
