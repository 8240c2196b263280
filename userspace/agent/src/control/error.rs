//! What can go wrong: starting to listen ([`ControlError`]), and one request ([`ApiError`]).

use std::{fmt::Display, io, path::PathBuf};

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};

/// Why the local API could not be started. The operator's to mend.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Another daemon answers there.
    #[error("another weir daemon already listens at {}", path.display())]
    Live {
        /// The socket.
        path: PathBuf,
    },
    /// Something other than a socket has the path.
    #[error("{} is not a socket; weir will not replace it", path.display())]
    NotASocket {
        /// The path.
        path: PathBuf,
    },
    /// Others could put a socket of their own in its place.
    #[error("the directory {} can be written by others (mode {mode:04o}): chmod 700 it", path.display())]
    Exposed {
        /// The directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The system refused a step.
    #[error("can't {doing} {}: {source}", path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

/// The body of every answer that is an error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ErrorBody {
    pub(super) error: ApiError,
}

/// Why one request was not answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ApiError {
    #[serde(skip)]
    status: StatusCodeOrDefault,
    /// For programs: snake case, stable.
    pub(super) code: String,
    /// For people.
    pub(super) message: String,
    /// The way out, where there is one to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) help: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct StatusCodeOrDefault(StatusCode);

impl Default for StatusCodeOrDefault {
    fn default() -> Self {
        Self(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl ApiError {
    pub(super) fn new(status: StatusCode, code: &str, message: &(impl Display + ?Sized)) -> Self {
        Self {
            status: StatusCodeOrDefault(status),
            code: code.to_owned(),
            message: message.to_string(),
            help: None,
        }
    }

    pub(super) fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The daemon itself failed at it.
    pub(super) fn internal(message: &impl Display) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        (self.status.0, Json(ErrorBody { error: self })).into_response()
    }
}
