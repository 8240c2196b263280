//! `GET /v1/metrics`: what is counted, in Prometheus's text format, for who may use this socket.

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use weir_telemetry::prometheus::CONTENT_TYPE;

use super::rooms::StatusRoom;

pub(super) async fn metrics<D: StatusRoom>(State(daemon): State<D>) -> Response {
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], daemon.metrics()).into_response()
}
