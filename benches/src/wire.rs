//! What a client of a server in another process sends and reads.

use std::{io, net::SocketAddr, ops::Range};

/// A text frame as a client sends it.
///
/// # Panics
///
/// When the text is longer than 64 KiB.
pub fn client_frame(text: &str) -> Vec<u8> {
    const KEY: [u8; 4] = [0x12, 0x34, 0x56, 0x78];
    let length = u16::try_from(text.len()).expect("a text of at most 64 KiB");
    let mut frame = vec![0x81];
    match length {
        0..126 => frame.push(0x80 | length as u8),
        126.. => {
            frame.push(0x80 | 126);
            frame.extend(length.to_be_bytes());
        }
    }
    frame.extend(KEY);
    frame.extend(text.bytes().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key));
    frame
}

/// The first frame of a server, if it is complete: its opcode, and where its payload lies.
pub fn server_frame(bytes: &[u8]) -> Option<(u8, Range<usize>)> {
    let (start, length) = match *bytes.get(1)? {
        126 => (4, usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?))),
        127 => (10, u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?) as usize),
        length => (2, usize::from(length)),
    };
    (bytes.len() >= start + length).then_some((bytes[0] & 0x0f, start..start + length))
}

/// The request for a WebSocket at a path, with further headers, each with its end of line.
pub fn upgrade_request(addr: SocketAddr, path: &str, headers: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: {addr}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
    )
}

/// Where the frames behind the answer to such a request begin, if it is complete.
///
/// # Errors
///
/// When the upgrade was refused.
pub fn upgraded(input: &[u8]) -> io::Result<Option<usize>> {
    let Some(end) = input.windows(4).position(|end| end == b"\r\n\r\n") else {
        return Ok(None);
    };
    if !input.starts_with(b"HTTP/1.1 101") {
        let answer = String::from_utf8_lossy(input);
        return Err(io::Error::other(format!("the upgrade was refused: {answer}")));
    }
    Ok(Some(end + 4))
}
