//! A second opinion: an independent implementation of the protocol reads what this crate writes,
//! and writes what this crate reads.

use bytes::BytesMut;
use postgres_protocol::IsNull;
use postgres_protocol::message::backend::Message as Theirs;
use postgres_protocol::message::frontend as their;

use crate::postgres::backend::{
    AuthenticationRequest, BackendKeyData, CommandComplete, DataRow, DiagnosticBuilder, Severity,
    SqlState,
};
use crate::postgres::frontend::{
    Bind, Close, CopyFail, Describe, Execute, Message, ObjectKind, Parse, Password, Query,
};
use crate::postgres::golden::frame;
use crate::postgres::{
    CancelRequest, Format, Formats, Frame, ProtocolVersion, Startup, StartupFrame, backend,
    frontend,
};

fn theirs(frame: &Frame) -> Theirs {
    let mut buf = BytesMut::from(&frame.raw()[..]);
    let message = Theirs::parse(&mut buf).unwrap().unwrap();
    assert!(buf.is_empty());
    message
}

#[test]
fn they_read_every_golden_message_of_a_server() {
    for bytes in backend::GOLDEN {
        // They know neither replication nor version negotiation nor function calls.
        if !b"WvV".contains(&bytes[0]) {
            theirs(&frame(bytes));
        }
    }
}

#[test]
fn they_read_a_row_as_it_was_written() {
    let columns: [Option<&[u8]>; 3] = [Some(b"Ann"), None, Some(b"")];
    let Theirs::DataRow(row) = theirs(DataRow::new(&columns).unwrap().frame()) else {
        panic!()
    };
    use fallible_iterator::FallibleIterator as _;
    let ranges: Vec<_> = row.ranges().collect().unwrap();
    let read: Vec<_> = ranges
        .into_iter()
        .map(|r| r.map(|r| &row.buffer()[r]))
        .collect();
    assert_eq!(read, columns);
}

#[test]
fn they_read_a_refusal_as_it_was_written() {
    use fallible_iterator::FallibleIterator as _;
    let error = DiagnosticBuilder::new(Severity::Error, SqlState::QUERY_CANCELED, "no").hint("h");
    let Theirs::ErrorResponse(body) = theirs(error.error().frame()) else {
        panic!()
    };
    let fields: Vec<_> = body
        .fields()
        .map(|field| Ok((field.type_(), field.value_bytes().to_vec())))
        .collect()
        .unwrap();
    let expected: [(u8, &[u8]); 5] = [
        (b'S', b"ERROR"),
        (b'V', b"ERROR"),
        (b'C', b"57014"),
        (b'M', b"no"),
        (b'H', b"h"),
    ];
    assert_eq!(fields, expected.map(|(code, text)| (code, text.to_vec())));
}

#[test]
fn they_read_the_start_of_a_session_as_it_was_written() {
    assert!(matches!(
        theirs(backend::Authentication::ok().frame()),
        Theirs::AuthenticationOk
    ));
    let request = AuthenticationRequest::Md5Password { salt: *b"salt" };
    let md5 = backend::Authentication::new(&request).unwrap();
    let Theirs::AuthenticationMd5Password(body) = theirs(md5.frame()) else {
        panic!()
    };
    assert_eq!(body.salt(), *b"salt");
    let key = BackendKeyData::new(7, &[0, 0, 0, 9]).unwrap();
    let Theirs::BackendKeyData(body) = theirs(key.frame()) else {
        panic!()
    };
    assert_eq!((body.process_id(), body.secret_key()), (7, 9));
    let complete = CommandComplete::new(b"SELECT 5").unwrap();
    let Theirs::CommandComplete(body) = theirs(complete.frame()) else {
        panic!()
    };
    assert_eq!(body.tag().unwrap(), "SELECT 5");
}

/// What they write, as this crate reads it.
fn read(write: impl FnOnce(&mut BytesMut) -> std::io::Result<()>) -> Message {
    let mut buf = BytesMut::new();
    write(&mut buf).unwrap();
    frontend::decode(frame(&buf)).unwrap()
}

#[test]
fn what_they_write_is_what_this_crate_would_write() {
    use frontend::{CopyData, CopyDone, Flush, Sync, Terminate};
    let formats = Formats::Each(vec![Format::Text, Format::Binary]);
    let result = Formats::All(Format::Binary);
    let bind = Bind::new(b"p", b"s", &formats, &[Some(b"Ann"), None], &result).unwrap();
    let expected: Vec<(Message, Message)> = vec![
        (
            read(|b| their::query("SELECT 1", b)),
            Query::new(b"SELECT 1").unwrap().into(),
        ),
        (
            read(|b| their::parse("s", "SELECT $1", [23], b)),
            Parse::new(b"s", b"SELECT $1", &[23]).unwrap().into(),
        ),
        (
            read(|b| {
                let values = [Some(b"Ann"), None];
                let write = |value: Option<&[u8; 3]>, buf: &mut BytesMut| {
                    buf.extend_from_slice(value.map_or(&[], |value| &value[..]));
                    Ok(if value.is_some() {
                        IsNull::No
                    } else {
                        IsNull::Yes
                    })
                };
                their::bind("p", "s", [0, 1], values, write, [1], b)
                    .map_err(|_| std::io::Error::other("bind"))
            }),
            bind.into(),
        ),
        (
            read(|b| their::describe(b'S', "s", b)),
            Describe::new(ObjectKind::Statement, b"s").unwrap().into(),
        ),
        (
            read(|b| their::close(b'P', "p", b)),
            Close::new(ObjectKind::Portal, b"p").unwrap().into(),
        ),
        (
            read(|b| their::execute("p", 9, b)),
            Execute::new(b"p", 9).unwrap().into(),
        ),
        (
            read(|b| their::copy_fail("x", b)),
            CopyFail::new(b"x").unwrap().into(),
        ),
        (
            read(|b| {
                their::CopyData::new(&b"row"[..])?.write(b);
                Ok(())
            }),
            CopyData::new(b"row").unwrap().into(),
        ),
        (
            read(|b| their::password_message(b"pw", b)),
            Password::new(b"pw").unwrap().into(),
        ),
        (
            read(|b| their::sasl_initial_response("M", b"d", b)),
            Password::sasl_initial(b"M", b"d").unwrap().into(),
        ),
        (
            read(|b| their::sasl_response(b"d", b)),
            Password::sasl(b"d").unwrap().into(),
        ),
        (
            read(|b| {
                their::copy_done(b);
                Ok(())
            }),
            CopyDone::new().into(),
        ),
        (
            read(|b| {
                their::flush(b);
                Ok(())
            }),
            Flush::new().into(),
        ),
        (
            read(|b| {
                their::sync(b);
                Ok(())
            }),
            Sync::new().into(),
        ),
        (
            read(|b| {
                their::terminate(b);
                Ok(())
            }),
            Terminate::new().into(),
        ),
    ];
    for (theirs, ours) in expected {
        assert_eq!(theirs.frame().raw(), ours.frame().raw(), "{}", ours.name());
        assert_eq!(theirs, ours);
    }
}

#[test]
fn what_they_send_first_is_what_this_crate_would_send() {
    let ours = |frame: StartupFrame| {
        let mut buf = BytesMut::new();
        frame.encode(&mut buf).unwrap();
        buf
    };
    let mut buf = BytesMut::new();
    their::ssl_request(&mut buf);
    assert_eq!(buf, ours(StartupFrame::SslRequest));

    buf.clear();
    their::cancel_request(7, 9, &mut buf);
    let cancel = CancelRequest {
        pid: 7,
        key: vec![0, 0, 0, 9].into(),
    };
    assert_eq!(buf, ours(StartupFrame::Cancel(cancel)));

    buf.clear();
    their::startup_message([("user", "ann")], &mut buf).unwrap();
    let parameters = vec![("user".to_owned(), "ann".to_owned())];
    let startup = Startup {
        version: ProtocolVersion::V3_0,
        parameters,
    };
    assert_eq!(buf, ours(StartupFrame::Startup(startup)));
}
