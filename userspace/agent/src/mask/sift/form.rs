//! Which values are looked through, by their type, and how.
//!
//! Source: `pg_type.dat` for the ids; PostgreSQL's `send` functions for what binary values are.

use weir_wire::postgres::Format;

use crate::mask::value::Kind;

/// How a value is looked through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As a text of at most so many characters.
    Text {
        /// The declared length of `varchar(n)` and `char(n)`.
        limit: Option<usize>,
    },
    /// As JSON.
    Json,
    /// As JSON behind a version byte.
    Jsonb,
    /// As bytes that text shows in hexadecimal.
    Hex,
    /// As bytes of whatever structure.
    Bytes,
    /// As a text that is replaced as a whole.
    Whole {
        /// By what.
        kind: Kind,
    },
    /// As an `int8` in binary.
    Bigint,
    /// As whatever it looks like.
    Untyped,
}

/// The first type id that no type of PostgreSQL's own has.
const USERS_OWN: u32 = 16_384;

/// text, name, "char", bpchar, varchar, unknown, cstring, xml, refcursor
const TEXTS: [u32; 9] = [25, 19, 18, 1042, 1043, 705, 2275, 142, 1790];
/// Arrays of those, bytea's, and what else is made of texts: record, record[], jsonpath, tsvector,
/// tsquery
const OF_TEXTS: [u32; 13] = [
    1009, 1003, 1002, 1014, 1015, 1263, 143, 2201, 2249, 2287, 4072, 3614, 3615,
];
const BYTEA: u32 = 17;
const BYTEA_ARRAY: u32 = 1001;
const JSON: u32 = 114;
const JSONB: u32 = 3802;
const JSON_ARRAY: u32 = 199;
const JSONB_ARRAY: u32 = 3807;
const INT8: u32 = 20;
/// What a machine has of its own, and arrays of it: bool, int2, int4, oid, tid, xid, cid, float4,
/// float8, money, date, time, timestamp, timestamptz, interval, timetz, bit, varbit, uuid, pg_lsn,
/// inet, cidr, macaddr, macaddr8, points to circles, xid8, oidvector, int2vector, void, the names of
/// the catalogue's things
const MACHINES: [u32; 59] = [
    16, 21, 23, 26, 27, 28, 29, 700, 701, 790, 1082, 1083, 1114, 1184, 1186, 1266, 1560, 1562,
    2950, 3220, 869, 650, 829, 774, 600, 601, 602, 603, 604, 628, 718, 5069, 30, 22, 2278, 24,
    2202, 2203, 2204, 2205, 2206, 4089, 4096, 1000, 1005, 1007, 1028, 1021, 1022, 1182, 1183, 1115,
    1185, 1187, 2951, 1041, 651, 1561, 1563,
];

impl Form {
    /// The form of a type id (`pg_type.oid`) with its modifier (`atttypmod`); `None` where values
    /// aren't looked through.
    #[must_use]
    pub fn of(type_oid: u32, modifier: i32, format: Format) -> Option<Self> {
        if MACHINES.contains(&type_oid) {
            return None;
        }
        Some(match (type_oid, format) {
            (JSONB, Format::Binary) => Self::Jsonb,
            (JSON | JSONB, _) => Self::Json,
            (BYTEA, Format::Text) => Self::Hex,
            (BYTEA | BYTEA_ARRAY, Format::Binary) => Self::Bytes,
            (INT8, Format::Binary) => Self::Bigint,
            (oid, _) if TEXTS.contains(&oid) => Self::Text {
                limit: match Kind::of(oid, modifier) {
                    Kind::Text { limit } => limit,
                    _ => None,
                },
            },
            // What stands in braces or parentheses, or after a colon, stays there.
            (oid, Format::Text) if oid >= USERS_OWN || OF_TEXTS.contains(&oid) => {
                Self::Text { limit: None }
            }
            (oid, Format::Binary) if OF_TEXTS.contains(&oid) => Self::Bytes,
            (USERS_OWN.., Format::Binary) => Self::Untyped,
            (oid, Format::Text) => Self::Whole {
                kind: Kind::of(oid, modifier),
            },
            (JSON_ARRAY | JSONB_ARRAY, Format::Binary) => Self::Whole { kind: Kind::Other },
            (_, Format::Binary) => return None,
        })
    }
}
