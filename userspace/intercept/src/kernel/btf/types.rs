//! The bytes of BTF as types: the header, one record a type, and the names.

use super::BtfError;

/// "The magic number is 0xeB9F", in the byte order of the kernel.
const MAGIC: u16 = 0xeb9f;
const VERSION: u8 = 1;

/// Bytes of `struct btf_type`, and of what follows it for each kind.
const RECORD: usize = 12;
const MEMBER: usize = 12;

/// No kernel has nearly as many types.
const MOST_TYPES: usize = 1 << 22;

/// What matters of a type's kind here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// An integer, a float or an enumeration.
    Sized,
    Pointer,
    Array,
    Struct,
    Union,
    /// Another name of a type, or the same with a qualifier.
    Alias,
    /// A function: a name, and what it takes.
    Function,
    /// Forward declarations, variables, sections: nothing that lies in a structure.
    Valueless,
}

/// One type's record.
#[derive(Clone, Copy)]
pub(super) struct Type {
    pub(super) name: u32,
    pub(super) kind: Kind,
    /// How many members.
    pub(super) count: u32,
    /// Bytes, or for an alias the type it stands for.
    pub(super) size_or_type: u32,
    /// Whether members' offsets hold a bit field's width, too.
    bit_fields: bool,
    /// Where what follows the record begins.
    extra: usize,
}

/// A member of a structure or union.
pub(super) struct Member {
    pub(super) name: u32,
    pub(super) type_id: u32,
    /// Its offset; `None` for a bit field.
    pub(super) bytes: Option<u32>,
}

/// What follows the record of an array.
pub(super) struct Array {
    pub(super) type_id: u32,
    pub(super) count: u32,
}

/// The two sections: types and names.
pub(super) struct Section<'a> {
    types: &'a [u8],
    names: &'a [u8],
    /// Where each type's record begins; the first has id 1.
    starts: Vec<usize>,
}

impl<'a> Section<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, BtfError> {
        let head = bytes.get(..24).ok_or(BtfError::Header)?;
        let (magic, version) = (half(head, 0)?, head.get(2));
        if magic != MAGIC || version != Some(&VERSION) {
            return Err(BtfError::Header);
        }
        let header = size(word(head, 4)?)?;
        let part = |offset, length| {
            let from = header.checked_add(size(word(head, offset)?)?);
            let from = from.ok_or(BtfError::Short)?;
            let to = from.checked_add(size(word(head, length)?)?);
            bytes
                .get(from..to.ok_or(BtfError::Short)?)
                .ok_or(BtfError::Short)
        };
        let mut section = Self {
            types: part(8, 12)?,
            names: part(16, 20)?,
            starts: Vec::new(),
        };
        let mut at = 0;
        while at < section.types.len() {
            section.starts.push(at);
            if section.starts.len() > MOST_TYPES {
                return Err(BtfError::Short);
            }
            at = end(section.types, at)?;
        }
        Ok(section)
    }

    /// The ids of all types.
    pub(super) fn ids(&self) -> impl Iterator<Item = u32> + use<> {
        1..=u32::try_from(self.starts.len()).unwrap_or(0)
    }

    /// The type with this id. Zero is `void`.
    pub(super) fn get(&self, id: u32) -> Result<Type, BtfError> {
        let Some(index) = size(id)?.checked_sub(1) else {
            return Ok(Type {
                name: 0,
                kind: Kind::Valueless,
                count: 0,
                size_or_type: 0,
                bit_fields: false,
                extra: 0,
            });
        };
        let start = *self.starts.get(index).ok_or(BtfError::Short)?;
        record(self.types, start)
    }

    pub(super) fn member(&self, outer: &Type, index: u32) -> Result<Member, BtfError> {
        let at = size(index)?
            .checked_mul(MEMBER)
            .and_then(|bytes| bytes.checked_add(outer.extra))
            .ok_or(BtfError::Short)?;
        let offset = word(self.types, at + 8)?;
        let (bits, width) = if outer.bit_fields {
            (offset & 0x00ff_ffff, offset >> 24)
        } else {
            (offset, 0)
        };
        Ok(Member {
            name: word(self.types, at)?,
            type_id: word(self.types, at + 4)?,
            bytes: (width == 0 && bits % 8 == 0).then_some(bits / 8),
        })
    }

    pub(super) fn array(&self, outer: &Type) -> Result<Array, BtfError> {
        Ok(Array {
            type_id: word(self.types, outer.extra)?,
            count: word(self.types, outer.extra + 8)?,
        })
    }

    /// The name at this offset.
    pub(super) fn name(&self, offset: u32) -> Result<&'a [u8], BtfError> {
        let from = self.names.get(size(offset)?..).ok_or(BtfError::Short)?;
        let length = from
            .iter()
            .position(|byte| *byte == 0)
            .ok_or(BtfError::Short)?;
        from.get(..length).ok_or(BtfError::Short)
    }
}

/// The record at `start`.
fn record(types: &[u8], start: usize) -> Result<Type, BtfError> {
    let info = word(types, start + 4)?;
    let kind = match kind_number(info) {
        1 | 6 | 16 | 19 => Kind::Sized,
        2 => Kind::Pointer,
        3 => Kind::Array,
        4 => Kind::Struct,
        5 => Kind::Union,
        8..=11 | 18 => Kind::Alias,
        12 => Kind::Function,
        7 | 13..=15 | 17 => Kind::Valueless,
        unknown => return Err(BtfError::Kind(unknown)),
    };
    Ok(Type {
        name: word(types, start)?,
        kind,
        count: info & 0xffff,
        size_or_type: word(types, start + 8)?,
        bit_fields: info >> 31 == 1,
        extra: start + RECORD,
    })
}

/// Where the record at `start`, with what follows it, ends.
fn end(types: &[u8], start: usize) -> Result<usize, BtfError> {
    let info = word(types, start + 4)?;
    let count = size(info & 0xffff)?;
    let extra = match kind_number(info) {
        // An integer's encoding, a variable's linkage, a tag's component.
        1 | 14 | 17 => 4,
        3 => 12,
        4 | 5 | 15 | 19 => count * 12,
        6 | 13 => count * 8,
        2 | 7..=12 | 16 | 18 => 0,
        unknown => return Err(BtfError::Kind(unknown)),
    };
    let end = start + RECORD + extra;
    (end <= types.len()).then_some(end).ok_or(BtfError::Short)
}

fn kind_number(info: u32) -> u32 {
    (info >> 24) & 0x1f
}

fn size(number: u32) -> Result<usize, BtfError> {
    usize::try_from(number).map_err(|_| BtfError::Short)
}

fn word(bytes: &[u8], at: usize) -> Result<u32, BtfError> {
    bytes
        .get(at..)
        .and_then(|rest| rest.first_chunk())
        .map(|chunk| u32::from_ne_bytes(*chunk))
        .ok_or(BtfError::Short)
}

fn half(bytes: &[u8], at: usize) -> Result<u16, BtfError> {
    bytes
        .get(at..)
        .and_then(|rest| rest.first_chunk())
        .map(|chunk| u16::from_ne_bytes(*chunk))
        .ok_or(BtfError::Short)
}
