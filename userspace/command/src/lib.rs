//! Messages to normalised commands: what a request would do, in words that policy can judge.
//!
//! A protocol's parser turns one request into [`Statement`]s. What it cannot read is
//! [`Statement::Opaque`], a value that policy sees and (as shipped) denies: uncertainty is never
//! silently an allow. This crate knows no policy, no socket and no clock.

#![forbid(unsafe_code)]

mod model;
pub mod sql;

pub use model::{
    Access, ColumnUse, Command, Control, CopyForm, Effect, Effects, Object, Opaque, OpaqueReason,
    Predicate, RowLimit, Statement, Verb,
};
