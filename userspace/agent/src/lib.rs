//! agent

pub mod admit;
pub mod config;
pub mod identity;
pub mod route;
