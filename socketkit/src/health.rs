//! Where load balancers ask how a server stands.

use crate::{public::Body, upgrade::plain};
use http::{HeaderValue, Method, Response, StatusCode, header};
use http_body_util::Either;
use tokio::sync::watch;

/// How far a listener has come.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub(crate) enum Phase {
    Serving,
    /// No sockets open any more.
    Draining,
    /// Requests that have begun are answered, and no others.
    Ending,
}

/// See the module.
#[derive(Debug, Clone)]
pub(crate) struct Health {
    pub(crate) path: String,
    pub(crate) phase: watch::Receiver<Phase>,
}

impl Health {
    pub(crate) fn answer(&self, method: &Method) -> Response<Body> {
        let mut reply = match *method {
            Method::GET | Method::HEAD if *self.phase.borrow() == Phase::Serving => {
                plain(StatusCode::OK, "ok")
            }
            Method::GET | Method::HEAD => plain(StatusCode::SERVICE_UNAVAILABLE, "stopping"),
            _ => {
                let mut reply = plain(StatusCode::METHOD_NOT_ALLOWED, "GET alone is answered here");
                reply.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
                reply
            }
        };
        reply.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        reply.map(Either::Left)
    }

    /// Ready when no more requests are to be begun.
    pub(crate) async fn ending(&self) {
        // An error: the listener is gone, which is the end as well.
        let _ = self.phase.clone().wait_for(|phase| *phase == Phase::Ending).await;
    }
}
