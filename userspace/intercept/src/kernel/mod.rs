//! The kernel's side, as objects: programs to load and attach, maps to read and write.
//!
//! Not its job: what is tagged, where pins lie, when to do what; that is `interceptor` and `pins`.

mod bpf;
mod btf;
mod code;
pub(crate) mod family;
pub(crate) mod layout;
pub(crate) mod link;
pub(crate) mod maps;
pub(crate) mod object;
pub(crate) mod programs;
pub(crate) mod table;
pub(crate) mod trace;
pub(crate) mod unix;
