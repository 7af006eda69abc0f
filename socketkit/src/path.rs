//! Where in a payload something does not fit: the path of its field.

use serde_json::error::{Category, Error};
use std::fmt::Write;

/// Bytes of the longest path that is shown; a longer one is cut at its front.
const LONGEST: usize = 128;

/// What a container of values is at.
enum Step<'a> {
    /// The name as it is written, with its escapes, of an object's member.
    Member(&'a str),
    /// How many items of an array are over.
    Item(usize),
}

/// What an error says, behind the path of the field at which it arose, if that is not the whole payload.
pub(crate) fn located(json: &str, error: &Error) -> String {
    match path(json, error) {
        Some(path) => format!("{path}: {error}"),
        None => error.to_string(),
    }
}

/// Reads again as far as the error came: `a.b[3].c`.
fn path(json: &str, error: &Error) -> Option<String> {
    if error.classify() != Category::Data {
        return None;
    }
    let line = json.split_inclusive('\n').take(error.line().checked_sub(1)?);
    let end = line.map(str::len).sum::<usize>() + error.column();
    let mut path = String::new();
    for step in steps(json, end.min(json.len())) {
        // A string takes any text.
        let _ = match step {
            Step::Member("") => Ok(()),
            Step::Member(name) if path.is_empty() => write!(path, "{name}"),
            Step::Member(name) => write!(path, ".{name}"),
            Step::Item(index) => write!(path, "[{index}]"),
        };
    }
    if path.len() > LONGEST {
        let start = path.ceil_char_boundary(path.len() - LONGEST);
        path.replace_range(..start, "…");
    }
    Some(path).filter(|path| !path.is_empty())
}

/// The containers that are open at `end`, from the outermost.
fn steps(json: &str, end: usize) -> Vec<Step<'_>> {
    let (bytes, mut steps, mut at) = (json.as_bytes(), Vec::new(), 0);
    let mut last = "";
    while at < end {
        match bytes.get(at) {
            Some(b'"') => {
                let start = at + 1;
                at = start;
                while let Some(byte) = bytes.get(at).filter(|byte| **byte != b'"') {
                    at += if *byte == b'\\' { 2 } else { 1 };
                }
                last = json.get(start..at).unwrap_or_default();
            }
            Some(b':') => {
                if let Some(Step::Member(name)) = steps.last_mut() {
                    *name = last;
                }
            }
            Some(b',') => match steps.last_mut() {
                Some(Step::Item(index)) => *index += 1,
                Some(Step::Member(name)) => *name = "",
                None => {}
            },
            Some(b'{') => steps.push(Step::Member("")),
            Some(b'[') => steps.push(Step::Item(0)),
            Some(b'}' | b']') => _ = steps.pop(),
            _ => {}
        }
        at += 1;
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;
    use std::collections::BTreeMap;

    #[derive(Debug, Deserialize)]
    #[allow(dead_code)]
    struct Post {
        id: u32,
        #[serde(default)]
        tags: Vec<(String, u8)>,
        #[serde(default)]
        places: BTreeMap<String, [f32; 2]>,
        #[serde(default)]
        answers: Vec<Post>,
    }

    fn fault(json: &str) -> String {
        let error = serde_json::from_str::<Post>(json).unwrap_err();
        let said = located(json, &error);
        said.strip_suffix(&error.to_string()).unwrap().to_owned()
    }

    #[test]
    fn the_path_of_the_field_at_fault_is_said() {
        for (json, path) in [
            (r#"{"id":"a"}"#, "id: "),
            (r#"{"id":-1}"#, "id: "),
            (r#"{"id":[]}"#, "id: "),
            (r#"{"id":{"id":1}}"#, "id: "),
            (r#"{ "tags" : [ ["a", 1], ["b\"]", "c"] ], "id": 1 }"#, "tags[1][1]: "),
            (r#"{"id":1,"places":{"a,{\\":[1,2],"b":[1,true]}}"#, "places.b[1]: "),
            (r#"{"id":1,"answers":[{"id":1},{"id":2,"answers":[{}]}]}"#, "answers[1].answers[0]: "),
            ("{\"id\":1,\n \"tags\":\n[[1,2]]}", "tags[0][0]: "),
            ("{\"id\":1,\"places\":{\"ä\":7}}", "places.ä: "),
            ("{}", ""),
            ("[]", ""),
            ("7", ""),
            (r#"{"id":1"#, ""),
            (r#"{"id":1} 2"#, ""),
            ("", ""),
        ] {
            assert_eq!(fault(json), path, "{json}");
        }
    }

    #[test]
    fn a_long_path_is_cut() {
        let name = "ä".repeat(1000);
        let said = fault(&format!(r#"{{"id":1,"places":{{"{name}":7}}}}"#));
        assert!(said.starts_with("…ä") && said.len() < LONGEST + 10, "{said}");
    }
}
