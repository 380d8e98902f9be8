//! One file: its lines with anchors, or a word on why they are not shown.

use gix::bstr::ByteSlice as _;
use maud::{Markup, html};

use super::parts::size;
use super::source::{Entry, Source, Version};
use super::{Failure, Outcome, colours};
use crate::limits::README_BYTES;

/// Bytes, and lines, of a file that are shown.
const MOST_BYTES: usize = 512 * 1024;
const MOST_LINES: usize = 5_000;
/// Bytes of a file that is read at all to be shown.
const LARGEST: u64 = 32 << 20;
/// Pictures that browsers show, by their names' ends. No SVG: it could hold a script.
const PICTURES: [&str; 5] = ["png", "jpg", "jpeg", "gif", "webp"];

/// Whether Git would call it binary.
pub(super) fn is_binary(data: &[u8]) -> bool {
    data.iter().take(8_000).any(|byte| *byte == 0)
}

fn extension(path: &str) -> String {
    path.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase()).unwrap_or_default()
}

pub(super) fn show(source: &Source<'_>, version: &Version, path: &str, entry: &Entry) -> Outcome {
    if entry.mode.is_commit() {
        return Err(Failure::absent("This is a submodule: its files are in another repository."));
    }
    let bytes = source.repository.find_header(entry.id)?.size();
    let data = if bytes > LARGEST {
        None
    } else {
        Some(std::mem::take(&mut source.repository.find_object(entry.id)?.data))
    };
    let raw = source.at("raw", version, path);
    let name = path.rsplit('/').next().unwrap_or(path);
    let is_markdown = matches!(extension(path).as_str(), "md" | "markdown");
    let as_source = source.visit.ask("view") == Some("source");
    let text = data.as_deref().filter(|data| !is_binary(data));
    let lines = text.map(|text| text.lines().count());
    let content = match (&data, text) {
        (None, _) => told(&format!("The file has {}: too much to be shown here.", size(bytes)), &raw),
        (Some(_), None) if PICTURES.contains(&extension(path).as_str()) => {
            html! { div.picture { img src=(raw) alt={ "The picture " (name) }; } }
        }
        (Some(_), None) => told(&format!("The file is binary: {}.", size(bytes)), &raw),
        (Some(_), Some([])) => html! { p.quiet.pad { "The file is empty." } },
        (Some(_), Some(text)) if is_markdown && !as_source && text.len() as u64 <= README_BYTES => {
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            html! { div.readme { (source.markdown(&text.to_str_lossy(), entry.id, version, folder)) } }
        }
        (Some(_), Some(text)) => code(name, text, &raw),
    };
    let body = html! {
        div.page {
            div.head {
                h1.sr { "File " (path) }
                (source.picker(version, |other| source.at("", other, path))?)
                (source.trail(version, path, ""))
                div.actions {
                    @if is_markdown && text.is_some() {
                        @let here = source.at("", version, path);
                        @if as_source { a.button.plain href=(here) { "Preview" } }
                        @else { a.button.plain href={ (here) "&view=source" } { "Source" } }
                    }
                    a.button.plain href=(source.at("commits", version, path)) { "History" }
                    a.button.plain href=(raw) { "Raw" }
                    a.button.plain href={ (raw) "&download=true" } download=(name) { "Download" }
                }
            }
            section.file aria-label=(name) {
                div.title {
                    span { bdi { (name) } }
                    span.quiet {
                        @if entry.mode.is_executable() { "executable · " }
                        @if entry.mode.is_link() { "symbolic link · " }
                        @if let Some(lines) = lines { (super::parts::count(lines, "line", "lines")) " · " }
                        (size(bytes))
                    }
                }
                (content)
            }
        }
    };
    Ok(source.page(path, "", &body).into())
}

fn told(why: &str, raw: &str) -> Markup {
    html! { p.quiet.pad { (why) " " a href={ (raw) "&download=true" } { "Download it" } } }
}

/// Lines with numbers, each of them an address.
fn code(name: &str, data: &[u8], raw: &str) -> Markup {
    let part = cut(data);
    let text = part.to_str_lossy();
    let lines = colours::lines(name, &text);
    html! {
        div.code {
            @for (position, line) in lines.iter().enumerate() {
                @let number = position + 1;
                a id={ "L" (number) } href={ "#L" (number) } { (number) }
                code { (line) }
            }
        }
        @if part.len() < data.len() {
            p.cut {
                "The first " (lines.len()) " lines are shown, of " (data.lines().count()) ". "
                a href=(raw) { "See all of it" }
            }
        }
    }
}

/// The part of a text that is shown: whole lines, unless one is very long.
fn cut(data: &[u8]) -> &[u8] {
    let lines = data.find_iter(b"\n").nth(MOST_LINES - 1).map_or(data.len(), |end| end + 1);
    let end = lines.min(data.len());
    if end <= MOST_BYTES {
        return &data[..end];
    }
    let part = &data[..MOST_BYTES];
    part.rfind(b"\n").map_or(part, |end| &part[..=end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn much_is_cut_at_a_line() {
        assert_eq!(cut(b"a\nb"), b"a\nb");
        let many = b"x\n".repeat(MOST_LINES + 7);
        assert_eq!(cut(&many).len(), 2 * MOST_LINES);
        let wide = [b"y".repeat(1000), b"\n".to_vec()].concat().repeat(1000);
        assert!(cut(&wide).len() <= MOST_BYTES && cut(&wide).ends_with(b"\n"));
        assert_eq!(cut(&b"z".repeat(2 << 20)).len(), MOST_BYTES);
    }
}
