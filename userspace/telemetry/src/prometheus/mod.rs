//! The endpoint that Prometheus asks.
//!
//! It gives whoever reaches it the same: `GET /metrics`, which holds no secret. A peer may be anybody
//! on the host, so everything that it can use up is bounded: connections, the time of each, the size
//! of a request. Who finds no place is cut off; traffic never notices.
//!
//! Known limit: somebody on the host can take all places, or the port before weir does; `weir status`
//! shows the latter.

mod text;

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode, body::Incoming, header, server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
    time::{sleep, timeout},
};

pub use self::text::{CONTENT_TYPE, text};
use crate::{Gather, status::State};

/// How many may ask at once.
const MOST_CONNECTIONS: usize = 16;
/// How long a request's head may take.
const HEAD: Duration = Duration::from_secs(3);
/// How long a connection lasts at most.
const LONGEST: Duration = Duration::from_secs(10);
/// The longest head, in bytes; hyper takes no less.
const LARGEST_HEAD: usize = 8 << 10;
/// How many headers it may have.
const MOST_HEADERS: usize = 64;
/// How long after a failure it is tried again to listen.
const PAUSE: Duration = Duration::from_secs(5);

/// Serves until it is dropped. Where it can't listen it tries again.
pub(crate) async fn serve(address: SocketAddr, gather: Gather, state: Arc<State>) {
    loop {
        match TcpListener::bind(address).await {
            Ok(listener) => {
                state.listens(None);
                accept(&listener, &gather, &state).await;
            }
            Err(error) => state.listens(Some(error.to_string())),
        }
        sleep(PAUSE).await;
    }
}

/// Serves until the listener fails.
async fn accept(listener: &TcpListener, gather: &Gather, state: &Arc<State>) {
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let mut serving = JoinSet::new();
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Descriptors may be used up for a while.
                state.listens(Some(error.to_string()));
                return;
            }
        };
        while serving.try_join_next().is_some() {}
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            continue;
        };
        let (gather, state) = (Arc::clone(gather), Arc::clone(state));
        serving.spawn(async move {
            timeout(LONGEST, connection(stream, gather, state))
                .await
                .ok();
            drop(place);
        });
    }
}

async fn connection(stream: TcpStream, gather: Gather, state: Arc<State>) {
    let answer = service_fn(move |request: Request<Incoming>| {
        let answer = answer(&request, &gather, &state);
        async move { Ok::<_, Infallible>(answer) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(LARGEST_HEAD)
        .max_headers(MOST_HEADERS)
        .keep_alive(false)
        // Who has said all that it will still wants its answer.
        .half_close(true)
        .serve_connection(TokioIo::new(stream), answer)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "somebody who asked for metrics");
    }
}

fn answer(request: &Request<Incoming>, gather: &Gather, state: &State) -> Response<Full<Bytes>> {
    let (status, kind, body) = match (request.method(), request.uri().path()) {
        (&Method::GET, "/metrics") => {
            state.asked();
            (StatusCode::OK, CONTENT_TYPE, text(&gather()))
        }
        (_, "/metrics") => (StatusCode::METHOD_NOT_ALLOWED, PLAIN, "GET it\n".to_owned()),
        _ => {
            let body = "metrics are at /metrics\n".to_owned();
            (StatusCode::NOT_FOUND, PLAIN, body)
        }
    };
    let mut answer = Response::new(Full::from(body));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    headers.insert(header::ALLOW, header::HeaderValue::from_static("GET"));
    answer
}

const PLAIN: &str = "text/plain; charset=utf-8";

#[cfg(test)]
mod tests;
