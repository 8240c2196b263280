//! PostgreSQL, towards the target.

mod cancel;
mod catalogue;
mod code;
mod conversation;
pub mod estimate;
mod fingerprint;
mod login;
mod reader;
mod sink;

pub use cancel::cancel;
pub use login::{Login, Used, login};
pub use reader::{Reader, Reading};
pub use sink::{Control, Sink};
