//! The section on presence.

use super::{super::presence, Html, Page, layout};
use crate::wire;

impl Page<'_> {
    pub(super) fn presence(&self, html: &mut Html) {
        let Some(contract) = &self.contract.presence else { return };
        html.raw(
            "<section id=\"presence\">\n<h2>Presence</h2>\n<p>The server shows people in rooms, ",
        )
        .raw("and tells who is there. In a page:</p>\n");
        let room = match self.examples.value(&contract.room) {
            Some(room) if room.is_null() => String::new(),
            Some(room) => layout::short(&room),
            None => "room".to_owned(),
        };
        self.reference.block(
            html,
            &format!(
                "socket.presence({room}).subscribe(presence => {{\n  \
                 // Nothing until the server tells of the room, in each session.\n  \
                 if (presence) console.log(presence.members, presence.joined, presence.left);\n}});\n"
            ),
        );
        let id = presence_id();
        html.raw("<article id=\"").text(&id).raw("\">\n<h3><a href=\"#").text(&id);
        html.raw("\"><code>").text(wire::PRESENCE).raw("</code></a></h3>\n");
        self.reference.doc(html, presence::DOC);
        for (title, schema) in [
            ("<h4>Room</h4>\n", &contract.room),
            ("<h4>Member</h4>\n", &contract.member),
            ("<h4>Data</h4>\n", &presence::data(contract)),
        ] {
            html.raw(title);
            self.reference.shape(html, schema);
        }
        html.raw("<div class=\"examples\">");
        for (does, data) in presence::examples(contract, &self.examples).into_iter().flatten() {
            let write = |out: &mut Vec<u8>, data: layout::Data<'_>| {
                wire::write_event(out, wire::PRESENCE, None, data)
            };
            self.example(html, "Server", does, &layout::frame(&data, write));
        }
        html.raw("</div>\n</article>\n</section>\n");
    }
}

/// The anchor of its event: no other has the name.
pub(super) fn presence_id() -> String {
    format!("server.{}", wire::PRESENCE)
}
