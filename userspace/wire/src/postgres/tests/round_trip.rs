//! What is put into a message comes out of it, for any content.

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;

use crate::postgres::backend::{
    DataRow, ErrorResponse, FieldDescription, FunctionCallResponse, NotificationResponse,
    ParameterDescription, ParameterStatus, RowDescription,
};
use crate::postgres::frontend::{Bind, Execute, FunctionCall, Parse, Query};
use crate::postgres::{Decoded, Format, Formats, Frame, Limits, backend, decode_frame, frontend};

/// Bytes that may be sent as a string.
fn string() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(1..=u8::MAX, 0..40)
}

fn values() -> impl Strategy<Value = Vec<Option<Vec<u8>>>> {
    prop::collection::vec(any::<Option<Vec<u8>>>(), 0..20)
}

fn format() -> impl Strategy<Value = Format> {
    prop_oneof![Just(Format::Text), Just(Format::Binary)]
}

/// Formats that can go with so many values. One in a list reads as one for all.
fn formats(count: usize) -> impl Strategy<Value = Formats> {
    let each = prop::collection::vec(format(), count);
    prop_oneof![
        Just(Formats::None),
        format().prop_map(Formats::All),
        each.prop_map(list)
    ]
}

fn list(formats: Vec<Format>) -> Formats {
    match formats[..] {
        [] => Formats::None,
        [format] => Formats::All(format),
        _ => Formats::Each(formats),
    }
}

fn slices(values: &[Option<Vec<u8>>]) -> Vec<Option<&[u8]>> {
    values.iter().map(Option::as_deref).collect()
}

fn field() -> impl Strategy<Value = FieldDescription> {
    let numbers = (
        any::<u32>(),
        any::<i16>(),
        any::<u32>(),
        any::<i16>(),
        any::<i32>(),
    );
    (string(), numbers, format()).prop_map(|(name, numbers, format)| {
        let (table_oid, column, type_oid, type_size, type_modifier) = numbers;
        let name = Bytes::from(name);
        FieldDescription {
            name,
            table_oid,
            column,
            type_oid,
            type_size,
            type_modifier,
            format,
        }
    })
}

/// Over the wire: the frame as a stream reads it.
fn sent(frame: &Frame) -> Frame {
    let mut buf = BytesMut::from(&frame.raw()[..]);
    match decode_frame(&mut buf, &Limits::default()).unwrap() {
        Decoded::Complete(frame) if buf.is_empty() => frame,
        other => panic!("{other:?}"),
    }
}

proptest! {
    #[test]
    fn query(text in string()) {
        let message = Query::new(&text).unwrap();
        let read = frontend::decode(sent(message.frame())).unwrap();
        prop_assert_eq!(&read, &frontend::Message::Query(message.clone()));
        prop_assert_eq!(message.text(), &text);
    }

    #[test]
    fn parse(name in string(), text in string(), types in any::<Vec<u32>>()) {
        let message = Parse::new(&name, &text, &types).unwrap();
        let read = Parse::decode(sent(message.frame())).unwrap();
        prop_assert_eq!(&read, &message);
        prop_assert_eq!((read.name(), read.text()), (&name.into(), &text.into()));
        prop_assert_eq!(read.parameter_types(), types);
    }

    #[test]
    fn bind(
        names in (string(), string()),
        (values, formats) in values().prop_flat_map(|v| { let f = formats(v.len()); (Just(v), f) }),
        results in (0..6_usize).prop_flat_map(formats),
    ) {
        let message = Bind::new(&names.0, &names.1, &formats, &slices(&values), &results).unwrap();
        let read = Bind::decode(sent(message.frame())).unwrap();
        prop_assert_eq!((read.portal(), read.statement()), (&names.0.into(), &names.1.into()));
        prop_assert_eq!((read.parameter_formats(), read.result_formats()), (&formats, &results));
        let read: Vec<_> = read.parameters().iter().map(Option::as_deref).collect();
        prop_assert_eq!(read, slices(&values));
    }

    #[test]
    fn execute(portal in string(), rows in any::<i32>()) {
        let read = Execute::decode(sent(Execute::new(&portal, rows).unwrap().frame())).unwrap();
        prop_assert_eq!(read.portal(), &portal);
        prop_assert_eq!(read.row_limit().map_or(0, |n| i64::from(n.get())), i64::from(rows.max(0)));
    }

    #[test]
    fn function_call(
        function in any::<u32>(),
        (values, formats) in values().prop_flat_map(|v| { let f = formats(v.len()); (Just(v), f) }),
        result in format(),
    ) {
        let message = FunctionCall::new(function, &formats, &slices(&values), result).unwrap();
        let read = FunctionCall::decode(sent(message.frame())).unwrap();
        prop_assert_eq!((read.function(), read.result_format()), (function, result));
        prop_assert_eq!(read.argument_formats(), &formats);
        let read: Vec<_> = read.arguments().iter().map(Option::as_deref).collect();
        prop_assert_eq!(read, slices(&values));
    }

    #[test]
    fn data_row(values in values()) {
        let message = DataRow::new(&slices(&values)).unwrap();
        let read = DataRow::decode(sent(message.frame())).unwrap();
        prop_assert_eq!(read.columns().collect::<Vec<_>>(), slices(&values));
        for (index, value) in values.iter().enumerate() {
            let column = read.column(index).unwrap();
            prop_assert_eq!(column.as_deref(), value.as_deref());
        }
    }

    #[test]
    fn row_description(fields in prop::collection::vec(field(), 0..20)) {
        let message = RowDescription::new(&fields).unwrap();
        let read = RowDescription::decode(sent(message.frame())).unwrap();
        prop_assert_eq!(read.fields(), fields);
    }

    #[test]
    fn error_response(fields in prop::collection::btree_map(1..=u8::MAX, string(), 0..20)) {
        let slices: Vec<_> = fields.iter().map(|(code, text)| (*code, &text[..])).collect();
        let message = ErrorResponse::new(&slices).unwrap();
        let read = ErrorResponse::decode(sent(message.frame())).unwrap();
        prop_assert_eq!(read.diagnostic().fields().len(), fields.len());
        for (code, text) in &fields {
            prop_assert_eq!(read.get(*code).unwrap(), text);
        }
    }

    #[test]
    fn other_answers(number in any::<u32>(), a in string(), b in string(), types in any::<Vec<u32>>()) {
        let notification = NotificationResponse::new(number, &a, &b).unwrap();
        let status = ParameterStatus::new(&a, &b).unwrap();
        let value = FunctionCallResponse::new(Some(&a)).unwrap();
        let description = ParameterDescription::new(&types).unwrap();
        prop_assert_eq!((notification.channel(), notification.payload()), (&a.clone().into(), &b.clone().into()));
        prop_assert_eq!((status.name(), status.value()), (&a.clone().into(), &b.into()));
        prop_assert_eq!(value.value().unwrap(), &a);
        prop_assert_eq!(description.types(), types);
        for message in [
            backend::Message::from(notification),
            status.into(),
            value.into(),
            description.into(),
        ] {
            prop_assert_eq!(backend::decode(sent(message.frame())).unwrap(), message);
        }
    }
}
