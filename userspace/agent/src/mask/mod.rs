//! Apply a permit's obligations to responses: no value of a class that the subject may not see
//! clear leaves this room unchanged.
//!
//! Three steps, each its own file: the [`lineage`] says which table columns are sensitive, and by the
//! [`rule`]s of views which of theirs, the
//! [`exposure`] says what a statement could reveal beyond its plain columns, the [`plan`] turns one
//! RowDescription into a treatment a column, which [`value`] carries out. What can't be traced is
//! treated as sensitive. Where a target asks for detectors, what is left clear is looked through:
//! [`sift`] for a value, [`copied`] for the rows of a copy. This room never sees policy text, only what
//! is [`Clear`]. [`code`] says what may change all this while nobody looks.
//!
//! Known limits: that a value isn't guessed is for policy to see to.
//!
//! [`Clear`]: weir_policy::Clear

pub mod catalogue;
pub mod code;
pub mod copied;
pub mod exposure;
pub mod key;
pub mod lineage;
pub mod plan;
pub mod rule;
pub mod sift;
pub mod value;
