//! What a client sends, once the session has started: one message, one file.
//!
//! 55.7 "Message Formats", those marked (F).

mod bind;
mod close;
mod copy_fail;
mod describe;
mod execute;
mod flush;
mod function_call;
mod object;
mod parse;
mod password;
mod query;
mod sync;
pub mod tag;
mod terminate;

use super::framed::direction;

pub use super::{CopyData, CopyDone};
pub use bind::Bind;
pub use close::Close;
pub use copy_fail::CopyFail;
pub use describe::Describe;
pub use execute::Execute;
pub use flush::Flush;
pub use function_call::FunctionCall;
pub use object::ObjectKind;
pub use parse::Parse;
pub use password::Password;
pub use query::Query;
pub use sync::Sync;
pub use terminate::Terminate;

direction! {
    /// A message that a client sends.
    Bind = BIND,
    Close = CLOSE,
    CopyData = COPY_DATA,
    CopyDone = COPY_DONE,
    CopyFail = COPY_FAIL,
    Describe = DESCRIBE,
    Execute = EXECUTE,
    Flush = FLUSH,
    FunctionCall = FUNCTION_CALL,
    Parse = PARSE,
    Password = PASSWORD,
    Query = QUERY,
    Sync = SYNC,
    Terminate = TERMINATE,
}

#[cfg(test)]
pub(crate) const GOLDEN: &[&[u8]] = &[
    bind::tests::GOLDEN,
    close::tests::GOLDEN,
    super::copy::GOLDEN_DATA,
    super::copy::GOLDEN_DONE,
    copy_fail::tests::GOLDEN,
    describe::tests::GOLDEN,
    execute::tests::GOLDEN,
    flush::tests::GOLDEN,
    function_call::tests::GOLDEN,
    parse::tests::GOLDEN,
    password::tests::GOLDEN,
    query::tests::GOLDEN,
    sync::tests::GOLDEN,
    terminate::tests::GOLDEN,
];
