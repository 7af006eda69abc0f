//! TypeScript, JavaScript and JSON with colours, and with links to the types.

use super::{html::Html, reference::type_id};

/// Writes code as the content of an element.
pub(super) fn write(html: &mut Html, code: &str, is_type: &dyn Fn(&str) -> bool) {
    let mut rest = code;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' => string(rest),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            _ if is_part(first) => rest.find(|char| !is_part(char)).unwrap_or(rest.len()),
            _ => rest.find(|char| matches!(char, '"' | '/') || is_part(char)).unwrap_or(rest.len()),
        };
        // A stroke of its own.
        let length = length.max(first.len_utf8());
        let (token, after) = rest.split_at(length);
        let is_key = after.starts_with(':') || after.starts_with("?:");
        rest = after;
        match first {
            '"' if is_key => span(html, "<span class=\"k\">", token),
            '"' => span(html, "<span class=\"s\">", token),
            '/' if token.len() > 1 => span(html, "<span class=\"c\">", token),
            _ if is_part(first) && is_key => span(html, "<span class=\"k\">", token),
            _ if first.is_ascii_digit() || matches!(token, "true" | "false" | "null") => {
                span(html, "<span class=\"n\">", token);
            }
            _ if is_type(token) => {
                html.raw("<a href=\"#").text(&type_id(token)).raw("\">").text(token).raw("</a>");
            }
            _ => _ = html.text(token),
        }
    }
}

fn span(html: &mut Html, open: &'static str, token: &str) {
    html.raw(open).text(token).raw("</span>");
}

fn is_part(char: char) -> bool {
    char.is_alphanumeric() || matches!(char, '_' | '$')
}

/// Bytes of the string that a text begins with.
fn string(text: &str) -> usize {
    let mut is_escaped = true;
    for (at, char) in text.char_indices() {
        match char {
            '"' if !is_escaped => return at + 1,
            '\\' if !is_escaped => is_escaped = true,
            _ => is_escaped = false,
        }
    }
    text.len()
}
