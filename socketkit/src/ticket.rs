//! What a client offers to go on with its session, as a subprotocol: `resume.TOKEN.SEEN.ATTEMPT`, and behind it
//! the places of the events that it has seen, each after a dot.

use crate::{
    Handshake, NodeId, SocketId,
    wire::{PLACES, is_place},
};
use data_encoding::BASE64URL_NOPAD;
use std::fmt;

/// Bytes of the secret.
const SECRET: usize = 16;

/// The longest integer that every JavaScript client can send.
const LARGEST: u64 = (1 << 53) - 1;

/// What proves that a session is a client's own: 128 random bits.
#[derive(Clone, Copy, Default)]
pub(crate) struct Secret([u8; SECRET]);

impl Secret {
    pub(crate) fn new() -> Self {
        Self(rand::random())
    }

    /// The same time is taken wherever they differ.
    fn is(&self, other: &Self) -> bool {
        self.0.iter().zip(other.0).fold(0, |differs, (one, other)| differs | (one ^ other)) == 0
    }

    /// What the client is given: where the session is, and the secret.
    pub(crate) fn token(&self, id: SocketId, owner: NodeId) -> String {
        let owner = owner.to_bytes();
        // Nothing else is said where there is no cluster.
        let owner = if id.node().is_none() { &[][..] } else { &owner };
        BASE64URL_NOPAD.encode(&[owner, &id.to_bytes(), &self.0].concat())
    }

    /// As text, for the node that the session moves to.
    #[cfg(feature = "cluster")]
    pub(crate) fn write(&self) -> String {
        BASE64URL_NOPAD.encode(&self.0)
    }

    #[cfg(feature = "cluster")]
    pub(crate) fn read(text: &str) -> Option<Self> {
        BASE64URL_NOPAD.decode(text.as_bytes()).ok()?.try_into().ok().map(Self)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// What a client offers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ticket {
    /// What the token says; `None` for one that is none of ours.
    token: Option<Token>,
    /// Counted frames that the client has processed.
    pub(crate) seen: u64,
    /// Connections that it has tried since the session began.
    pub(crate) attempt: u32,
}

/// Where a session is, which, and the secret of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Token {
    #[cfg_attr(not(feature = "cluster"), allow(dead_code))]
    pub(crate) owner: NodeId,
    pub(crate) id: SocketId,
    pub(crate) secret: Secret,
}

/// A ticket with numbers or places that are none, or with too many places.
#[derive(Debug, PartialEq)]
pub(crate) struct Malformed;

impl Ticket {
    /// The ticket of a request, if it has one.
    pub(crate) fn of(handshake: &Handshake) -> Result<Option<Self>, Malformed> {
        let Some(ticket) = offered(handshake) else { return Ok(None) };
        let mut parts = ticket.split('.');
        let (Some(token), Some(seen), Some(attempt)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(Malformed);
        };
        // Whoever goes on with a session that was lost reads them.
        if !parts.by_ref().take(PLACES).all(is_place) || parts.next().is_some() {
            return Err(Malformed);
        }
        let (seen, attempt) = (number(seen)?, number(attempt)?);
        let attempt = attempt.try_into().map_err(|_| Malformed)?;
        Ok(Some(Self { token: read(token), seen, attempt }))
    }

    /// The session that it is for.
    pub(crate) fn session(&self) -> Option<SocketId> {
        self.token.map(|token| token.id)
    }

    /// All that its token says.
    #[cfg(feature = "cluster")]
    pub(crate) fn token(&self) -> Option<Token> {
        self.token
    }

    #[cfg(feature = "cluster")]
    pub(crate) fn new(token: Token, seen: u64, attempt: u32) -> Self {
        Self { token: Some(token), seen, attempt }
    }

    /// Whether it is for the session with this secret.
    pub(crate) fn proves(&self, secret: &Secret) -> bool {
        self.token.is_some_and(|token| token.secret.is(secret))
    }
}

/// What a client offers to come back, but for the word before it.
pub(crate) fn offered(handshake: &Handshake) -> Option<&str> {
    let mut words = handshake.words("sec-websocket-protocol");
    words.find_map(|word| word.strip_prefix("resume."))
}

fn read(token: &str) -> Option<Token> {
    // A longer one is not even decoded.
    let bytes = if token.len() <= 64 {
        BASE64URL_NOPAD.decode(token.as_bytes()).ok()?
    } else {
        return None;
    };
    let (place, secret) = bytes.split_last_chunk()?;
    let (owner, id) = match place.split_first_chunk() {
        Some((owner, id @ [_, ..])) => (NodeId::from_bytes(*owner), id),
        _ => (NodeId::default(), place),
    };
    Some(Token { owner, id: SocketId::from_bytes(id)?, secret: Secret(*secret) })
}

fn number(digits: &str) -> Result<u64, Malformed> {
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit())
        && (digits == "0" || !digits.starts_with('0'));
    let number = digits.parse().ok().filter(|number| is_number && *number <= LARGEST);
    number.ok_or(Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket(offered: &str) -> Result<Option<Ticket>, Malformed> {
        let request = http::Request::builder().header("sec-websocket-protocol", offered);
        Ticket::of(&request.body(()).unwrap().into())
    }

    #[test]
    fn a_ticket_proves_what_its_token_was_made_of() {
        let (id, secret) = (SocketId::nowhere(NodeId::default(), 7), Secret::new());
        let token = secret.token(id, NodeId::default());
        let ticket = ticket(&format!("socketkit.v1.json, resume.{token}.7.2")).unwrap().unwrap();
        assert_eq!((ticket.session(), ticket.seen, ticket.attempt), (Some(id), 7, 2));
        assert!(ticket.proves(&secret) && !ticket.proves(&Secret::new()));
    }

    #[test]
    fn a_foreign_token_is_for_no_session_and_malformed_numbers_are_a_fault() {
        for token in ["", "x", "!!!!", &"A".repeat(31), &"A".repeat(33), &"A".repeat(9_000)] {
            let ticket = ticket(&format!("resume.{token}.0.1")).unwrap().unwrap();
            assert!(ticket.session().is_none() && !ticket.proves(&Secret::new()), "{token}");
        }
        let id = SocketId::nowhere(NodeId::default(), 1);
        let token = Secret::new().token(id, NodeId::default());
        for numbers in
            ["", ".", ".1", ".1.", ".-1.1", ".1.01", ".1.1.1", ".+1.1", ".9007199254740992.1"]
        {
            assert_eq!(
                ticket(&format!("resume.{token}{numbers}")).unwrap_err(),
                Malformed,
                "{numbers}"
            );
        }
        assert!(ticket("socketkit.v1.json").unwrap().is_none());
    }

    #[test]
    fn places_are_lower_case_digits_and_not_too_many() {
        let place = "0123456789abcdef000000000001";
        let offer = |places: &[&str]| format!("resume.x.0.1.{}", places.join("."));
        for places in [&[place][..], &[place, place], &[place; PLACES]] {
            let read = ticket(&offer(places)).unwrap().unwrap();
            assert_eq!((read.seen, read.attempt), (0, 1));
        }
        let zeros = "0".repeat(28);
        assert!(ticket(&offer(&[&zeros])).is_ok());
        let (short, long, capital) = (&place[1..], format!("{place}0"), place.to_uppercase());
        let sign = place.replacen("00", "+0", 1);
        for none in ["", short, &long, &capital, &sign] {
            for places in [&[none][..], &[place, none], &[none, place]] {
                assert_eq!(ticket(&offer(places)).unwrap_err(), Malformed, "{none}");
            }
        }
        assert_eq!(ticket(&offer(&[place; PLACES + 1])).unwrap_err(), Malformed);
    }
}
