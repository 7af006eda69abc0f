//! JSON on lines that are not too long.

use serde_json::Value;

/// Characters of a line that is not broken.
const WIDTH: usize = 48;

/// Appends the data of a frame.
pub(super) type Data<'a> = &'a dyn Fn(&mut Vec<u8>) -> serde_json::Result<()>;

/// A frame as it is on the wire; its data on several lines, if it would be a long one.
pub(super) fn frame(
    data: &Value,
    write: impl Fn(&mut Vec<u8>, Data<'_>) -> serde_json::Result<()>,
) -> String {
    let text = |data: Data<'_>| {
        let mut out = Vec::new();
        // Writing to a vector cannot fail.
        let _ = write(&mut out, data);
        String::from_utf8(out).unwrap_or_default()
    };
    let line = text(&|out| serde_json::to_writer(out, data));
    if line.len() <= WIDTH {
        return line;
    }
    text(&|out| {
        out.extend_from_slice(broken(data, 0).as_bytes());
        Ok(())
    })
}

/// A value in one line, with spaces.
pub(super) fn short(value: &Value) -> String {
    let join = |parts: Vec<String>| parts.join(", ");
    match value {
        Value::Array(items) => format!("[{}]", join(items.iter().map(short).collect())),
        Value::Object(members) if !members.is_empty() => {
            let member =
                |(name, value)| format!("{}: {}", Value::from(String::clone(name)), short(value));
            format!("{{ {} }}", join(members.iter().map(member).collect()))
        }
        other => other.to_string(),
    }
}

/// A value on as many lines as it needs; later ones stand so deep.
fn fitted(value: &Value, depth: usize) -> String {
    let line = short(value);
    if line.len() + 2 * depth <= WIDTH { line } else { broken(value, depth) }
}

/// A value with each member on a line of its own.
fn broken(value: &Value, depth: usize) -> String {
    let parts: Vec<_> = match value {
        Value::Array(items) => items.iter().map(|item| fitted(item, depth + 1)).collect(),
        Value::Object(members) => {
            let member = |(name, value)| {
                format!("{}: {}", Value::from(String::clone(name)), fitted(value, depth + 1))
            };
            members.iter().map(member).collect()
        }
        _ => Vec::new(),
    };
    if parts.is_empty() {
        return value.to_string();
    }
    let (open, close) = if value.is_array() { ('[', ']') } else { ('{', '}') };
    let margin = "  ".repeat(depth + 1);
    let lines: Vec<_> = parts.iter().map(|part| format!("{margin}{part}")).collect();
    format!("{open}\n{}\n{}{close}", lines.join(",\n"), "  ".repeat(depth))
}
