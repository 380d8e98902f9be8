//! An event as it is told: its resource, and the messages about it.

use serde_json::Value;

/// The words that say what happened, and what an event is about.
pub(super) struct Told {
    pub(super) resource: Value,
    pub(super) resource_version: &'static str,
    pub(super) message: Words,
    pub(super) detailed: Words,
}

/// A message in its three forms.
#[derive(Clone, Debug)]
pub(super) struct Words {
    pub(super) text: String,
    pub(super) html: String,
    pub(super) markdown: String,
}

impl Words {
    /// A message without links.
    pub(super) fn plain(text: &str) -> Self {
        Self { text: text.to_owned(), html: Self::escaped(text), markdown: text.to_owned() }
    }

    /// Adds to the end of each form.
    pub(super) fn add(&mut self, text: &str, html: &str) {
        self.text += text;
        self.markdown += text;
        self.html += html;
    }

    /// A text as it stands in HTML.
    pub(super) fn escaped(text: &str) -> String {
        text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
    }
}

impl Told {
    /// An event whose message has no links, nor details.
    pub(super) fn plain(resource: Value, resource_version: &'static str, message: &str) -> Self {
        let message = Words::plain(message);
        Self { resource, resource_version, detailed: message.clone(), message }
    }
}
