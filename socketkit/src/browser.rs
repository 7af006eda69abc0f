//! The browser client, as the server serves it under its mount.

use crate::{Events, Limits, Policy, Protocol};
use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, header, request::Parts};
use http_body_util::Full;
use serde_json::{Map, Value, json};
use std::hash::{DefaultHasher, Hash, Hasher};

const MODULE: &str = include_str!("browser/socketkit.js");
const SESSION: &str = include_str!("browser/session.js");
const STORE: &str = include_str!("browser/store.js");
const SKEW: &str = include_str!("browser/skew.js");
const PRESENCE: &str = include_str!("browser/presence.js");
const SHARED: &str = include_str!("browser/shared.js");
const WORKER: &str = include_str!("browser/worker.js");
const ENTRY: &str = include_str!("browser/client.js");
const TYPES: &str = include_str!("browser/socketkit.d.ts");

const GLOBAL: &str = include_str!("browser/global.js");

/// What a module may say and a classic script may not; [`GLOBAL`] stands in its place.
const MODULE_END: &str =
    "const script = import.meta.url;\nexport { CallError, connect, create };\n";

const PLACE: &str = "\"__CONTRACT__\"";

const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
const TYPESCRIPT: &str = "application/typescript; charset=utf-8";

#[cfg(feature = "schema")]
const JSON: &str = "application/json";

#[cfg(feature = "schema")]
const PAGE: &str = "text/html; charset=utf-8";

/// What a page may load: nothing, and no style but its own.
const PAGE_POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// The files of one service.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    files: Vec<File>,
    /// The hash of the contract, with the feature `schema`.
    schema: Option<String>,
}

/// A file, ready to be sent.
#[derive(Debug, Clone)]
pub(crate) struct File {
    name: &'static str,
    media: &'static str,
    tag: HeaderValue,
    content: Bytes,
}

impl Files {
    pub(crate) fn new<P: Protocol>(limits: &Limits) -> Self {
        #[cfg(feature = "schema")]
        let described = crate::contract::<P>();
        #[cfg(feature = "schema")]
        let known = described.known();
        #[cfg(not(feature = "schema"))]
        let known = Value::Null;
        let contract = contract::<P>(limits, &known).to_string();
        let files = vec![
            File::new("client.js", JAVASCRIPT, ENTRY.replace(PLACE, &contract)),
            File::new("socketkit.js", JAVASCRIPT, MODULE.into()),
            File::new("session.js", JAVASCRIPT, SESSION.into()),
            File::new("store.js", JAVASCRIPT, STORE.into()),
            File::new("skew.js", JAVASCRIPT, SKEW.into()),
            File::new("presence.js", JAVASCRIPT, PRESENCE.into()),
            File::new("shared.js", JAVASCRIPT, SHARED.into()),
            File::new("worker.js", JAVASCRIPT, WORKER.into()),
            File::new("socketkit.global.js", JAVASCRIPT, script(&contract)),
            File::new("socketkit.d.ts", TYPESCRIPT, TYPES.into()),
            #[cfg(feature = "schema")]
            File::new("client.d.ts", TYPESCRIPT, described.to_typescript()),
            #[cfg(feature = "schema")]
            // Strings, numbers and JSON: there is nothing in it that does not serialize.
            File::new("contract.json", JSON, serde_json::to_string(&described).unwrap_or_default()),
            #[cfg(feature = "schema")]
            File::new("asyncapi.json", JSON, described.to_asyncapi(type_name::<P>()).to_string()),
            #[cfg(feature = "schema")]
            File::new("docs", PAGE, described.to_html(type_name::<P>())),
        ];
        Self { files, schema: known["schema"].as_str().map(str::to_owned) }
    }

    /// What `hello` says of the contract.
    pub(crate) fn schema(&self) -> Option<&str> {
        self.schema.as_deref()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.files.iter().map(|file| (file.name, &*file.content))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&File> {
        self.files.iter().find(|file| file.name == name)
    }
}

/// The name of a type, without the modules that it is in.
#[cfg(feature = "schema")]
fn type_name<T>() -> &'static str {
    let path = std::any::type_name::<T>();
    let end = path.find('<').unwrap_or(path.len());
    path[..end].rsplit("::").next().unwrap_or(path)
}

/// The client as one classic script: one module follows the other, without what is for modules only.
fn script(contract: &str) -> String {
    let module = MODULE.strip_suffix(MODULE_END).unwrap_or(MODULE);
    let lines = [SESSION, STORE, module].into_iter().flat_map(str::lines);
    let lines = lines.filter(|line| !line.starts_with("import ") && !line.starts_with("export "));
    let body = lines.collect::<Vec<_>>().join("\n");
    format!("(() => {{\n{body}\n{}}})();\n", GLOBAL.replace(PLACE, contract))
}

impl File {
    fn new(name: &'static str, media: &'static str, content: String) -> Self {
        let mut hasher = DefaultHasher::new();
        content.hash(&mut hasher);
        let tag = format!("\"{:016x}\"", hasher.finish());
        let tag = HeaderValue::try_from(tag).unwrap_or(HeaderValue::from_static("\"0\""));
        Self { name, media, tag, content: content.into() }
    }

    pub(crate) fn answer(&self, request: &Parts) -> Response<Full<Bytes>> {
        let mut reply = Response::new(Full::default());
        let known = request.headers.get_all(header::IF_NONE_MATCH).iter().any(|tags| {
            let tag = self.tag.as_bytes();
            tags == "*" || tags.as_bytes().windows(tag.len()).any(|known| known == tag)
        });
        match request.method {
            Method::GET | Method::HEAD if known => *reply.status_mut() = StatusCode::NOT_MODIFIED,
            Method::GET => *reply.body_mut() = Full::new(self.content.clone()),
            Method::HEAD => {}
            _ => {
                *reply.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
                reply.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            }
        }
        let headers = reply.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.media));
        headers.insert(header::ETAG, self.tag.clone());
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if self.media.starts_with("text/html") {
            let policy = HeaderValue::from_static(PAGE_POLICY);
            headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        }
        // Pages of other origins load modules only with this; who may connect is another question.
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        reply
    }
}

/// What the client has to know of the events: their names, what may be dropped, and what is too long;
/// and what is `known` of their shapes.
fn contract<P: Protocol>(limits: &Limits, known: &Value) -> Value {
    let mut contract = json!({
        "client": names::<P::Client>(&known["client"]),
        "server": names::<P::Server>(&known["server"]),
        "limit": limits.frame,
    });
    if let Some(schema) = known.get("schema") {
        contract["schema"] = schema.clone();
    }
    contract
}

fn names<E: Events>(known: &Value) -> Map<String, Value> {
    let about = |index, name: &str| {
        let mut about = known.get(name).and_then(Value::as_object).cloned().unwrap_or_default();
        let policy = match (E::policy(index), E::latest_by(index)) {
            (Policy::Reliable, _) => None,
            (Policy::Volatile, _) => Some(("volatile", true.into())),
            (Policy::Latest, []) => Some(("latest", true.into())),
            (Policy::Latest, fields) => Some(("latest", fields.into())),
        };
        let max = E::max_bytes(index);
        about.extend(policy.map(|(name, value)| (name.to_owned(), value)));
        about.extend(max.map(|max| ("max".to_owned(), max.into())));
        Value::Object(about)
    };
    E::NAMES
        .iter()
        .enumerate()
        .map(|(index, name)| ((*name).to_owned(), about(index, name)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_have_the_places_that_the_server_fills_in() {
        assert!(MODULE.ends_with(MODULE_END));
        assert_eq!((ENTRY.matches(PLACE).count(), GLOBAL.matches(PLACE).count()), (1, 1));
    }
}
