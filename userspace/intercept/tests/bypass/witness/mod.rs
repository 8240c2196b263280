//! Those that no agent has been admitted to. What they see of a governed agent is a hole.

mod capture;
mod far;
mod near;

pub(crate) use far::Far;
pub(crate) use near::{Near, dial};
