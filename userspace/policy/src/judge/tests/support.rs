//! Statements and bundles by hand, in as few words as a table of cases needs.

use weir_command::{
    Access, ColumnUse, Command, Control, Effect, Object, Opaque, OpaqueReason, Predicate,
    Statement, Verb,
};

use crate::{Ask, Context, Permit, Policies, Refusal, Request, Source, Subject, Target, Verdict};

/// A statement being made.
#[derive(Clone, Debug)]
pub(crate) struct Make(Command);

pub(crate) fn make(verb: Verb) -> Make {
    Make(Command {
        verb,
        objects: Vec::new(),
        columns: ColumnUse::default(),
        predicate: Predicate::NotApplicable,
        effects: Default::default(),
        functions: Default::default(),
        operators: Default::default(),
        row_limit: Default::default(),
        gathers: false,
        control: Control::None,
    })
}

impl Make {
    fn object(mut self, name: &str, access: Access) -> Self {
        let (schema, name) = match name.split_once('.') {
            Some((schema, name)) => (Some(schema.to_owned()), name),
            None => (None, name),
        };
        self.0.objects.push(Object {
            database: None,
            schema,
            name: name.to_owned(),
            access,
        });
        self
    }

    /// An object, taken as it is.
    pub(crate) fn exactly(mut self, object: Object) -> Self {
        self.0.objects.push(object);
        self
    }

    /// `name` or `schema.name`.
    pub(crate) fn reads(self, name: &str) -> Self {
        self.object(name, Access::Read)
    }

    pub(crate) fn writes(self, name: &str) -> Self {
        self.object(name, Access::Write)
    }

    pub(crate) fn defines(self, name: &str) -> Self {
        self.object(name, Access::Define)
    }

    pub(crate) fn predicate(mut self, predicate: Predicate) -> Self {
        self.0.predicate = predicate;
        self
    }

    pub(crate) fn effect(mut self, effect: Effect) -> Self {
        self.0.effects.insert(effect);
        self
    }

    pub(crate) fn calls(mut self, function: &str) -> Self {
        self.0.functions.insert(function.to_owned());
        self
    }

    pub(crate) fn columns(mut self, names: &[&str]) -> Self {
        self.0
            .columns
            .named
            .extend(names.iter().map(|name| (*name).to_owned()));
        self
    }

    pub(crate) fn all_columns(mut self) -> Self {
        self.0.columns.all = true;
        self
    }

    pub(crate) fn decides(mut self, column: &str) -> Self {
        self.0.columns.deciding.insert(column.to_owned());
        self.columns(&[column])
    }

    pub(crate) fn decides_by_rows(mut self) -> Self {
        self.0.columns.all_deciding = true;
        self
    }

    pub(crate) fn control(mut self, control: Control) -> Self {
        self.0.control = control;
        self
    }

    pub(crate) fn done(self) -> Statement {
        Statement::Command(Box::new(self.0))
    }
}

/// `SET name = value`, or `RESET name`.
pub(crate) fn set(name: &str, value: Option<&str>) -> Statement {
    let control = Control::Set {
        name: name.into(),
        value: value.map(Into::into),
    };
    make(Verb::Set)
        .effect(Effect::Setting)
        .control(control)
        .done()
}

pub(crate) fn opaque(reason: OpaqueReason) -> Statement {
    Statement::Opaque(Opaque {
        reason,
        detail: "no".into(),
    })
}

/// Source texts as a bundle, called a.cedar, b.cedar …
pub(crate) fn bundle(texts: &[&str]) -> Policies {
    let sources: Vec<Source> = texts
        .iter()
        .zip('a'..)
        .map(|(text, name)| Source {
            name: format!("{name}.cedar"),
            text: (*text).into(),
        })
        .collect();
    Policies::load(&sources).unwrap_or_else(|found| panic!("{found}"))
}

/// alice in the group support, on the database sales of the target crm.
pub(crate) fn alice() -> Subject {
    subject("unix:alice", &["support"])
}

pub(crate) fn subject(id: &str, groups: &[&str]) -> Subject {
    let groups = groups.iter().map(|group| (*group).to_owned()).collect();
    Subject {
        id: id.into(),
        groups,
        on_behalf_of: None,
    }
}

pub(crate) fn crm() -> Target {
    Target {
        name: "crm".into(),
        protocol: "postgres".into(),
        database: "sales".into(),
    }
}

pub(crate) fn judge_as(policies: &Policies, subject: &Subject, statement: &Statement) -> Verdict {
    let context = Context {
        workload: "w".into(),
        in_transaction: false,
        ..Default::default()
    };
    policies.judge(&Request {
        subject,
        target: &crm(),
        statement,
        names: None,
        context: &context,
    })
}

/// Judged while these signals are raised.
pub(in crate::judge) fn judge_under(
    policies: &Policies,
    subject: &Subject,
    statement: &Statement,
    signals: &[&str],
) -> Verdict {
    let context = Context {
        workload: "w".into(),
        signals: signals.iter().map(|name| (*name).to_owned()).collect(),
        ..Default::default()
    };
    policies.judge(&Request {
        subject,
        target: &crm(),
        statement,
        names: None,
        context: &context,
    })
}

pub(crate) fn judge(policies: &Policies, statement: &Statement) -> Verdict {
    judge_as(policies, &alice(), statement)
}

/// `allow`, `ask`, or the rule of the refusal.
pub(crate) fn outcome(verdict: &Verdict) -> &str {
    match verdict {
        Verdict::Allow(_) => "allow",
        Verdict::Ask(_) => "ask",
        Verdict::Deny(refusal) => &refusal.rule,
    }
}

pub(crate) fn permit(verdict: Verdict) -> Permit {
    match verdict {
        Verdict::Allow(permit) => permit,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn ask(verdict: Verdict) -> Ask {
    match verdict {
        Verdict::Ask(ask) => ask,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn refusal(verdict: Verdict) -> Refusal {
    match verdict {
        Verdict::Deny(refusal) => refusal,
        other => panic!("{other:?}"),
    }
}
