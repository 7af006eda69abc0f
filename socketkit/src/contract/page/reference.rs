//! How shapes are shown: fields with what is said of them, variants, or the type in TypeScript.

use super::{
    super::typescript::{Form, Writer},
    code,
    html::Html,
    markdown,
};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// The anchor of a type.
pub(super) fn type_id(name: &str) -> String {
    format!("type.{name}")
}

/// Shows what schemas of one contract allow.
pub(super) struct Reference<'a> {
    pub(super) writer: Writer<'a>,
    pub(super) types: BTreeSet<String>,
}

impl Reference<'_> {
    pub(super) fn doc(&self, html: &mut Html, markdown: &str) {
        markdown::write(html, markdown, &|name| self.types.contains(name));
    }

    /// A type in a line of text, or in a cell.
    pub(super) fn inline(&self, html: &mut Html, schema: &Value) {
        html.raw("<code class=\"type\">");
        self.code(html, &self.writer.of(schema, 0).text);
        html.raw("</code>");
    }

    pub(super) fn block(&self, html: &mut Html, text: &str) {
        // It takes the focus, so that keys can scroll it.
        html.raw("<pre tabindex=\"0\"><code>");
        self.code(html, text);
        html.raw("</code></pre>");
    }

    fn code(&self, html: &mut Html, text: &str) {
        code::write(html, text, &|name| self.types.contains(name));
    }

    /// All that is known of a shape.
    pub(super) fn shape(&self, html: &mut Html, schema: &Value) {
        let shape = self.writer.of(schema, 0);
        let list = |key| schema.get(key).and_then(Value::as_array);
        if let Some(properties) = schema.get("properties").and_then(Value::as_object)
            && shape.form == Form::Fields
        {
            self.fields(html, schema, properties);
        } else if let Some(variants) = list("oneOf").or(list("anyOf"))
            && schema.get("properties").is_none()
        {
            self.variants(html, variants);
        } else if shape.text.contains('\n') {
            self.block(html, &shape.text);
        } else {
            html.raw("<p>");
            self.inline(html, schema);
            limits(html, schema);
            html.raw("</p>");
        }
    }

    fn fields(&self, html: &mut Html, schema: &Value, properties: &Map<String, Value>) {
        let required = schema.get("required").and_then(Value::as_array);
        let place = |name: &str| required?.iter().position(|known| known == name);
        let mut properties: Vec<_> = properties.iter().collect();
        // These are in the order of the type.
        properties.sort_by_key(|(name, _)| place(name).unwrap_or(usize::MAX));
        html.raw("<dl class=\"fields\">");
        for (name, schema) in properties {
            let is_required = place(name).is_some();
            html.raw("<div><dt><code>").text(name).raw("</code>");
            if !is_required {
                html.raw(" <span class=\"optional\">optional</span>");
            }
            html.raw("</dt><dd>");
            self.inline(html, schema);
            limits(html, schema);
            self.description(html, schema);
            html.raw("</dd></div>");
        }
        html.raw("</dl>");
    }

    fn variants(&self, html: &mut Html, variants: &[Value]) {
        html.raw("<p class=\"label\">One of</p><ul class=\"variants\">");
        for variant in variants {
            html.raw("<li>");
            let text = self.writer.of(variant, 0).text;
            // No string goes on in the next line.
            let line = text.lines().map(str::trim_start).collect::<Vec<_>>().join(" ");
            if text.contains('\n') && (line.len() > 60 || line.contains("/*")) {
                self.block(html, &text);
            } else {
                html.raw("<code class=\"type\">");
                self.code(html, &line);
                html.raw("</code>");
                limits(html, variant);
            }
            self.description(html, variant);
            html.raw("</li>");
        }
        html.raw("</ul>");
    }

    fn description(&self, html: &mut Html, schema: &Value) {
        if let Some(doc) = schema.get("description").and_then(Value::as_str) {
            self.doc(html, doc);
        }
    }
}

/// What a type in TypeScript does not say.
fn limits(html: &mut Html, schema: &Value) {
    let text = |key| match schema.get(key) {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) if key != "default" => Some(text.clone()),
        Some(value) => Some(value.to_string()),
    };
    let format = text("format");
    // What the format says already.
    let of_format = match format.as_deref() {
        Some("int8") => ("-128", "127"),
        Some("uint8") => ("0", "255"),
        Some("int16") => ("-32768", "32767"),
        Some("uint16") => ("0", "65535"),
        _ => ("0", ""),
    };
    let mut notes: Vec<_> = format.into_iter().collect();
    for (least, most, unit) in [
        ("minimum", "maximum", ""),
        ("minLength", "maxLength", " characters"),
        ("minItems", "maxItems", " items"),
    ] {
        let least = text(least).filter(|least| least != of_format.0);
        let most = text(most).filter(|most| most != of_format.1);
        notes.extend(match (least, most) {
            // A tuple shows how long it is.
            _ if unit == " items" && schema.get("prefixItems").is_some() => None,
            (Some(least), Some(most)) if least == most => Some(format!("{least}{unit}")),
            (Some(least), Some(most)) => Some(format!("{least} to {most}{unit}")),
            (Some(least), None) => Some(format!("at least {least}{unit}")),
            (None, Some(most)) => Some(format!("at most {most}{unit}")),
            (None, None) => None,
        });
    }
    for (key, words) in [
        ("exclusiveMinimum", "above"),
        ("exclusiveMaximum", "below"),
        ("multipleOf", "a multiple of"),
        ("pattern", "matches"),
        ("default", "by default"),
    ] {
        notes.extend(text(key).map(|text| format!("{words} {text}")));
    }
    if !notes.is_empty() {
        html.raw(" <span class=\"limits\">").text(&notes.join(", ")).raw("</span>");
    }
}
