//! Type bytes of what a server sends.

use crate::postgres::copy;

/// [`super::Authentication`].
pub const AUTHENTICATION: u8 = b'R';
/// [`super::BackendKeyData`].
pub const BACKEND_KEY_DATA: u8 = b'K';
/// [`super::BindComplete`].
pub const BIND_COMPLETE: u8 = b'2';
/// [`super::CloseComplete`].
pub const CLOSE_COMPLETE: u8 = b'3';
/// [`super::CommandComplete`].
pub const COMMAND_COMPLETE: u8 = b'C';
/// [`super::CopyBothResponse`].
pub const COPY_BOTH_RESPONSE: u8 = b'W';
/// [`super::CopyData`].
pub const COPY_DATA: u8 = copy::DATA_TAG;
/// [`super::CopyDone`].
pub const COPY_DONE: u8 = copy::DONE_TAG;
/// [`super::CopyInResponse`].
pub const COPY_IN_RESPONSE: u8 = b'G';
/// [`super::CopyOutResponse`].
pub const COPY_OUT_RESPONSE: u8 = b'H';
/// [`super::DataRow`].
pub const DATA_ROW: u8 = b'D';
/// [`super::EmptyQueryResponse`].
pub const EMPTY_QUERY_RESPONSE: u8 = b'I';
/// [`super::ErrorResponse`].
pub const ERROR_RESPONSE: u8 = b'E';
/// [`super::FunctionCallResponse`].
pub const FUNCTION_CALL_RESPONSE: u8 = b'V';
/// [`super::NegotiateProtocolVersion`].
pub const NEGOTIATE_PROTOCOL_VERSION: u8 = b'v';
/// [`super::NoData`].
pub const NO_DATA: u8 = b'n';
/// [`super::NoticeResponse`].
pub const NOTICE_RESPONSE: u8 = b'N';
/// [`super::NotificationResponse`].
pub const NOTIFICATION_RESPONSE: u8 = b'A';
/// [`super::ParameterDescription`].
pub const PARAMETER_DESCRIPTION: u8 = b't';
/// [`super::ParameterStatus`].
pub const PARAMETER_STATUS: u8 = b'S';
/// [`super::ParseComplete`].
pub const PARSE_COMPLETE: u8 = b'1';
/// [`super::PortalSuspended`].
pub const PORTAL_SUSPENDED: u8 = b's';
/// [`super::ReadyForQuery`].
pub const READY_FOR_QUERY: u8 = b'Z';
/// [`super::RowDescription`].
pub const ROW_DESCRIPTION: u8 = b'T';
