//! Markdown as HTML that does no harm: parsed, its links led to where the file's neighbours are, and cleaned.

use std::borrow::Cow;
use std::collections::HashSet;

use ammonia::{Builder, UrlRelative};
use maud::{Markup, PreEscaped};
use pulldown_cmark::{CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd, html};

/// Renders a text. `address` gives the address of a file of the repository, to look at or, for pictures, as it is.
pub(super) fn render(text: &str, address: &dyn Fn(&str, bool) -> String) -> Markup {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_TASKLISTS;
    let events = Parser::new_ext(text, options).map(|event| match event {
        // The page has a heading of the first level already.
        Event::Start(Tag::Heading { level, id, classes, attrs }) => {
            Event::Start(Tag::Heading { level: below(level), id, classes, attrs })
        }
        Event::End(TagEnd::Heading(level)) => Event::End(TagEnd::Heading(below(level))),
        Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
            let dest_url = lead(dest_url, false, address);
            Event::Start(Tag::Link { link_type, dest_url, title, id })
        }
        Event::Start(Tag::Image { link_type, dest_url, title, id }) => {
            let dest_url = lead(dest_url, true, address);
            Event::Start(Tag::Image { link_type, dest_url, title, id })
        }
        Event::TaskListMarker(is_done) => Event::Text(if is_done { "☑ " } else { "☐ " }.into()),
        other => other,
    });
    let mut unsafe_html = String::with_capacity(text.len() * 2);
    html::push_html(&mut unsafe_html, events);
    PreEscaped(clean(&unsafe_html))
}

fn clean(unsafe_html: &str) -> String {
    let mut builder = Builder::default();
    builder
        .rm_tags(["h1", "map", "area", "header", "footer", "nav", "aside", "article", "main"])
        .url_schemes(HashSet::from(["http", "https", "mailto"]))
        .url_relative(UrlRelative::PassThrough)
        .link_rel(Some("nofollow noopener noreferrer"))
        .attribute_filter(|element, attribute, value| match (element, attribute) {
            // A picture from elsewhere would tell its host who looks at this page; the browser is forbidden to load it.
            ("img", "src") if !value.starts_with('/') || value.starts_with("//") => None,
            ("img", "width" | "height" | "alt" | "src") => Some(Cow::Borrowed(value)),
            ("img", _) => None,
            _ => Some(Cow::Borrowed(value)),
        });
    builder.clean(unsafe_html).to_string()
}

fn below(level: HeadingLevel) -> HeadingLevel {
    match level {
        HeadingLevel::H1 => HeadingLevel::H2,
        HeadingLevel::H2 => HeadingLevel::H3,
        HeadingLevel::H3 => HeadingLevel::H4,
        HeadingLevel::H4 => HeadingLevel::H5,
        _ => HeadingLevel::H6,
    }
}

/// A link within the repository leads to the page of the file; others stay as they are.
fn lead<'t>(to: CowStr<'t>, is_image: bool, address: &dyn Fn(&str, bool) -> String) -> CowStr<'t> {
    let has_scheme = to.split(['/', '?', '#']).next().is_some_and(|first| first.contains(':'));
    if to.is_empty() || has_scheme || to.starts_with("//") || to.starts_with('#') || to.contains('\\') {
        return to;
    }
    let (path, fragment) = to.split_once('#').map_or((&*to, None), |(path, rest)| (path, Some(rest)));
    let path = path.split('?').next().unwrap_or(path);
    let path = percent_encoding::percent_decode_str(path).decode_utf8_lossy();
    let fragment = fragment.map(|fragment| format!("#{fragment}")).unwrap_or_default();
    format!("{}{fragment}", address(&path, is_image)).into()
}

/// A link's path, seen from a folder; never above the root.
pub(super) fn join(folder: &str, to: &str) -> String {
    let mut parts: Vec<&str> = if to.starts_with('/') { Vec::new() } else { folder.split('/').collect() };
    for part in to.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.retain(|part| !part.is_empty());
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn html(text: &str) -> String {
        render(text, &|path, is_image| format!("/repo{}?path=/{path}", if is_image { "/raw" } else { "" }))
            .into_string()
    }

    #[test]
    fn what_could_do_harm_is_gone() {
        let evil = [
            "<script>alert(1)</script>",
            "[x](javascript:alert(1))",
            "[x](JaVaScRiPt:alert(1))",
            "![x](javascript:alert(1))",
            "[x](data:text/html,<script>alert(1)</script>)",
            "<a href=\"javascript:alert(1)\">x</a>",
            "<img src=x onerror=alert(1)>",
            "<svg onload=alert(1)><animate/></svg>",
            "<iframe src=//evil.example></iframe>",
            "<form action=//evil.example><input></form>",
            "<style>body{display:none}</style><p style='position:fixed'>x</p>",
            "<math><mi xlink:href=\"data:x,<script>alert(1)</script>\">",
            "<base href=//evil.example>",
            "<h1>second</h1>",
        ];
        for text in evil {
            let shown = html(text).to_lowercase();
            for banned in [
                "<script",
                "javascript:",
                "data:",
                "onerror",
                "onload",
                "<iframe",
                "<form",
                "<input",
                "style",
                "<svg",
                "<base",
                "<h1",
            ] {
                assert!(!shown.contains(banned), "{text} gives {shown}");
            }
        }
        assert!(!html("![x](https://evil.example/pixel.png)").contains("evil.example"));
        assert!(!html("<img src=\"//evil.example/pixel.png\">").contains("evil.example"));
    }

    #[test]
    fn links_lead_to_neighbours() {
        let rows = [
            ("[a](docs/b.md)", "href=\"/repo?path=/docs/b.md\""),
            ("[a](docs/b.md#c)", "href=\"/repo?path=/docs/b.md#c\""),
            ("![a](b.png)", "src=\"/repo/raw?path=/b.png\""),
            ("[a](https://example.com/)", "href=\"https://example.com/\""),
            ("[a](#c)", "href=\"#c\""),
            ("# a", "<h2>a</h2>"),
            ("- [x] done", "☑ done"),
            ("|a|\n|-|\n|b|", "<td>b</td>"),
        ];
        for (text, expected) in rows {
            assert!(html(text).contains(expected), "{text}: {}", html(text));
        }
        for (folder, to, expected) in [
            ("", "a", "a"),
            ("x/y", "../a", "x/a"),
            ("x", "../../../a", "a"),
            ("x", "/a", "a"),
            ("x", ".", "x"),
        ] {
            assert_eq!(join(folder, to), expected);
        }
    }
}
