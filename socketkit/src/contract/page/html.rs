//! HTML of which only the parts written here are markup.

/// A piece of a page. What is not `'static` is escaped.
#[derive(Debug, Default)]
pub(super) struct Html(String);

impl Html {
    pub(super) fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Fits into an element and into a quoted attribute.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        for char in text.chars() {
            match char {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                other => self.0.push(other),
            }
        }
        self
    }

    /// Markup that has been made out of others' text, with care.
    pub(super) fn made(&mut self, make: impl FnOnce(&mut String)) -> &mut Self {
        make(&mut self.0);
        self
    }

    pub(super) fn finish(self) -> String {
        self.0
    }
}
