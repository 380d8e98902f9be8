//! Markdown as HTML that does no harm: parsed, its links led to where the file's neighbours are, and cleaned.

mod kept;
mod nesting;

use std::borrow::Cow;
use std::collections::HashSet;
use std::time::Instant;

use ammonia::{Builder, UrlRelative};
use maud::{Markup, PreEscaped, html};
use pulldown_cmark::{CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use crate::limits::{
    MARKDOWN_DEPTH, MARKDOWN_ELEMENTS, MARKDOWN_KEPT_BYTES, MARKDOWN_LINK_BYTES, MARKDOWN_TIME,
};
use kept::Kept;
pub(super) use kept::Key;

static KEPT: Kept = Kept::new(MARKDOWN_KEPT_BYTES);

/// The bound that a text met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum TooMuch {
    #[error("it is nested more than {MARKDOWN_DEPTH} levels deep")]
    Nested,
    #[error("it makes more than {MARKDOWN_ELEMENTS} elements")]
    Elements,
    #[error("its links have more than {} MiB", MARKDOWN_LINK_BYTES >> 20)]
    Links,
    #[error("rendering it takes more than {} seconds", MARKDOWN_TIME.as_secs())]
    Time,
}

/// The blob that a text would be, which stands for a text that is in no repository.
pub(super) fn blob_of(text: &str) -> Option<gix::ObjectId> {
    gix::objs::compute_hash(gix::hash::Kind::Sha1, gix::objs::Kind::Blob, text.as_bytes()).ok()
}

/// Renders a text, or shows it as it is with a line that says why. `address` gives the address of a file of the
/// repository, to look at or, for pictures, as it is; `key` stands for the text and all addresses.
pub(super) fn render(text: &str, key: Key, address: &dyn Fn(&str, bool) -> String) -> Markup {
    if let Some(html) = KEPT.get(&key) {
        return PreEscaped(html.to_string());
    }
    match html_of(text, address) {
        Ok(html) => {
            KEPT.put(key, html.as_str().into());
            PreEscaped(html)
        }
        Err(too_much) => as_source(text, too_much),
    }
}

/// HTML that somebody wrote, without what does harm; or its source, with a line that says why.
pub(super) fn harmless(html: &str) -> Markup {
    match nesting::check_html(html) {
        Ok(()) => PreEscaped(clean(html)),
        Err(too_much) => as_source(html, too_much),
    }
}

fn as_source(text: &str, too_much: TooMuch) -> Markup {
    html! {
        p.note { "This text is shown as its source: " (too_much) "." }
        pre.text { (text) }
    }
}

fn html_of(text: &str, address: &dyn Fn(&str, bool) -> String) -> Result<String, TooMuch> {
    nesting::check_text(text)?;
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_TASKLISTS;
    let begun = Instant::now();
    let (mut depth, mut link_bytes, mut elements, mut ended) = (0_usize, 0, 0, None);
    let mut lead = |to, is_image| {
        let to = lead(to, is_image, address);
        link_bytes += to.len();
        (to, link_bytes)
    };
    let events = Parser::new_ext(text, options).map_while(|event| {
        match &event {
            Event::Start(_) => (depth, elements) = (depth + 1, elements + 1),
            Event::End(_) => depth = depth.saturating_sub(1),
            _ => {}
        }
        let mut links = 0;
        let event = match event {
            // The page has a heading of the first level already.
            Event::Start(Tag::Heading { level, id, classes, attrs }) => {
                Event::Start(Tag::Heading { level: below(level), id, classes, attrs })
            }
            Event::End(TagEnd::Heading(level)) => Event::End(TagEnd::Heading(below(level))),
            Event::Start(Tag::Link { link_type, dest_url, title, id }) => {
                let (dest_url, bytes) = lead(dest_url, false);
                links = bytes;
                Event::Start(Tag::Link { link_type, dest_url, title, id })
            }
            Event::Start(Tag::Image { link_type, dest_url, title, id }) => {
                let (dest_url, bytes) = lead(dest_url, true);
                links = bytes;
                Event::Start(Tag::Image { link_type, dest_url, title, id })
            }
            Event::TaskListMarker(is_done) => Event::Text(if is_done { "☑ " } else { "☐ " }.into()),
            other => other,
        };
        let met = [
            (depth > MARKDOWN_DEPTH, TooMuch::Nested),
            (elements > MARKDOWN_ELEMENTS, TooMuch::Elements),
            (links > MARKDOWN_LINK_BYTES, TooMuch::Links),
            (elements % 256 == 0 && begun.elapsed() > MARKDOWN_TIME, TooMuch::Time),
        ];
        ended = met.into_iter().find(|(is_met, _)| *is_met).map(|(_, bound)| bound);
        ended.is_none().then_some(event)
    });
    let mut unsafe_html = String::with_capacity(text.len() * 2);
    pulldown_cmark::html::push_html(&mut unsafe_html, events);
    if let Some(bound) = ended {
        return Err(bound);
    }
    nesting::check_html(&unsafe_html)?;
    Ok(clean(&unsafe_html))
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
    use proptest::prelude::*;

    use super::*;

    fn html(text: &str) -> String {
        html_of(text, &|path, is_image| format!("/repo{}?path=/{path}", if is_image { "/raw" } else { "" }))
            .expect("it is small")
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

    #[test]
    fn a_text_over_a_bound_is_shown_as_its_source() {
        let key = |n| Key { blob: gix::ObjectId::Sha1([n; 20]), base: "/bounds".to_owned() };
        let shown = |text: &str, n| render(text, key(n), &|path, _| path.to_owned()).into_string();
        for (n, text) in [(1, ">".repeat(200)), (2, "<div>".repeat(200)), (3, "*a **a ".repeat(60))] {
            let html = shown(&text, n);
            if n < 3 {
                assert!(html.contains("nested more than 100 levels") && html.contains("<pre"), "{html}");
            } else {
                assert!(html.contains("<p>"), "{html}");
            }
        }
        let list: String = (0..120).map(|n| " ".repeat(n * 2) + "- a\n").collect();
        assert!(shown(&list, 4).contains("nested more than 100 levels"));
        let links = format!("[a](b/{})", "c".repeat(2_000)).repeat(5_000);
        assert!(shown(&links, 5).contains("its links have more than 8 MiB"), "many long links");
        assert!(shown("# kept", 6).contains("<h2>"));
        assert!(KEPT.get(&key(6)).is_some() && KEPT.get(&key(1)).is_none());
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

        /// Whatever is thrown together: no panic, and nothing deep or harmful comes out.
        #[test]
        fn random_shapes_come_out_clean(parts in prop::collection::vec((any::<prop::sample::Index>(), 1..40_usize), 0..12)) {
            const SHAPES: [&str; 40] = [
                ">", "> ", "[", "]", "(", ")", "![a](b)", "[a][b]", "[b]: c\n", "`", "```\n", "|a|\n|-|\n", "|b", "[^a]",
                "[^a]: b\n", "- ", "1. ", "  - a\n", "<!--", "-->", "<div>", "</div>", "<p>", "<b id=x>", "</b>", "<svg>",
                "<table><td>", "<script>", "<a href=javascript:x>", "*a", "**", "_", "~~", "&amp;", "&#0;", "\\", "\n", "\n\n",
                "# a\n", "\u{202e}é",
            ];
            let text: String = parts.iter().map(|(shape, count)| shape.get(&SHAPES).repeat(*count)).collect();
            if let Ok(html) = html_of(&text, &|path, _| format!("/x?path=/{path}")) {
                prop_assert_eq!(nesting::check_html(&html), Ok(()));
                let html = html.to_lowercase();
                prop_assert!(!html.contains("<script") && !html.contains("href=\"javascript:"), "{}", html);
            }
        }
    }
}
