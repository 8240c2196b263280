//! The entities that Cedar must be told of. Ids are made from parts, never by writing Cedar text,
//! so no name can pass for another.

use std::collections::{HashMap, HashSet};

use cedar_policy::{Entities, Entity, EntityUid, RestrictedExpression as Value};

use super::{questions::Resource, unjudged::Unjudged};
use crate::{
    DataClass, Subject, Target, path,
    vocabulary::{Kind, Vocabulary},
};

/// The entities of one request, as they are gathered.
pub(super) struct World<'a> {
    vocabulary: &'a Vocabulary,
    /// None where a name is judged: a host lies in no target.
    target: Option<&'a Target>,
    entities: HashMap<EntityUid, Entity>,
}

type Attributes = Vec<(&'static str, Value)>;

impl<'a> World<'a> {
    /// A world of the target alone.
    pub(super) fn new(vocabulary: &'a Vocabulary, target: &'a Target) -> Result<Self, Unjudged> {
        let mut world = Self {
            target: Some(target),
            ..Self::without_target(vocabulary)
        };
        let uid = world.uid(Kind::Target, &target.name)?;
        let attributes = vec![
            ("name", text(&target.name)),
            ("protocol", text(&target.protocol)),
        ];
        world.add(&uid, attributes, [])?;
        Ok(world)
    }

    /// A world of nothing.
    pub(super) fn without_target(vocabulary: &'a Vocabulary) -> Self {
        Self {
            vocabulary,
            target: None,
            entities: HashMap::new(),
        }
    }

    /// Adds the subject, in its groups.
    pub(super) fn subject(&mut self, subject: &Subject) -> Result<EntityUid, Unjudged> {
        let (uid, groups) = (self.uid(Kind::Subject, &subject.id)?, self.groups(subject)?);
        self.add(&uid, vec![("id", text(&subject.id))], groups)?;
        Ok(uid)
    }

    /// What a subject is in.
    pub(super) fn groups(&self, subject: &Subject) -> Result<Vec<EntityUid>, Unjudged> {
        let groups = subject.groups.iter();
        groups.map(|group| self.uid(Kind::Group, group)).collect()
    }

    /// Adds a resource, and what it is in.
    pub(super) fn resource(&mut self, resource: Resource<'_>) -> Result<EntityUid, Unjudged> {
        match resource {
            Resource::Database { database } => self.database(database),
            Resource::Column {
                database,
                schema,
                relation,
                name,
            } => {
                let parent = self.resource(Resource::Relation {
                    database,
                    schema,
                    name: relation,
                })?;
                let mut attributes = self.inside(name)?;
                attributes.push(("database", text(database)));
                attributes.extend(schema.map(|schema| ("schema", text(schema))));
                let uid = self.uid(Kind::Column, &resource.id(&self.declared()?.name))?;
                self.add(&uid, attributes, [parent])?;
                Ok(uid)
            }
            Resource::Relation {
                database,
                schema,
                name,
            } => {
                let mut attributes = self.inside(name)?;
                attributes.push(("database", text(database)));
                let mut parents = vec![self.database(database)?];
                if let Some(schema) = schema {
                    attributes.push(("schema", text(schema)));
                    parents.push(self.schema(database, schema)?);
                }
                let uid = self.uid(Kind::Relation, &resource.id(&self.declared()?.name))?;
                self.add(&uid, attributes, parents)?;
                Ok(uid)
            }
            Resource::Host { name, .. } => self.host(name),
        }
    }

    /// Adds a data class, in the target.
    pub(super) fn data_class(&mut self, class: &DataClass) -> Result<EntityUid, Unjudged> {
        let [uid, target] = self.lineage_of_class(class)?;
        self.add(&uid, vec![("name", text(class.as_str()))], [target])?;
        Ok(uid)
    }

    /// A data class, and the target that it is in.
    pub(super) fn lineage_of_class(&self, class: &DataClass) -> Result<[EntityUid; 2], Unjudged> {
        Ok([
            self.uid(Kind::DataClass, class.as_str())?,
            self.uid(Kind::Target, &self.declared()?.name)?,
        ])
    }

    /// All of it, checked against the schema.
    pub(super) fn finish(self) -> Result<Entities, Unjudged> {
        let schema = self.vocabulary.schema();
        Ok(Entities::from_entities(self.entities.into_values(), Some(schema)).map_err(Box::new)?)
    }

    fn declared(&self) -> Result<&'a Target, Unjudged> {
        self.target.ok_or(Unjudged::NoTarget)
    }

    /// A host, in every domain that it lies below.
    fn host(&mut self, name: &str) -> Result<EntityUid, Unjudged> {
        let uid = self.uid(Kind::Host, name)?;
        let mut domains = Vec::new();
        let mut rest = name;
        while let Some((_, domain)) = rest.split_once('.') {
            domains.push(self.uid(Kind::Host, domain)?);
            rest = domain;
        }
        self.add(&uid, vec![("name", text(name))], domains)?;
        Ok(uid)
    }

    fn database(&mut self, database: &str) -> Result<EntityUid, Unjudged> {
        let target = self.declared()?.name.as_str();
        let id = path::join([target, database]);
        let (uid, target) = (
            self.uid(Kind::Database, &id)?,
            self.uid(Kind::Target, target)?,
        );
        self.add(&uid, self.inside(database)?, [target])?;
        Ok(uid)
    }

    fn schema(&mut self, database: &str, schema: &str) -> Result<EntityUid, Unjudged> {
        let id = path::join([self.declared()?.name.as_str(), database, schema]);
        let (uid, parent) = (self.uid(Kind::Schema, &id)?, self.database(database)?);
        let mut attributes = self.inside(schema)?;
        attributes.push(("database", text(database)));
        self.add(&uid, attributes, [parent])?;
        Ok(uid)
    }

    /// The attributes of everything inside the target.
    fn inside(&self, name: &str) -> Result<Attributes, Unjudged> {
        let target = self.declared()?;
        Ok(vec![
            ("name", text(name)),
            ("target", text(&target.name)),
            ("protocol", text(&target.protocol)),
        ])
    }

    fn uid(&self, kind: Kind, id: &str) -> Result<EntityUid, Unjudged> {
        self.vocabulary
            .entity(kind, id)
            .ok_or(Unjudged::NotInSchema(kind.as_str()))
    }

    fn add(
        &mut self,
        uid: &EntityUid,
        attributes: Attributes,
        parents: impl IntoIterator<Item = EntityUid>,
    ) -> Result<(), Unjudged> {
        let attributes = attributes
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value));
        let parents: HashSet<EntityUid> = parents.into_iter().collect();
        let entity = Entity::new(uid.clone(), attributes.collect(), parents).map_err(Box::new)?;
        self.entities.insert(uid.clone(), entity);
        Ok(())
    }
}

fn text(value: &str) -> Value {
    Value::new_string(value.to_owned())
}
