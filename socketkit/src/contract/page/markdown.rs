//! Documentation, which is Markdown, as HTML: no markup of its own, and nothing from elsewhere.

use super::{html::Html, reference::type_id};
use pulldown_cmark::{
    BrokenLink, CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd, html::push_html,
};

/// Writes it; names of types in links are links to them.
pub(super) fn write(html: &mut Html, markdown: &str, is_type: &dyn Fn(&str) -> bool) {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH;
    // As rustdoc does: [`Post`] is a link to the type.
    let find = |link: BrokenLink<'_>| {
        let name = link.reference.trim_matches('`');
        let known = is_type(name).then(|| format!("#{}", type_id(name)));
        let is_code = link.reference.starts_with('`');
        let target = known.or(is_code.then(String::new))?;
        Some((CowStr::from(target), CowStr::from("")))
    };
    let mut links = Vec::new();
    let events = Parser::new_with_broken_link_callback(markdown, options, Some(find));
    let events = events.filter_map(|event| match event {
        Event::Html(text) | Event::InlineHtml(text) => Some(Event::Text(text)),
        // Nothing is fetched: the text beside a picture is there.
        Event::Start(Tag::Image { .. }) | Event::End(TagEnd::Image) => None,
        Event::Start(Tag::Link { ref dest_url, .. }) => {
            links.push(is_safe(dest_url));
            links.last().is_some_and(|is_safe| *is_safe).then_some(event)
        }
        Event::End(TagEnd::Link) => links.pop().unwrap_or_default().then_some(event),
        Event::Start(Tag::Heading { level, .. }) => Some(Event::Start(Tag::Heading {
            level: below(level),
            id: None,
            classes: Vec::new(),
            attrs: Vec::new(),
        })),
        Event::End(TagEnd::Heading(level)) => Some(Event::End(TagEnd::Heading(below(level)))),
        other => Some(other),
    });
    html.raw("<div class=\"doc\">").made(|out| push_html(out, events)).raw("</div>");
}

/// Whether a link leads somewhere, and runs nothing.
fn is_safe(target: &str) -> bool {
    let starts = |scheme: &str| {
        target.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    ["https://", "http://", "mailto:", "#"].into_iter().any(starts)
}

/// Below the headings of the page.
fn below(level: HeadingLevel) -> HeadingLevel {
    match level {
        HeadingLevel::H1 => HeadingLevel::H4,
        HeadingLevel::H2 => HeadingLevel::H5,
        _ => HeadingLevel::H6,
    }
}
