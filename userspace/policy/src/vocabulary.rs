//! The words of the policy schema as values: entity types and actions, parsed once.

use std::{
    collections::{BTreeSet, HashMap},
    str::FromStr,
    sync::LazyLock,
};

use cedar_policy::{EntityId, EntityTypeName, EntityUid, Schema, SchemaFragment};
use serde_json::Value;

use crate::{Diagnostic, Diagnostics};

/// The schema's text.
pub(crate) const SCHEMA: &str = include_str!("../../../policies/schema.cedarschema");

/// The action that shows a data class clear.
pub(crate) const REVEAL: &str = "reveal";

/// The action that asks the DNS about a name.
pub(crate) const RESOLVE: &str = "resolve";

/// What marks what belongs to a protocol that weir does not speak yet.
const RESERVED: &str = "/annotations/reserved";

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
    Column,
    DataClass,
    Host,
}

/// The schema and what it declares.
#[derive(Debug)]
pub(crate) struct Vocabulary {
    schema: Schema,
    spoken: Schema,
    reserved: BTreeSet<String>,
    types: HashMap<Kind, EntityTypeName>,
    actions: HashMap<String, EntityUid>,
}

impl Kind {
    const ALL: [Self; 9] = [
        Self::Subject,
        Self::Group,
        Self::Target,
        Self::Database,
        Self::Schema,
        Self::Relation,
        Self::Column,
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
            Self::Column => "Column",
            Self::DataClass => "DataClass",
            Self::Host => "Host",
        }
    }

    /// The kind of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// The kind of an entity, where the schema has it.
    pub(crate) fn of(uid: &EntityUid) -> Option<Self> {
        Self::named(uid.type_name().basename())
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
        let (spoken, reserved) = spoken().map_err(|e| broken(e.to_string()))?;
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
            spoken,
            reserved,
            types,
            actions,
        })
    }

    /// What policies and requests are validated against.
    pub(crate) fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The same schema, in which what is reserved applies to nothing.
    pub(crate) fn spoken(&self) -> &Schema {
        &self.spoken
    }

    /// Whether this names an action or an entity type of a protocol that weir doesn't speak yet.
    pub(crate) fn is_reserved(&self, word: &str) -> bool {
        self.reserved.contains(word)
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

    /// The action of this name, and all that are in it; `None` where the schema has none.
    pub(crate) fn actions_in(&self, name: &str) -> Option<Vec<String>> {
        let group = self.action(name)?;
        let entities = self.schema.action_entities().ok()?;
        let is_in = |uid: &EntityUid| {
            uid == group
                || entities
                    .ancestors(uid)
                    .is_some_and(|mut above| above.any(|above| above == group))
        };
        let actions = self.actions.iter().filter(|(_, uid)| is_in(uid));
        Some(actions.map(|(name, _)| name.clone()).collect())
    }

    /// All actions.
    pub(crate) fn actions(&self) -> impl Iterator<Item = &EntityUid> {
        self.actions.values()
    }

    /// The names of all actions, for people.
    pub(crate) fn action_names(&self) -> String {
        let names: BTreeSet<&str> = self.actions.keys().map(String::as_str).collect();
        names.into_iter().collect::<Vec<_>>().join(", ")
    }
}

/// The schema without what its reserved actions apply to, and all reserved names.
fn spoken() -> Result<(Schema, BTreeSet<String>), Box<dyn std::error::Error>> {
    let (fragment, _warnings) = SchemaFragment::from_cedarschema_str(SCHEMA)?;
    let mut json = fragment.to_json_value()?;
    let mut reserved = BTreeSet::new();
    for (part, prefix) in [("actions", ""), ("entityTypes", "Weir::")] {
        let declared = json.pointer_mut(&format!("/Weir/{part}"));
        for (name, declared) in declared
            .and_then(Value::as_object_mut)
            .into_iter()
            .flatten()
        {
            if declared.pointer(RESERVED).is_some() {
                reserved.insert(format!("{prefix}{name}"));
                if let Some(fields) = declared.as_object_mut() {
                    fields.remove("appliesTo");
                }
            }
        }
    }
    Ok((Schema::from_json_value(json)?, reserved))
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
                verbs.contains(&action)
                    || others.contains(&action)
                    || vocabulary.is_reserved(action),
                "{action} can never be asked"
            );
        }
    }
}
