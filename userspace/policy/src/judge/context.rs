//! The circumstances that Cedar must be told of.

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy::{Context as CedarContext, RestrictedExpression as Value};

use super::{
    facts::{Facts, count},
    questions::Question,
    unjudged::Unjudged,
};
use crate::{Context, DataClass, Lookup, Program, Subject, lookup::Shape};

type Attributes = Vec<(&'static str, Value)>;

/// The same circumstances, without a human's yes and with it.
pub(super) struct Pair {
    attributes: Attributes,
    plain: CedarContext,
}

impl Pair {
    fn of(attributes: Attributes) -> Result<Self, Unjudged> {
        let plain = approved(&attributes, false)?;
        Ok(Self { attributes, plain })
    }

    /// Without it.
    pub(super) fn plain(&self) -> CedarContext {
        self.plain.clone()
    }

    /// With it. Made where it is asked for, since most questions are answered without.
    pub(super) fn approved(&self) -> Result<CedarContext, Unjudged> {
        approved(&self.attributes, true)
    }
}

fn approved(attributes: &Attributes, approved: bool) -> Result<CedarContext, Unjudged> {
    let own = [("approved", Value::new_bool(approved))];
    cedar(attributes.iter().cloned().chain(own))
}

/// The classes that the subject may not see of what a statement names.
pub(super) struct Hidden<'a> {
    /// Of all columns.
    pub(super) masked: BTreeSet<&'a DataClass>,
    /// Of those by whose values it decides.
    pub(super) deciding: BTreeSet<&'a DataClass>,
}

/// The contexts of a statement's questions by their `access`, in which alone they differ.
pub(super) fn of_statement(
    facts: Facts<'_>,
    context: &Context,
    subject: &Subject,
    hidden: &Hidden<'_>,
    questions: &[Question<'_>],
) -> Result<BTreeMap<&'static str, Pair>, Unjudged> {
    let mut pairs = circumstances(context, subject)?;
    pairs.extend([
        ("predicate", text(facts.predicate())),
        ("effects", texts(facts.effects())),
        ("functions", texts(facts.functions())),
        ("masked", classes(&hidden.masked)),
        ("predicates_sensitive", classes(&hidden.deciding)),
        (
            "predicates_all_columns",
            Value::new_bool(facts.all_deciding()),
        ),
        ("columns_read", texts(facts.columns_read())),
        ("columns_written", texts(facts.columns_written())),
        ("all_columns", Value::new_bool(facts.all_columns())),
        (
            "all_columns_written",
            Value::new_bool(facts.all_columns_written()),
        ),
        ("gathers_rows", Value::new_bool(facts.gathers())),
        ("copies_out", Value::new_bool(facts.copies_out())),
    ]);
    pairs.extend(
        facts
            .row_limit(context.rows.limit)
            .map(|limit| ("row_limit", Value::new_long(limit))),
    );
    pairs.extend(
        context
            .rows
            .estimated
            .map(|rows| ("estimated_rows", Value::new_long(count(rows)))),
    );
    pairs.extend(
        facts
            .opaque_reason()
            .map(|reason| ("opaque_reason", text(reason))),
    );
    if let Some((name, value)) = facts.setting() {
        pairs.push(("setting", text(name)));
        pairs.extend(value.map(|value| ("setting_value", text(value))));
    }
    let mut contexts = BTreeMap::new();
    for access in questions.iter().map(|question| question.access) {
        if !contexts.contains_key(access) {
            let mut attributes = pairs.clone();
            attributes.push(("access", text(access)));
            contexts.insert(access, Pair::of(attributes)?);
        }
    }
    Ok(contexts)
}

/// The context of a question about a data class.
pub(super) fn of_reveal(context: &Context, subject: &Subject) -> Result<CedarContext, Unjudged> {
    cedar(circumstances(context, subject)?)
}

/// The contexts of a question to the DNS.
pub(super) fn of_lookup(lookup: &Lookup<'_>) -> Result<Pair, Unjudged> {
    let shape = Shape::of(lookup.host);
    let mut pairs = standing(
        &lookup.context.workload,
        lookup.subject,
        &lookup.context.signals,
    );
    pairs.extend([
        ("record_type", text(lookup.record_type)),
        ("declared", Value::new_bool(lookup.context.declared)),
        ("length", Value::new_long(shape.length)),
        ("labels", Value::new_long(shape.labels)),
        ("label_bits", Value::new_long(shape.label_bits)),
        (
            "names_per_minute",
            Value::new_long(lookup.context.names_per_minute.into()),
        ),
    ]);
    Pair::of(pairs)
}

fn circumstances(context: &Context, subject: &Subject) -> Result<Attributes, Unjudged> {
    let mut pairs = standing(&context.workload, subject, &context.signals);
    pairs.extend([
        ("in_transaction", Value::new_bool(context.in_transaction)),
        ("hour", Value::new_long(context.moment.hour.into())),
        ("weekday", text(context.moment.weekday.as_str())),
    ]);
    if let Some(program) = &context.process {
        pairs.push(("process", process(program)?));
    }
    if let Some(name) = &context.application_name {
        pairs.push(("application_name", text(name)));
    }
    Ok(pairs)
}

fn process(program: &Program) -> Result<Value, Unjudged> {
    let exe_hash = program
        .exe_hash
        .as_ref()
        .map(|hash| ("exe_hash", text(hash)));
    let uid = program.uid.map(|uid| ("uid", Value::new_long(uid.into())));
    let fields = [Some(("exe", text(&program.exe))), exe_hash, uid];
    let fields = fields.into_iter().flatten();
    let record = Value::new_record(fields.map(|(name, value)| (name.to_owned(), value)));
    Ok(record.map_err(Box::new)?)
}

/// What holds of a workload and a subject whatever they do.
fn standing(workload: &str, subject: &Subject, signals: &BTreeSet<String>) -> Attributes {
    let mut pairs = vec![
        ("workload", text(workload)),
        ("signals", texts(signals.iter().map(String::as_str))),
    ];
    pairs.extend(
        subject
            .on_behalf_of
            .as_ref()
            .map(|person| ("on_behalf_of", text(person))),
    );
    pairs
}

fn cedar(pairs: impl IntoIterator<Item = (&'static str, Value)>) -> Result<CedarContext, Unjudged> {
    let pairs = pairs
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value));
    Ok(CedarContext::from_pairs(pairs).map_err(Box::new)?)
}

fn classes(classes: &BTreeSet<&DataClass>) -> Value {
    texts(classes.iter().map(|class| class.as_str()))
}

fn text(value: &str) -> Value {
    Value::new_string(value.to_owned())
}

fn texts<'a>(values: impl IntoIterator<Item = &'a str>) -> Value {
    Value::new_set(values.into_iter().map(text))
}
