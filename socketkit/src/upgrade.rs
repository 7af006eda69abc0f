//! The HTTP side of an upgrade: what a request has to say, and what it is answered.

use crate::{CloseCode, Disconnect, Handshake, Reject, end::refusal, wire};
use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, Version, header};
use http_body_util::Full;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use std::borrow::Cow;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

pub(crate) type Reply = Response<Full<Bytes>>;

/// What to answer to a request that is none to upgrade (RFC 6455 section 4.2.1).
pub(crate) fn refusal_of(
    method: &Method,
    version: Version,
    handshake: &Handshake,
) -> Option<Reply> {
    if method != Method::GET {
        let mut reply = plain(StatusCode::METHOD_NOT_ALLOWED, "GET alone is answered here");
        reply.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET"));
        return Some(reply);
    }
    let has = |name, token| handshake.has_token(name, token);
    if !has("upgrade", "websocket") || !has("connection", "upgrade") {
        let mut reply = plain(StatusCode::UPGRADE_REQUIRED, "this is a WebSocket endpoint");
        reply.headers_mut().insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        return Some(reply);
    }
    if version != Version::HTTP_11 || !has("sec-websocket-version", "13") {
        let mut reply = plain(
            StatusCode::UPGRADE_REQUIRED,
            "WebSocket version 13 over HTTP/1.1 is spoken here",
        );
        reply.headers_mut().insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        return Some(reply);
    }
    let no_key = || plain(StatusCode::BAD_REQUEST, "no valid Sec-WebSocket-Key");
    key(handshake).is_none().then(no_key)
}

/// The key of a request to upgrade.
fn key(handshake: &Handshake) -> Option<&str> {
    handshake.only("sec-websocket-key").filter(|key| is_key(key))
}

/// Whether a key is 16 bytes in base64.
pub(crate) fn is_key(key: &str) -> bool {
    let of_base64 = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    key.len() == 24 && key.strip_suffix("==").is_some_and(|key| key.bytes().all(of_base64))
}

/// The headers that accept a request to upgrade with a valid key, of a client that offered our
/// subprotocol or not (RFC 6455 section 4.2.2).
fn accepting(key: &str, ours: bool) -> impl Iterator<Item = (&'static str, Cow<'static, str>)> {
    let headers = [
        ("connection", "Upgrade".into()),
        ("upgrade", "websocket".into()),
        ("sec-websocket-accept", derive_accept_key(key.as_bytes()).into()),
    ];
    headers.into_iter().chain(ours.then_some(("sec-websocket-protocol", wire::SUBPROTOCOL.into())))
}

/// The answer to a request to upgrade.
pub(crate) fn switching(handshake: &Handshake) -> Reply {
    let mut reply = Response::new(Full::default());
    *reply.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let accepted = key(handshake).map(|key| accepting(key, handshake.offers_subprotocol()));
    for (name, value) in accepted.into_iter().flatten() {
        if let Ok(value) = value.as_ref().try_into() {
            reply.headers_mut().insert(name, value);
        }
    }
    reply
}

/// The same as bytes.
#[cfg(feature = "http")]
pub(crate) fn switching_bytes(key: &str, ours: bool) -> crate::frame::FrameBytes {
    let mut out = String::with_capacity(192);
    out += "HTTP/1.1 101 Switching Protocols\r\n";
    for (name, value) in accepting(key, ours) {
        out.extend([name, ": ", &value, "\r\n"]);
    }
    out += "\r\n";
    out.into_bytes().into()
}

/// Any other answer as bytes, after which the connection ends.
#[cfg(feature = "http")]
pub(crate) fn closing_bytes(reply: Reply) -> Vec<u8> {
    use http_body_util::BodyExt;
    let (parts, body) = reply.into_parts();
    let body = futures_util::FutureExt::now_or_never(body.collect());
    let body = body.map_or(Bytes::new(), |Ok(body)| body.to_bytes());
    let mut out = format!("HTTP/1.1 {}\r\nconnection: close\r\n", parts.status).into_bytes();
    for (name, value) in &parts.headers {
        out.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    out.extend_from_slice(format!("content-length: {}\r\n\r\n", body.len()).as_bytes());
    out.extend_from_slice(&body);
    out
}

/// The answer of a server that stops.
pub(crate) fn restarting(disconnect: &Disconnect) -> Reply {
    let mut reply = plain(StatusCode::SERVICE_UNAVAILABLE, "this server restarts");
    let seconds = disconnect.retry().unwrap_or_default().div_ceil(1000).max(1);
    reply.headers_mut().insert(header::RETRY_AFTER, seconds.into());
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
        Ok(parts) => {
            let (stream, unread) = parts.io.into_inner().into_inner();
            return Ok((stream, [parts.read_buf.to_vec(), unread].concat()));
        }
        Err(upgraded) => upgraded,
    };
    let parts = upgraded.downcast::<TokioIo<TcpStream>>()?;
    Ok((parts.io.into_inner(), parts.read_buf.into()))
}
