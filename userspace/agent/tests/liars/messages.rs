//! Messages in few words, for both sides.

use bytes::{Bytes, BytesMut};
use weir_wire::postgres::{
    CopyData, CopyDone, Format, Formats, Frame, ProtocolVersion, Startup, StartupFrame,
    backend::{
        Authentication, AuthenticationRequest, BindComplete, CloseComplete, CommandComplete,
        CopyInResponse, CopyOutResponse, DataRow, DiagnosticBuilder, EmptyQueryResponse,
        FieldDescription, NoData, NotificationResponse, ParameterDescription, ParameterStatus,
        ParseComplete, PortalSuspended, ReadyForQuery, RowDescription, Severity, SqlState,
        TransactionStatus,
    },
    frontend::{
        Bind, Close, CopyFail, Describe, Execute, Flush, ObjectKind, Parse, Query, Sync, Terminate,
    },
};

/// `pg_type.oid` of `text`.
pub(crate) const TEXT: u32 = 25;
/// `pg_type.oid` of `int4`.
pub(crate) const INT4: u32 = 23;

/// Any message, true or not: a type byte and a body.
pub(crate) fn raw(tag: u8, body: &[u8]) -> Frame {
    let length = u32::try_from(body.len() + 4).unwrap();
    Frame::from_raw([&[tag][..], &length.to_be_bytes(), body].concat().into()).unwrap()
}

pub(crate) fn query(text: &str) -> Frame {
    Query::new(text.as_bytes()).unwrap().into_frame()
}

pub(crate) fn parse(name: &str, text: &str) -> Frame {
    Parse::new(name.as_bytes(), text.as_bytes(), &[])
        .unwrap()
        .into_frame()
}

/// Binds `statement` without parameters; results come as text.
pub(crate) fn bind(portal: &str, statement: &str) -> Frame {
    bind_as(portal, statement, &Formats::None)
}

pub(crate) fn bind_as(portal: &str, statement: &str, formats: &Formats) -> Frame {
    let (portal, statement) = (portal.as_bytes(), statement.as_bytes());
    Bind::new(portal, statement, &Formats::None, &[], formats)
        .unwrap()
        .into_frame()
}

pub(crate) fn execute(portal: &str) -> Frame {
    execute_some(portal, 0)
}

pub(crate) fn execute_some(portal: &str, rows: i32) -> Frame {
    Execute::new(portal.as_bytes(), rows).unwrap().into_frame()
}

pub(crate) fn describe_portal(name: &str) -> Frame {
    Describe::new(ObjectKind::Portal, name.as_bytes())
        .unwrap()
        .into_frame()
}

pub(crate) fn describe_statement(name: &str) -> Frame {
    Describe::new(ObjectKind::Statement, name.as_bytes())
        .unwrap()
        .into_frame()
}

pub(crate) fn close_statement(name: &str) -> Frame {
    Close::new(ObjectKind::Statement, name.as_bytes())
        .unwrap()
        .into_frame()
}

pub(crate) fn close_portal(name: &str) -> Frame {
    Close::new(ObjectKind::Portal, name.as_bytes())
        .unwrap()
        .into_frame()
}

pub(crate) fn sync() -> Frame {
    Sync::new().into_frame()
}

pub(crate) fn flush() -> Frame {
    Flush::new().into_frame()
}

pub(crate) fn terminate() -> Frame {
    Terminate::new().into_frame()
}

pub(crate) fn copy_data(data: &str) -> Frame {
    CopyData::new(data.as_bytes()).unwrap().into_frame()
}

pub(crate) fn copy_done() -> Frame {
    CopyDone::new().into_frame()
}

pub(crate) fn copy_fail() -> Frame {
    CopyFail::new(b"changed my mind").unwrap().into_frame()
}

/// A startup packet, with the `user` and `database` that it needs and whatever else is asked for.
pub(crate) fn startup(more: &[(&str, &str)]) -> BytesMut {
    startup_in("app", more)
}

pub(crate) fn startup_in(database: &str, more: &[(&str, &str)]) -> BytesMut {
    startup_of("agent", database, more)
}

pub(crate) fn startup_of(user: &str, database: &str, more: &[(&str, &str)]) -> BytesMut {
    let all = [("user", user), ("database", database)];
    let parameters = all
        .iter()
        .chain(more)
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let mut packet = BytesMut::new();
    StartupFrame::Startup(Startup {
        version: ProtocolVersion::V3_0,
        parameters,
    })
    .encode(&mut packet)
    .unwrap();
    packet
}

pub(crate) fn authentication(request: &AuthenticationRequest) -> Frame {
    Authentication::new(request).unwrap().into_frame()
}

pub(crate) fn parameter(name: &str, value: &str) -> Frame {
    ParameterStatus::new(name.as_bytes(), value.as_bytes())
        .unwrap()
        .into_frame()
}

pub(crate) fn ready() -> Frame {
    ready_in(TransactionStatus::Idle)
}

pub(crate) fn ready_in(status: TransactionStatus) -> Frame {
    ReadyForQuery::new(status).into_frame()
}

pub(crate) fn complete(tag: &str) -> Frame {
    CommandComplete::new(tag.as_bytes()).unwrap().into_frame()
}

pub(crate) fn parsed() -> Frame {
    ParseComplete::new().into_frame()
}

pub(crate) fn bound() -> Frame {
    BindComplete::new().into_frame()
}

pub(crate) fn closed() -> Frame {
    CloseComplete::new().into_frame()
}

pub(crate) fn no_data() -> Frame {
    NoData::new().into_frame()
}

pub(crate) fn suspended() -> Frame {
    PortalSuspended::new().into_frame()
}

pub(crate) fn empty() -> Frame {
    EmptyQueryResponse::new().into_frame()
}

pub(crate) fn parameters_described() -> Frame {
    ParameterDescription::new(&[]).unwrap().into_frame()
}

pub(crate) fn copy_out(columns: usize) -> Frame {
    CopyOutResponse::new(Format::Text, &vec![Format::Text; columns])
        .unwrap()
        .into_frame()
}

pub(crate) fn copy_in(columns: usize) -> Frame {
    CopyInResponse::new(Format::Text, &vec![Format::Text; columns])
        .unwrap()
        .into_frame()
}

pub(crate) fn notification(payload: &str) -> Frame {
    NotificationResponse::new(7, b"channel", payload.as_bytes())
        .unwrap()
        .into_frame()
}

pub(crate) fn row(values: &[Option<&str>]) -> Frame {
    let values: Vec<Option<&[u8]>> = values.iter().map(|v| v.map(str::as_bytes)).collect();
    binary_row(&values)
}

pub(crate) fn binary_row(values: &[Option<&[u8]>]) -> Frame {
    DataRow::new(values).unwrap().into_frame()
}

/// A result column: its name, and the table and number of the column that it is.
pub(crate) fn column(name: &str, table: u32, number: i16) -> FieldDescription {
    FieldDescription {
        name: Bytes::copy_from_slice(name.as_bytes()),
        table_oid: table,
        column: number,
        type_oid: TEXT,
        type_size: -1,
        type_modifier: -1,
        format: Format::Text,
    }
}

pub(crate) fn described(columns: &[FieldDescription]) -> Frame {
    RowDescription::new(columns).unwrap().into_frame()
}

/// An error that ends a statement.
pub(crate) fn error(code: &str, message: &str) -> Frame {
    diagnostic(Severity::Error, code, message)
        .error()
        .into_frame()
}

/// An error that ends the session.
pub(crate) fn fatal(code: &str, message: &str) -> Frame {
    diagnostic(Severity::Fatal, code, message)
        .error()
        .into_frame()
}

/// An error whose message and detail both quote `value`.
pub(crate) fn error_quoting(value: &str) -> Frame {
    quoting(Severity::Error, value).error().into_frame()
}

/// A notice whose message and detail both quote `value`.
pub(crate) fn notice_quoting(value: &str) -> Frame {
    quoting(Severity::Notice, value).notice().into_frame()
}

fn quoting(severity: Severity, value: &str) -> DiagnosticBuilder {
    let message = format!("invalid input syntax: \"{value}\"");
    let detail = format!("Failing row contains ({value}).");
    diagnostic(severity, "22P02", &message).detail(&detail)
}

fn diagnostic(severity: Severity, code: &str, message: &str) -> DiagnosticBuilder {
    let code = SqlState::parse(code.as_bytes()).unwrap();
    DiagnosticBuilder::new(severity, code, message)
}
