//! The words of the policy schema as values: entity types and actions, parsed once.

use std::{
    collections::{BTreeSet, HashMap},
    str::FromStr,
    sync::LazyLock,
};

use cedar_policy::{EntityId, EntityTypeName, EntityUid, Schema};

use crate::{Diagnostic, Diagnostics};

/// The schema's text.
pub(crate) const SCHEMA: &str = include_str!("../../../policies/schema.cedarschema");

/// The action that shows a data class clear.
pub(crate) const REVEAL: &str = "reveal";

/// The action that asks the DNS about a name.
pub(crate) const RESOLVE: &str = "resolve";

/// The action of what could not be read.
pub(crate) const OPAQUE: &str = "opaque";

/// The entity types of the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Subject,
    Group,
    Target,
    Database,
    Schema,
    Relation,
    DataClass,
    Host,
}

/// The schema and what it declares.
#[derive(Debug)]
pub(crate) struct Vocabulary {
    schema: Schema,
    types: HashMap<Kind, EntityTypeName>,
    actions: HashMap<String, EntityUid>,
}

impl Kind {
    const ALL: [Self; 8] = [
        Self::Subject,
        Self::Group,
        Self::Target,
        Self::Database,
        Self::Schema,
        Self::Relation,
        Self::DataClass,
        Self::Host,
    ];

    /// Its name without the namespace.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Subject => "Subject",
            Self::Group => "Group",
            Self::Target => "Target",
            Self::Database => "Database",
            Self::Schema => "Schema",
            Self::Relation => "Relation",
            Self::DataClass => "DataClass",
            Self::Host => "Host",
        }
    }

    /// The kind of an entity, where the schema has it.
    pub(crate) fn of(uid: &EntityUid) -> Option<Self> {
        let name = uid.type_name().basename();
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

impl Vocabulary {
    /// The vocabulary, parsed once: it is a constant that can't be written as one.
    pub(crate) fn get() -> Result<&'static Self, Diagnostics> {
        static PARSED: LazyLock<Result<Vocabulary, Diagnostics>> = LazyLock::new(Vocabulary::parse);
        PARSED.as_ref().map_err(Clone::clone)
    }

    fn parse() -> Result<Self, Diagnostics> {
        let broken = |why: String| {
            let message = format!("the schema that is built in does not hold: {why}");
            Diagnostics(vec![Diagnostic::of_bundle(message, None)])
        };
        let (schema, _warnings) =
            Schema::from_cedarschema_str(SCHEMA).map_err(|e| broken(e.to_string()))?;
        let mut types = HashMap::new();
        for kind in Kind::ALL {
            let name = EntityTypeName::from_str(&format!("Weir::{}", kind.as_str()))
                .map_err(|e| broken(e.to_string()))?;
            types.insert(kind, name);
        }
        let actions = schema
            .actions()
            .map(|uid| (uid.id().unescaped().to_owned(), uid.clone()))
            .collect();
        Ok(Self {
            schema,
            types,
            actions,
        })
    }

    /// What policies and requests are validated against.
    pub(crate) fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The entity of a kind with this id, which may hold anything; `None` for a kind that the
    /// schema lacks.
    pub(crate) fn entity(&self, kind: Kind, id: &str) -> Option<EntityUid> {
        let name = self.types.get(&kind)?;
        Some(EntityUid::from_type_name_and_id(
            name.clone(),
            EntityId::new(id),
        ))
    }

    /// The action of this name, if the schema has it.
    pub(crate) fn action(&self, name: &str) -> Option<&EntityUid> {
        self.actions.get(name)
    }

    /// The names of all actions, for people.
    pub(crate) fn action_names(&self) -> String {
        let names: BTreeSet<&str> = self.actions.keys().map(String::as_str).collect();
        names.into_iter().collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use weir_command::Verb;

    use super::*;

    /// serde knows every variant of `Verb`, and says so when it is asked for one that is none.
    fn every_verb() -> Vec<Verb> {
        let error = serde_json::from_str::<Verb>("\"?\"")
            .unwrap_err()
            .to_string();
        let verbs: Vec<Verb> = error
            .split('`')
            .filter_map(|word| serde_json::from_str(&format!("\"{word}\"")).ok())
            .collect();
        assert!(verbs.len() > 30 && verbs.contains(&Verb::Connect) && verbs.contains(&Verb::Empty));
        verbs
    }

    #[test]
    fn every_verb_is_an_action_and_every_action_a_verb_or_known() {
        let vocabulary = Vocabulary::get().unwrap();
        let verbs: Vec<&str> = every_verb().into_iter().map(Verb::as_str).collect();
        for verb in &verbs {
            assert!(vocabulary.action(verb).is_some(), "{verb} is no action");
        }
        let others = [
            "command",
            "read",
            "write",
            "ddl",
            "destroy",
            "privilege",
            "exec",
            "session",
            OPAQUE,
            REVEAL,
            RESOLVE,
        ];
        for action in vocabulary.actions.keys().map(String::as_str) {
            assert!(
                verbs.contains(&action) || others.contains(&action),
                "{action} can never be asked"
            );
        }
    }
}
