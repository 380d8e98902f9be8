//! One file: its lines with anchors, or a word on why they are not shown.

use gix::bstr::ByteSlice as _;
use lfs_wire::Pointer;
use maud::{Markup, html};

use super::parts::size;
use super::source::{Entry, Source, Version};
use super::{Failure, Outcome, colours};
use crate::limits::{FILE_COUNTED_BYTES, FILE_SHOWN_BYTES, FILE_SHOWN_LINES, PIECE_BYTES, README_BYTES};
use crate::operations::content::Blob;
use crate::operations::items::is_binary;
use crate::operations::lfs::files;
use crate::operations::work::Work;

/// Pictures that browsers show, by their names' ends. No SVG: it could hold a script.
const PICTURES: [&str; 5] = ["png", "jpg", "jpeg", "gif", "webp"];

fn extension(path: &str) -> String {
    path.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase()).unwrap_or_default()
}

pub(super) fn show(source: &Source<'_>, version: &Version, path: &str, entry: &Entry) -> Outcome {
    if entry.mode.is_commit() {
        return Err(Failure::absent("This is a submodule: its files are in another repository."));
    }
    let mut blob = source.content(entry.id)?;
    let bytes = blob.size;
    let data = blob.start(FILE_SHOWN_BYTES)?;
    let large = files::pointer(bytes, &data);
    let raw = source.at("raw", version, path);
    let name = path.rsplit('/').next().unwrap_or(path);
    let is_markdown = matches!(extension(path).as_str(), "md" | "markdown");
    let as_source = source.ctx.ask("view") == Some("source");
    let text = Some(data.as_slice()).filter(|data| !is_binary(data));
    let is_long = bytes > FILE_COUNTED_BYTES;
    let lines = match text {
        Some(text) if !is_long => Some(count_lines(&source.work, text, blob)?),
        _ => None,
    };
    let content = match text {
        _ if let Some(pointer) = &large => stored_with_lfs(source, pointer, &raw),
        None if PICTURES.contains(&extension(path).as_str()) => {
            html! { div.picture { img src=(raw) alt={ "The picture " (name) }; } }
        }
        None => notice(&format!("The file is binary: {}.", size(bytes)), &raw),
        Some(_) if is_long => {
            notice(&format!("The file has {}: too much to be shown here.", size(bytes)), &raw)
        }
        Some([]) => html! { p.quiet.pad { "The file is empty." } },
        Some(text) if is_markdown && !as_source && bytes <= README_BYTES => {
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            html! { div.readme { (source.markdown(&text.to_str_lossy(), entry.id, version, folder)) } }
        }
        Some(text) => code(name, text, bytes, lines.unwrap_or_default(), &raw),
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
                        @if let Some(lines) = lines.filter(|_| large.is_none()) { (super::parts::count(lines, "line", "lines")) " · " }
                        @if let Some(pointer) = large { (size(pointer.size)) " · LFS" } @else { (size(bytes)) }
                    }
                }
                (content)
            }
        }
    };
    Ok(source.page(path, "", &body).into())
}

fn notice(why: &str, raw: &str) -> Markup {
    html! { p.quiet.pad { (why) " " a href={ (raw) "&download=true" } { "Download it" } } }
}

/// A word on a file whose content is not in Git.
fn stored_with_lfs(source: &Source<'_>, pointer: &Pointer, raw: &str) -> Markup {
    let Pointer { oid, size: bytes } = pointer;
    let about = format!("The file is stored with LFS: {bytes} bytes.");
    if files::content(source, pointer).is_some() {
        return notice(&about, raw);
    }
    html! { p.quiet.pad { (about) " Nobody has uploaded its content yet, whose id is " code { (oid) } "." } }
}

/// Counts the lines of a file, of which the start has been read.
fn count_lines(work: &Work, start: &[u8], mut rest: Blob) -> Result<usize, Failure> {
    let (mut lines, mut last) = (start.find_iter(b"\n").count(), start.last().copied());
    loop {
        work.check()?;
        let piece = rest.start(PIECE_BYTES)?;
        lines += piece.find_iter(b"\n").count();
        match piece.last() {
            Some(byte) => last = Some(*byte),
            None => return Ok(lines + usize::from(last.is_some_and(|byte| byte != b'\n'))),
        }
    }
}

/// Lines with numbers, each of them an address.
fn code(name: &str, data: &[u8], bytes: u64, all: usize, raw: &str) -> Markup {
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
        @if (part.len() as u64) < bytes {
            p.cut {
                "The first " (lines.len()) " lines are shown, of " (all) ". "
                a href=(raw) { "See all of it" }
            }
        }
    }
}

/// The part of a text that is shown: whole lines, unless one is very long.
fn cut(data: &[u8]) -> &[u8] {
    let lines = data.find_iter(b"\n").nth(FILE_SHOWN_LINES - 1).map_or(data.len(), |end| end + 1);
    let end = lines.min(data.len());
    if end <= FILE_SHOWN_BYTES {
        return &data[..end];
    }
    let part = &data[..FILE_SHOWN_BYTES];
    part.rfind(b"\n").map_or(part, |end| &part[..=end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn much_is_cut_at_a_line() {
        assert_eq!(cut(b"a\nb"), b"a\nb");
        let many = b"x\n".repeat(FILE_SHOWN_LINES + 7);
        assert_eq!(cut(&many).len(), 2 * FILE_SHOWN_LINES);
        let wide = [b"y".repeat(1000), b"\n".to_vec()].concat().repeat(1000);
        assert!(cut(&wide).len() <= FILE_SHOWN_BYTES && cut(&wide).ends_with(b"\n"));
        assert_eq!(cut(&b"z".repeat(2 << 20)).len(), FILE_SHOWN_BYTES);
    }
}
