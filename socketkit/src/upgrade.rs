//! The HTTP side of an upgrade: what a request has to say, and what it is answered.

use crate::{CloseCode, Reject, end::refusal, handshake::has_token, wire};
use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, Version, header, request::Parts};
use http_body_util::Full;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

pub(crate) type Reply = Response<Full<Bytes>>;

/// The key of a request to upgrade, or what to answer to any other (RFC 6455 section 4.2.1).
pub(crate) fn upgrade_key(parts: &Parts) -> Result<HeaderValue, Box<Reply>> {
    let has = |name, token| has_token(&parts.headers, name, token);
    if parts.method != Method::GET {
        let mut reply = plain(StatusCode::METHOD_NOT_ALLOWED, "GET alone is answered here");
        reply.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET"));
        return Err(Box::new(reply));
    }
    if !has(header::UPGRADE, "websocket") || !has(header::CONNECTION, "upgrade") {
        let mut reply = plain(StatusCode::UPGRADE_REQUIRED, "this is a WebSocket endpoint");
        reply.headers_mut().insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        return Err(Box::new(reply));
    }
    if parts.version != Version::HTTP_11 || !has(header::SEC_WEBSOCKET_VERSION, "13") {
        let mut reply = plain(
            StatusCode::UPGRADE_REQUIRED,
            "WebSocket version 13 over HTTP/1.1 is spoken here",
        );
        reply.headers_mut().insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        return Err(Box::new(reply));
    }
    let mut keys = parts.headers.get_all(header::SEC_WEBSOCKET_KEY).iter();
    match (keys.next(), keys.next()) {
        (Some(key), None) if is_key(key.as_bytes()) => Ok(key.clone()),
        _ => Err(Box::new(plain(StatusCode::BAD_REQUEST, "no valid Sec-WebSocket-Key"))),
    }
}

/// Whether a key is 16 bytes in base64.
fn is_key(key: &[u8]) -> bool {
    let of_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    key.len() == 24 && key.strip_suffix(b"==").is_some_and(|key| key.iter().all(of_base64))
}

pub(crate) fn switching(key: &HeaderValue, ours: bool) -> Reply {
    let mut reply = Response::new(Full::default());
    *reply.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = reply.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(accept) = derive_accept_key(key.as_bytes()).try_into() {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    if ours {
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(wire::SUBPROTOCOL));
    }
    reply
}

pub(crate) fn refused(reject: &Reject) -> Reply {
    let status = match refusal(reject).code {
        CloseCode::UNAUTHORIZED => StatusCode::UNAUTHORIZED,
        CloseCode::INTERNAL => StatusCode::INTERNAL_SERVER_ERROR,
        CloseCode::FULL => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::FORBIDDEN,
    };
    let mut reply = plain(status, reject.message.clone().into_owned());
    if status == StatusCode::SERVICE_UNAVAILABLE {
        reply.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    }
    reply
}

/// A short answer as text.
pub(crate) fn plain(status: StatusCode, text: impl Into<Bytes>) -> Reply {
    let mut reply = Response::new(Full::new(text.into()));
    *reply.status_mut() = status;
    let headers = reply.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    reply
}

/// The TCP socket below an upgraded connection, with what was already read from it.
pub(crate) fn downcast(upgraded: Upgraded) -> Result<(TcpStream, Vec<u8>), Upgraded> {
    #[cfg(feature = "http")]
    let upgraded = match upgraded.downcast::<TokioIo<crate::stalling::Stalling>>() {
        Ok(parts) => return Ok((parts.io.into_inner().into_inner(), parts.read_buf.into())),
        Err(upgraded) => upgraded,
    };
    let parts = upgraded.downcast::<TokioIo<TcpStream>>()?;
    Ok((parts.io.into_inner(), parts.read_buf.into()))
}
