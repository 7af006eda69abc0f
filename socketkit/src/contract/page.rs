//! A contract as a page to read: one file, without scripts and without anything from elsewhere.

mod code;
mod html;
mod layout;
mod markdown;
mod presence;
mod reference;

use super::{
    Contract, EventContract,
    example::Examples,
    frames::{self, CODES},
    names::Names,
    policy,
    typescript::Writer,
};
use crate::{CloseCode, wire};
use html::Html;
use presence::presence_id;
use reference::{Reference, type_id};
use serde_json::Value;
use std::collections::BTreeMap;

const STYLE: &str = include_str!("page/style.css");

/// See [`Contract::to_html`].
pub(super) fn page(contract: &Contract, title: &str) -> String {
    let names = Names::of(contract);
    let types = names.each(contract).into_keys().map(str::to_owned).collect();
    let reference = Reference { writer: Writer { names, contract }, types };
    let page = Page { contract, reference, examples: Examples::of(contract) };
    let mut html = Html::default();
    html.raw("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n")
        .raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n")
        .raw("<meta name=\"referrer\" content=\"no-referrer\">\n")
        .raw("<meta name=\"color-scheme\" content=\"light dark\">\n<title>")
        .text(title)
        .raw(" · protocol</title>\n<style>\n")
        .raw(STYLE)
        .raw("</style>\n</head>\n<body>\n");
    page.header(&mut html, title);
    html.raw("<div class=\"columns\">\n");
    page.contents(&mut html);
    html.raw("<main>\n");
    page.connect(&mut html);
    for side in page.sides() {
        page.events(&mut html, &side);
    }
    page.presence(&mut html);
    page.types(&mut html);
    page.frames(&mut html);
    page.errors(&mut html);
    html.raw("</main>\n</div>\n</body>\n</html>\n");
    html.finish()
}

struct Page<'a> {
    contract: &'a Contract,
    reference: Reference<'a>,
    examples: Examples,
}

/// One of the two directions.
struct Side<'a> {
    id: &'static str,
    title: &'static str,
    about: &'static str,
    /// Who sends, and who answers.
    sends: &'static str,
    answers: &'static str,
    events: &'a BTreeMap<String, EventContract>,
}

impl Page<'_> {
    fn sides(&self) -> [Side<'_>; 2] {
        [
            Side {
                id: "client",
                title: "Clients send",
                about: "What the server handles.",
                sends: "Client",
                answers: "Server",
                events: &self.contract.client,
            },
            Side {
                id: "server",
                title: "The server sends",
                about: "What clients listen for.",
                sends: "Server",
                answers: "Client",
                events: &self.contract.server,
            },
        ]
    }

    fn header(&self, html: &mut Html, title: &str) {
        let count = self.contract.client.len() + self.contract.server.len();
        html.raw("<header>\n<h1>").text(title).raw("</h1>\n<p>").text(&count.to_string());
        html.raw(if count == 1 { " event" } else { " events" });
        html.raw(" over WebSocket, as <code>")
            .text(wire::SUBPROTOCOL)
            .raw("</code>. Contract <code>");
        html.text(&self.contract.hash).raw("</code>.</p>\n<ul class=\"files\">");
        for (file, about) in [
            ("client.js", "client for pages"),
            ("client.d.ts", "its types"),
            ("asyncapi.json", "AsyncAPI 3"),
            ("contract.json", "JSON Schemas"),
        ] {
            html.raw("<li><a href=\"").text(file).raw("\">").text(file).raw("</a> <span>");
            html.text(about).raw("</span></li>");
        }
        html.raw("</ul>\n</header>\n");
    }

    fn contents(&self, html: &mut Html) {
        html.raw("<nav aria-label=\"Contents\">\n<p><a href=\"#connect\">Connect</a></p>\n");
        for side in self.sides() {
            let events = side.events.keys().map(|name| (format!("{}.{name}", side.id), &**name));
            contents(html, side.id, side.title, events);
        }
        if self.contract.presence.is_some() {
            let event = (presence_id(), wire::PRESENCE);
            contents(html, "presence", "Presence", [event].into_iter());
        }
        let types = self.reference.types.iter().map(|name| (type_id(name), &**name));
        contents(html, "types", "Types", types);
        contents(html, "frames", "Frames", [].into_iter());
        contents(html, "errors", "Errors", [].into_iter());
        html.raw("</nav>\n");
    }

    fn connect(&self, html: &mut Html) {
        html.raw("<section id=\"connect\">\n<h2>Connect</h2>\n<p>In a page, with the client that the server brings along; ")
            .raw("<code>/ws</code> stands for where this page lies:</p>\n");
        let mut program =
            "import { connect } from \"/ws/client.js\";\n\nconst socket = connect();\n".to_owned();
        if let Some(name) = self.contract.server.keys().next() {
            program += &format!("socket.on(\"{name}\", data => console.log(data));\n");
        }
        // The shortest of them, and a call if there is one.
        let sending = self.contract.client.iter().filter_map(|(name, event)| {
            let data = match &event.payload {
                Some(schema) => format!(", {}", layout::short(&self.examples.value(schema)?)),
                None => String::new(),
            };
            Some((event.reply.is_none(), data.len() + name.len(), name, data))
        });
        if let Some((is_emitted, _, name, data)) = sending.min() {
            program += &match is_emitted {
                true => format!("socket.emit(\"{name}\"{data});\n"),
                false => format!("const reply = await socket.call(\"{name}\"{data});\n"),
            };
        }
        self.reference.block(html, &program);
        html.raw("<p>Or with any WebSocket client; each <a href=\"#frames\">frame</a> is one JSON object:</p>\n");
        self.reference.block(
            html,
            &format!("new WebSocket(\"wss://example.com/ws\", \"{}\");\n", wire::SUBPROTOCOL),
        );
        html.raw("</section>\n");
    }

    fn events(&self, html: &mut Html, side: &Side<'_>) {
        html.raw("<section id=\"")
            .text(side.id)
            .raw("\">\n<h2>")
            .text(side.title)
            .raw("</h2>\n<p>");
        html.text(if side.events.is_empty() { "Nothing." } else { side.about }).raw("</p>\n");
        for (name, event) in side.events {
            self.event(html, side, name, event);
        }
        html.raw("</section>\n");
    }

    fn event(&self, html: &mut Html, side: &Side<'_>, name: &str, event: &EventContract) {
        let remarks = policy::remarks(event);
        html.raw("<article id=\"").text(side.id).raw(".").text(name).raw("\">\n<h3><a href=\"#");
        html.text(side.id).raw(".").text(name).raw("\"><code>").text(name).raw("</code></a>");
        if event.is_call() {
            html.raw(" <span class=\"mark call\">call</span>");
        }
        for remark in &remarks {
            html.raw(" <span class=\"mark\">").text(&remark.mark).raw("</span>");
        }
        html.raw("</h3>\n");
        if let Some(doc) = &event.doc {
            self.reference.doc(html, doc);
        }
        for remark in &remarks {
            html.raw("<div class=\"remark\">");
            self.reference.doc(html, &remark.text);
            html.raw("</div>");
        }
        match &event.payload {
            Some(schema) => {
                html.raw("<h4>Data</h4>\n");
                self.reference.shape(html, schema);
            }
            None => _ = html.raw("<p class=\"none\">No data.</p>\n"),
        }
        for (title, schema) in
            [("<h4>Progress</h4>\n", &event.progress), ("<h4>Reply</h4>\n", &event.reply)]
        {
            if let Some(schema) = schema {
                html.raw(title);
                self.reference.shape(html, schema);
            }
        }
        let value = |schema: &Option<Value>| match schema {
            Some(schema) => self.examples.value(schema),
            None => Some(Value::Null),
        };
        html.raw("<div class=\"examples\">");
        if let Some(data) = value(&event.payload) {
            let id = event.is_call().then_some(1);
            let frame = layout::frame(&data, |out, data| wire::write_event(out, name, id, data));
            self.example(html, side.sends, "sends", &frame);
        }
        if event.progress.is_some() {
            if let Some(data) = value(&event.progress) {
                let frame = layout::frame(&data, |out, data| wire::write_progress(out, 1, data));
                self.example(html, side.answers, "reports", &frame);
            }
            let mut frame = Vec::new();
            wire::write_cancel(&mut frame, 1);
            self.example(html, side.sends, "may cancel", &String::from_utf8_lossy(&frame));
        }
        if event.reply.is_some()
            && let Some(data) = value(&event.reply)
        {
            let frame = layout::frame(&data, |out, data| wire::write_reply(out, 1, data));
            self.example(html, side.answers, "answers", &frame);
        }
        html.raw("</div>\n</article>\n");
    }

    fn example(&self, html: &mut Html, who: &str, does: &'static str, frame: &str) {
        html.raw("<figure><figcaption>").text(who).raw(" ").raw(does).raw("</figcaption>");
        self.reference.block(html, frame);
        html.raw("</figure>\n");
    }

    fn types(&self, html: &mut Html) {
        if self.reference.types.is_empty() {
            return;
        }
        html.raw("<section id=\"types\">\n<h2>Types</h2>\n");
        let types = &self.reference.types;
        let is_input =
            |name: &String| name.strip_suffix("Input").is_some_and(|output| types.contains(output));
        if types.iter().any(is_input) {
            html.raw("<p>What is sent to the server may lack what has a default: ").raw(
                "it has a type of its own then, <code>Input</code> at the end of its name.</p>\n",
            );
        }
        for (name, schema) in self.reference.writer.names.each(self.contract) {
            html.raw("<article id=\"").text(&type_id(name)).raw("\">\n<h3><a href=\"#");
            html.text(&type_id(name)).raw("\"><code>").text(name).raw("</code></a></h3>\n");
            if let Some(doc) = schema.get("description").and_then(Value::as_str) {
                self.reference.doc(html, doc);
            }
            self.reference.shape(html, schema);
            html.raw("</article>\n");
        }
        html.raw("</section>\n");
    }

    fn frames(&self, html: &mut Html) {
        html.raw("<section id=\"frames\">\n<h2>Frames</h2>\n")
            .raw("<p>Beside events, <code>{\"event\":NAME,\"id\":CALL,\"data\":DATA}</code>, these travel. ")
            .raw("An event with an <code>id</code> is a call, and is answered once; ids are those of its sender. ")
            .raw("Members that one does not know are ignored.</p>\n");
        for frame in frames::all() {
            html.raw("<article>\n<h3><code>").text(frame.name).raw("</code> <span class=\"mark\">");
            html.raw(match (frame.by_client, frame.by_server) {
                (true, true) => "both sides",
                (true, false) => "client",
                _ => "server",
            });
            html.raw("</span></h3>\n");
            self.reference.doc(html, frame.doc);
            let mut inner = &frame.schema;
            if matches!(frame.name, "hello" | "error") {
                inner = &frame.schema["properties"][frame.name];
            }
            if inner.get("properties").is_some() {
                self.reference.shape(html, inner);
            }
            self.reference.block(html, frame.example);
            html.raw("</article>\n");
        }
        html.raw("</section>\n");
    }

    fn errors(&self, html: &mut Html) {
        html.raw("<section id=\"errors\">\n<h2>Errors</h2>\n")
            .raw("<p>Codes of <code>error</code> frames; others are the application's own.</p>\n")
            .raw("<dl class=\"fields\">");
        for (code, about) in CODES {
            html.raw("<div><dt><code>").text(code).raw("</code></dt><dd>");
            self.reference.doc(html, about);
            html.raw("</dd></div>");
        }
        html.raw("</dl>\n<p>Codes that a WebSocket is closed with.</p>\n<dl class=\"fields\">");
        for code in [
            CloseCode::DONE,
            CloseCode::BINARY,
            CloseCode::TOO_LARGE,
            CloseCode::RESTART,
            CloseCode::FULL,
            CloseCode::BAD_FRAME,
            CloseCode::UNAUTHORIZED,
            CloseCode::FORBIDDEN,
            CloseCode::TIMEOUT,
            CloseCode::SUPERSEDED,
            CloseCode::TOO_SLOW,
            CloseCode::INTERNAL,
        ] {
            html.raw("<div><dt><code>").text(&code.to_string()).raw("</code></dt><dd>");
            html.text(code.text());
            if code.reconnects() {
                html.raw(" <span class=\"limits\">connect again</span>");
            }
            html.raw("</dd></div>");
        }
        html.raw("</dl>\n</section>\n");
    }
}

/// One section of the table of contents.
fn contents<'a>(
    html: &mut Html,
    id: &str,
    title: &str,
    entries: impl Iterator<Item = (String, &'a str)>,
) {
    let mut entries = entries.peekable();
    if id == "types" && entries.peek().is_none() {
        return;
    }
    html.raw("<p><a href=\"#").text(id).raw("\">").text(title).raw("</a></p>\n");
    if entries.peek().is_some() {
        html.raw("<ul>");
        for (id, name) in entries {
            html.raw("<li><a href=\"#").text(&id).raw("\">").text(name).raw("</a></li>");
        }
        html.raw("</ul>\n");
    }
}
