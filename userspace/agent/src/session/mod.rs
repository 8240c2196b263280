//! Drive one protocol's codec, both ways, or pass on what weir doesn't read. Which command may go on
//! is asked of [`judge`], never decided here.

pub mod datagrams;
pub mod judge;
pub mod opaque;
pub mod postgres;

mod passing;

use std::sync::Arc;

use tokio::sync::watch;
use weir_policy::Policies;

/// What may change while a session lives.
pub struct Watched {
    /// The policies in force.
    pub policies: watch::Receiver<Arc<Policies>>,
    /// Becomes true when the engine stops.
    pub shutdown: watch::Receiver<bool>,
}
