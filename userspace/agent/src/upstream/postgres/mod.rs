//! PostgreSQL, towards the target.

mod cancel;
mod catalogue;
mod conversation;
pub mod estimate;
mod login;
mod sink;

pub use cancel::cancel;
pub use catalogue::read_catalogue;
pub use login::{Login, login};
pub use sink::{Control, Sink};
