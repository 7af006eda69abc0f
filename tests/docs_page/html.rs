//! A page as a browser reads it.

use serde_json::Value;

/// A piece of a page: what a browser makes of it, if everything is quoted.
#[derive(Debug)]
pub(crate) enum Piece {
    /// A tag and its attributes.
    Tag(String, Vec<(String, String)>),
    End(String),
    Text(String),
}

/// Reads a page; panics at what is not well-formed.
pub(crate) fn pieces(page: &str) -> Vec<Piece> {
    let (mut pieces, mut rest) = (Vec::new(), page.strip_prefix("<!doctype html>").unwrap());
    while !rest.is_empty() {
        let Some(tag) = rest.strip_prefix('<') else {
            let (text, after) = rest.split_at(rest.find('<').unwrap_or(rest.len()));
            assert!(!text.contains('>') || is_style(&pieces), "{text}");
            pieces.push(Piece::Text(unescaped(text)));
            rest = after;
            continue;
        };
        if let Some(tag) = tag.strip_prefix('/') {
            let (name, after) = tag.split_once('>').unwrap();
            pieces.push(Piece::End(name.into()));
            rest = after;
            continue;
        }
        let end = tag.find([' ', '>', '/']).unwrap();
        let (name, mut tag) = tag.split_at(end);
        let mut attributes = Vec::new();
        while let Some(attribute) = tag.strip_prefix(' ').filter(|rest| !rest.starts_with('/')) {
            let (name, value) = attribute.split_once("=\"").unwrap();
            let (value, after) = value.split_once('"').unwrap();
            assert!(!value.contains(['<', '>']), "{value}");
            attributes.push((name.to_owned(), unescaped(value)));
            tag = after;
        }
        pieces.push(Piece::Tag(name.into(), attributes));
        rest = tag.trim_start_matches([' ', '/']).strip_prefix('>').unwrap();
    }
    pieces
}

pub(crate) fn is_style(pieces: &[Piece]) -> bool {
    matches!(pieces.last(), Some(Piece::Tag(name, _)) if name == "style")
}

pub(crate) fn unescaped(text: &str) -> String {
    let pairs = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&#x27;", "'")];
    let text = pairs.into_iter().fold(text.to_owned(), |text, (of, to)| text.replace(of, to));
    text.replace("&amp;", "&")
}

/// The values of an attribute, wherever it is.
pub(crate) fn values<'a>(pieces: &'a [Piece], attribute: &str) -> Vec<&'a str> {
    let tags = pieces.iter().filter_map(|piece| match piece {
        Piece::Tag(_, attributes) => Some(attributes),
        _ => None,
    });
    tags.flatten().filter(|(name, _)| name == attribute).map(|(_, value)| &**value).collect()
}

pub(crate) fn text(pieces: &[Piece]) -> String {
    let texts = pieces.iter().filter_map(|piece| match piece {
        Piece::Text(text) => Some(&**text),
        _ => None,
    });
    texts.collect()
}

/// What is within the element of an id: up to the end of the article.
pub(crate) fn article<'a>(pieces: &'a [Piece], id: &str) -> &'a [Piece] {
    let is_start = |piece: &Piece| matches!(piece, Piece::Tag(_, all) if all.iter().any(|(name, value)| name == "id" && value == id));
    let start = pieces.iter().position(is_start).unwrap_or_else(|| panic!("no {id}"));
    let is_end = |piece: &Piece| matches!(piece, Piece::End(name) if name == "article");
    let length = pieces[start..].iter().position(is_end).unwrap();
    &pieces[start..start + length]
}

/// The frames that an article shows.
pub(crate) fn examples(article: &[Piece]) -> Vec<Value> {
    let mut examples = Vec::new();
    for (at, piece) in article.iter().enumerate() {
        if matches!(piece, Piece::Tag(name, _) if name == "figure") {
            let of = |name: &str| {
                let is_it = |piece: &Piece| matches!(piece, Piece::Tag(known, _) if known == name);
                article[at..].iter().position(is_it).unwrap()
            };
            let is_end = |piece: &Piece| matches!(piece, Piece::End(name) if name == "pre");
            let end = article[at..].iter().position(is_end).unwrap();
            examples.push(serde_json::from_str(&text(&article[at + of("pre")..at + end])).unwrap());
        }
    }
    examples
}
