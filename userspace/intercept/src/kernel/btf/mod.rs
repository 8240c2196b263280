//! Where a kernel keeps the fields of its structures, from its own description of its types: BTF
//! (Documentation/bpf/btf.rst in the kernel's sources).
//!
//! Its job: the byte offset of a named field, and the number of a named function. Not its job: knowing which fields are wanted; that
//! is [`layout`](super::layout).
//!
//! The description is the kernel's word, but it is parsed as if it were anybody's: every length is
//! checked, every walk is bounded, and what makes no sense is an error.

mod types;

#[cfg(test)]
mod tests;

use std::{collections::HashMap, io};

use thiserror::Error;

use types::{Kind, Section, Type};

/// How deep structures without a name may lie in each other.
const DEPTH: u32 = 8;

/// How many names a type may have had before it is one (`typedef`, `const`, `volatile`).
const ALIASES: u32 = 32;

/// Why a field's place can't be told.
#[derive(Debug, Error)]
pub(crate) enum BtfError {
    /// This kernel was built without a description of its types, or hides it.
    #[error("can't read /sys/kernel/btf/vmlinux: {0}")]
    Read(#[from] io::Error),
    /// Not BTF, or of another version or byte order.
    #[error("the kernel's description of its types is not BTF version 1")]
    Header,
    /// It ends within a type or a name.
    #[error("the kernel's description of its types is cut short")]
    Short,
    /// A kind of type that came after this program was written: where the next one begins can't be
    /// known.
    #[error("the kernel describes a type of unknown kind {0}")]
    Kind(u32),
    /// No structure has this name.
    #[error("the kernel has no `struct {0}`")]
    NoStruct(&'static str),
    /// No function has this name.
    #[error("the kernel has no function `{0}`")]
    NoFunction(&'static str),
    /// The structure has no such field.
    #[error("the kernel's `struct {structure}` has no field `{field}`")]
    NoField {
        /// The structure.
        structure: &'static str,
        /// The field.
        field: &'static str,
    },
    /// The field is of another size than is to be read, or a bit field.
    #[error("the kernel's `{structure}.{field}` is not {wanted} bytes wide")]
    Width {
        /// The structure.
        structure: &'static str,
        /// The field.
        field: &'static str,
        /// What was to be read.
        wanted: u32,
    },
    /// Types that are named in a circle, or lie in each other without end.
    #[error("the kernel's description of its types goes round in circles")]
    Depth,
}

/// The types of a kernel.
pub(crate) struct Btf<'a> {
    section: Section<'a>,
    structures: HashMap<&'a [u8], u32>,
}

/// A field as it was found.
struct Found {
    bytes: u32,
    type_id: u32,
}

impl<'a> Btf<'a> {
    /// Reads a whole description.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, BtfError> {
        let section = Section::parse(bytes)?;
        let mut structures = HashMap::new();
        for id in section.ids() {
            let described = section.get(id)?;
            if described.kind == Kind::Struct && described.name != 0 {
                // Where two have one name, the first is the one that the rest of the kernel shares.
                structures
                    .entry(section.name(described.name)?)
                    .or_insert(id);
            }
        }
        Ok(Self {
            section,
            structures,
        })
    }

    /// The offset in bytes of a field that is `width` bytes wide. A dot in `field` leads into a
    /// structure that lies in the first.
    pub(crate) fn offset(
        &self,
        structure: &'static str,
        field: &'static str,
        width: u32,
    ) -> Result<u32, BtfError> {
        let wrong = || BtfError::Width {
            structure,
            field,
            wanted: width,
        };
        let mut at = Found {
            bytes: 0,
            type_id: *self
                .structures
                .get(structure.as_bytes())
                .ok_or(BtfError::NoStruct(structure))?,
        };
        for name in field.split('.') {
            let inner = self
                .member(at.type_id, name.as_bytes(), 0)?
                .ok_or(BtfError::NoField { structure, field })?;
            at = Found {
                bytes: at.bytes.checked_add(inner.bytes).ok_or_else(wrong)?,
                type_id: inner.type_id,
            };
        }
        if self.width(at.type_id)? != Some(width) {
            return Err(wrong());
        }
        Ok(at.bytes)
    }

    /// The number by which a program is bound to a function.
    pub(crate) fn function(&self, name: &'static str) -> Result<u32, BtfError> {
        for id in self.section.ids() {
            let described = self.section.get(id)?;
            if described.kind == Kind::Function
                && self.section.name(described.name)? == name.as_bytes()
            {
                return Ok(id);
            }
        }
        Err(BtfError::NoFunction(name))
    }

    /// A member by its name, also where it lies in a structure or union that has none. A bit field is
    /// not found.
    fn member(&self, id: u32, name: &[u8], depth: u32) -> Result<Option<Found>, BtfError> {
        if depth > DEPTH {
            return Err(BtfError::Depth);
        }
        let outer = self.resolve(id)?;
        if !matches!(outer.kind, Kind::Struct | Kind::Union) {
            return Ok(None);
        }
        for index in 0..outer.count {
            let member = self.section.member(&outer, index)?;
            let Some(bytes) = member.bytes else { continue };
            if member.name != 0 {
                if self.section.name(member.name)? == name {
                    return Ok(Some(Found {
                        bytes,
                        type_id: member.type_id,
                    }));
                }
                continue;
            }
            if let Some(inner) = self.member(member.type_id, name, depth + 1)? {
                return Ok(Some(Found {
                    bytes: bytes.checked_add(inner.bytes).ok_or(BtfError::Depth)?,
                    type_id: inner.type_id,
                }));
            }
        }
        Ok(None)
    }

    /// The type behind its other names.
    fn resolve(&self, id: u32) -> Result<Type, BtfError> {
        let mut described = self.section.get(id)?;
        for _ in 0..ALIASES {
            if described.kind != Kind::Alias {
                return Ok(described);
            }
            described = self.section.get(described.size_or_type)?;
        }
        Err(BtfError::Depth)
    }

    /// How many bytes a value of this type has; `None` for what is no value, or too large to count.
    fn width(&self, id: u32) -> Result<Option<u32>, BtfError> {
        let mut id = id;
        let mut times = 1u32;
        for _ in 0..ALIASES {
            let described = self.resolve(id)?;
            let one = match described.kind {
                Kind::Sized | Kind::Struct | Kind::Union => described.size_or_type,
                Kind::Pointer => 8,
                Kind::Array => {
                    let array = self.section.array(&described)?;
                    let Some(product) = times.checked_mul(array.count) else {
                        return Ok(None);
                    };
                    (id, times) = (array.type_id, product);
                    continue;
                }
                Kind::Alias | Kind::Function | Kind::Valueless => return Ok(None),
            };
            return Ok(times.checked_mul(one));
        }
        Err(BtfError::Depth)
    }
}
