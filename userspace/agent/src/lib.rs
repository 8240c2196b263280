//! The weir agent: all IO, and the rooms that one connection passes through. `ARCHITECTURE.md` at
//! the root of the repository is the map.

pub mod access;
pub mod admit;
pub mod approve;
pub mod audit;
pub mod cli;
pub mod config;
pub mod control;
pub mod dns;
pub mod engine;
pub mod identity;
pub mod mask;
pub mod route;
pub mod session;
pub mod signals;
pub mod signing;
pub mod tls;
pub mod upstream;
pub mod webhook;
