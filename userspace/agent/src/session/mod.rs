//! Drive one protocol's codec, both ways. Which command may go on is asked of [`judge`], never
//! decided here.

pub mod judge;
pub mod postgres;
