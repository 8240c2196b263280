//! What a server sends: one message, one file.
//!
//! 55.7 "Message Formats", those marked (B). All can be made as well as read: the proxy answers
//! clients itself.

mod authentication;
mod bind_complete;
mod close_complete;
mod command_complete;
mod copy_response;
mod data_row;
mod diagnostic;
mod empty_query_response;
mod error_response;
mod function_call_response;
mod key_data;
mod negotiate_version;
mod no_data;
mod notice_response;
mod notification;
mod parameter_description;
mod parameter_status;
mod parse_complete;
mod portal_suspended;
mod ready_for_query;
mod row_description;
mod sql_state;
pub mod tag;

use super::framed::direction;

pub use super::{CopyData, CopyDone};
pub use authentication::{Authentication, AuthenticationRequest};
pub use bind_complete::BindComplete;
pub use close_complete::CloseComplete;
pub use command_complete::CommandComplete;
pub use copy_response::{CopyBothResponse, CopyInResponse, CopyOutResponse};
pub use data_row::{Columns, DataRow, DataRowBuilder, Row, Rows};
pub use diagnostic::{Diagnostic, DiagnosticBuilder, Severity};
pub use empty_query_response::EmptyQueryResponse;
pub use error_response::ErrorResponse;
pub use function_call_response::FunctionCallResponse;
pub use key_data::BackendKeyData;
pub use negotiate_version::NegotiateProtocolVersion;
pub use no_data::NoData;
pub use notice_response::NoticeResponse;
pub use notification::NotificationResponse;
pub use parameter_description::ParameterDescription;
pub use parameter_status::ParameterStatus;
pub use parse_complete::ParseComplete;
pub use portal_suspended::PortalSuspended;
pub use ready_for_query::{ReadyForQuery, TransactionStatus};
pub use row_description::{FieldDescription, RowDescription};
pub use sql_state::SqlState;

direction! {
    /// A message that a server sends.
    Authentication = AUTHENTICATION,
    BackendKeyData = BACKEND_KEY_DATA,
    BindComplete = BIND_COMPLETE,
    CloseComplete = CLOSE_COMPLETE,
    CommandComplete = COMMAND_COMPLETE,
    CopyBothResponse = COPY_BOTH_RESPONSE,
    CopyData = COPY_DATA,
    CopyDone = COPY_DONE,
    CopyInResponse = COPY_IN_RESPONSE,
    CopyOutResponse = COPY_OUT_RESPONSE,
    DataRow = DATA_ROW,
    EmptyQueryResponse = EMPTY_QUERY_RESPONSE,
    ErrorResponse = ERROR_RESPONSE,
    FunctionCallResponse = FUNCTION_CALL_RESPONSE,
    NegotiateProtocolVersion = NEGOTIATE_PROTOCOL_VERSION,
    NoData = NO_DATA,
    NoticeResponse = NOTICE_RESPONSE,
    NotificationResponse = NOTIFICATION_RESPONSE,
    ParameterDescription = PARAMETER_DESCRIPTION,
    ParameterStatus = PARAMETER_STATUS,
    ParseComplete = PARSE_COMPLETE,
    PortalSuspended = PORTAL_SUSPENDED,
    ReadyForQuery = READY_FOR_QUERY,
    RowDescription = ROW_DESCRIPTION,
}

#[cfg(test)]
pub(crate) const GOLDEN: &[&[u8]] = &[
    authentication::tests::GOLDEN,
    bind_complete::tests::GOLDEN,
    close_complete::tests::GOLDEN,
    command_complete::tests::GOLDEN,
    super::copy::GOLDEN_DATA,
    super::copy::GOLDEN_DONE,
    copy_response::tests::GOLDEN_BOTH,
    copy_response::tests::GOLDEN_IN,
    copy_response::tests::GOLDEN_OUT,
    data_row::tests::GOLDEN,
    empty_query_response::tests::GOLDEN,
    error_response::tests::GOLDEN,
    function_call_response::tests::GOLDEN,
    key_data::tests::GOLDEN,
    negotiate_version::tests::GOLDEN,
    no_data::tests::GOLDEN,
    notice_response::tests::GOLDEN,
    notification::tests::GOLDEN,
    parameter_description::tests::GOLDEN,
    parameter_status::tests::GOLDEN,
    parse_complete::tests::GOLDEN,
    portal_suspended::tests::GOLDEN,
    ready_for_query::tests::GOLDEN,
    row_description::tests::GOLDEN,
];
