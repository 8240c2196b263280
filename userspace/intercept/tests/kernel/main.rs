//! The programs in the real kernel, and the engine over them. Needs root; makes its own cgroups and
//! pins and removes them; every packet stays on loopback.

mod agent;
mod bed;
mod connect;
mod doctor;
mod lifecycle;
mod refuse;
mod restart;
mod tag;
