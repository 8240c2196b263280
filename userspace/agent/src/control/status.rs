//! How the daemon stands, for people and for Prometheus.

use axum::{Json, Router, extract::State, routing::get};

use super::{caller, metrics, rooms::StatusRoom};
use crate::engine::Status;

pub(super) fn router<D: StatusRoom>() -> Router<D> {
    caller::operators(
        Router::new()
            .route("/v1/status", get(status::<D>))
            .route("/v1/metrics", get(metrics::metrics::<D>)),
    )
}

async fn status<D: StatusRoom>(State(daemon): State<D>) -> Json<Status> {
    Json(daemon.status())
}
