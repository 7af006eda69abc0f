//! The one order of all texts, and whether what a socket heard is a part of it.

use std::collections::HashMap;

pub(crate) fn words<const N: usize>(text: &str) -> [&str; N] {
    let words: Vec<_> = text.split(' ').collect();
    words.try_into().unwrap_or_else(|_| panic!("not of {N} words: {text}"))
}

/// What the first witness heard: the one order of all texts.
#[derive(Default)]
pub(crate) struct Log {
    pub(crate) order: Vec<String>,
    pub(crate) places: HashMap<String, usize>,
    pub(crate) numbers: HashMap<String, usize>,
}

impl Log {
    pub(crate) fn add(&mut self, text: &str) {
        let [name, number, ..] = words::<4>(text);
        let due = self.numbers.entry(name.into()).or_default();
        assert_eq!(number, due.to_string(), "the next text of {name}");
        *due += 1;
        self.places.insert(text.into(), self.order.len());
        self.order.push(text.into());
    }

    /// What a socket heard is a part of the log without a gap, but for texts of rooms it was not in.
    pub(crate) fn check(&self, listener: &str, heard: &[String]) {
        let mut seats = HashMap::new();
        let mut heard = heard.iter().peekable();
        let Some(first) = heard.peek() else { return };
        for text in &self.order[self.places[*first]..] {
            let is_heard = heard.next_if_eq(&text).is_some();
            let [name, _, what, room] = words(text);
            let seat = seats.entry(room).or_insert("left");
            match (what, *seat, is_heard) {
                ("in", "joining" | "left", false) | ("in", "joined" | "leaving", true) => {}
                // Between two such texts it is not known when it happened; but it happens once.
                ("in", "leaving", false) => *seat = "left",
                ("in", "joining", true) => *seat = "joined",
                ("in", seat, _) => panic!("{listener}, {seat} {room}, heard {is_heard}: {text}"),
                (_, _, true) if name == listener => *seat = what,
                (_, _, true) => {}
                (_, _, false) => panic!("{listener} misses {text}, and heard {:?}", heard.next()),
            }
            if heard.peek().is_none() {
                return;
            }
        }
        panic!("{listener} heard again or too late: {:?}", heard.next());
    }
}
