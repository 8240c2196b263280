//! Names: identifiers to the strings by which the server knows a thing.

use sqlparser::ast::{Ident, ObjectName, ObjectNamePart};

use super::Walk;
use crate::model::{Access, Object};
use crate::sql::keyword;
use crate::sql::unread::Unread;

const RESERVED: Unread = Unread::Unsupported("a reserved word in the place of a name");

impl Walk {
    /// Any identifier; the lexer has folded it.
    pub(super) fn ident(&mut self, ident: &Ident) -> Result<String, Unread> {
        let Ident {
            value,
            quote_style,
            span: _,
        } = ident;
        if !matches!(quote_style, None | Some('"')) {
            return Err(Unread::Unsupported("a string in the place of a name"));
        }
        self.ledger.see(ident);
        Ok(value.clone())
    }

    /// An identifier where the server would not take a reserved word for one.
    pub(super) fn name(&mut self, ident: &Ident) -> Result<String, Unread> {
        if ident.quote_style.is_none() && !keyword::may_name(&ident.value) {
            return Err(RESERVED);
        }
        self.ident(ident)
    }

    /// A result column's label. Some words are one only behind `AS`; elsewhere they begin a clause,
    /// and the parser has taken a clause for a label.
    pub(super) fn label(&mut self, ident: &Ident) -> Result<(), Unread> {
        if ident.quote_style.is_none()
            && !keyword::may_label(&ident.value)
            && !self.ledger.is_behind_as(ident)
        {
            return Err(RESERVED);
        }
        self.ident(ident)?;
        Ok(())
    }

    /// A qualified name's parts.
    pub(super) fn parts(&mut self, name: &ObjectName) -> Result<Vec<String>, Unread> {
        let ObjectName(parts) = name;
        let mut out = Vec::with_capacity(parts.len());
        for part in parts {
            let ObjectNamePart::Identifier(ident) = part else {
                return Err(Unread::Unsupported("a computed name"));
            };
            // behind a dot any word is a name
            out.push(if out.is_empty() {
                self.name(ident)?
            } else {
                self.ident(ident)?
            });
        }
        Ok(out)
    }

    /// A qualified name as the object that it names.
    pub(super) fn object(&mut self, name: &ObjectName, access: Access) -> Result<Object, Unread> {
        object_of(self.parts(name)?, access)
    }
}

/// The object that a qualified name's parts name.
pub(in crate::sql) fn object_of(parts: Vec<String>, access: Access) -> Result<Object, Unread> {
    let mut parts = parts.into_iter().rev();
    let (name, schema, database) = (parts.next(), parts.next(), parts.next());
    match (name, parts.next()) {
        (Some(name), None) => Ok(Object {
            database,
            schema,
            name,
            access,
        }),
        _ => Err(Unread::Unsupported("a name of more than three parts")),
    }
}

/// The last part of a name: a function's own, without its schema.
pub(super) fn last_of(name: &ObjectName) -> Option<&str> {
    let ident = name.0.last()?.as_ident()?;
    Some(&ident.value)
}
