//! Whether an engine answers, and is the one that was started.

use super::Kind;
use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

/// One that takes longer, as while it reads what it kept, is asked again.
const ANSWER: Duration = Duration::from_millis(200);

/// Whether this process, of this name, answers at this address.
pub(super) fn is_ready(kind: Kind, addr: SocketAddr, pid: u32, name: &str) -> bool {
    let (question, answer, itself) = match kind {
        // It says who it is before it is asked.
        Kind::Nats => ("PING\r\n", "PONG\r\n", format!(r#""server_name":"{name}""#)),
        Kind::Redis => ("INFO server\r\nPING\r\n", "+PONG\r\n", format!("process_id:{pid}\r\n")),
    };
    ask(addr, question, answer).is_ok_and(|answer| answer.contains(&itself))
}

/// What comes until it ends with what is expected.
fn ask(addr: SocketAddr, question: &str, end: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(addr)?;
    stream.set_read_timeout(Some(ANSWER))?;
    stream.write_all(question.as_bytes())?;
    let (mut answer, mut buffer) = (Vec::new(), [0; 4096]);
    while !answer.ends_with(end.as_bytes()) {
        match stream.read(&mut buffer)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => answer.extend(&buffer[..read]),
        }
    }
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
