//! Type bytes of what a client sends.

use crate::postgres::copy;

/// [`super::Bind`].
pub const BIND: u8 = b'B';
/// [`super::Close`].
pub const CLOSE: u8 = b'C';
/// [`super::CopyData`].
pub const COPY_DATA: u8 = copy::DATA_TAG;
/// [`super::CopyDone`].
pub const COPY_DONE: u8 = copy::DONE_TAG;
/// [`super::CopyFail`].
pub const COPY_FAIL: u8 = b'f';
/// [`super::Describe`].
pub const DESCRIBE: u8 = b'D';
/// [`super::Execute`].
pub const EXECUTE: u8 = b'E';
/// [`super::Flush`].
pub const FLUSH: u8 = b'H';
/// [`super::FunctionCall`].
pub const FUNCTION_CALL: u8 = b'F';
/// [`super::Parse`].
pub const PARSE: u8 = b'P';
/// [`super::Password`]: every answer to an authentication request.
pub const PASSWORD: u8 = b'p';
/// [`super::Query`].
pub const QUERY: u8 = b'Q';
/// [`super::Sync`].
pub const SYNC: u8 = b'S';
/// [`super::Terminate`].
pub const TERMINATE: u8 = b'X';
