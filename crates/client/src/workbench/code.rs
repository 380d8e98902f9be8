//! Files of snapshots, and what differs between two of them.

use std::path::{Path, PathBuf};

use azml_core::checkout::listing::Entry;
use azml_core::checkout::{self, listing};
use azml_core::large::Tree;
use azml_core::quote::{quoted, quoted_path, unquoted};
use azml_core::run::RunRecord;
use gix::ObjectId;
use gix::bstr::ByteSlice as _;
use gix::objs::tree::EntryKind;
use maud::{Markup, html};

use super::layout::{self, Page};
use super::page_context::{PageContext, not_found};
use super::reply::{Content, Reply};
use super::request::{Request, encode_path};
use super::{fetching, format};
use crate::error::CommandError;
use crate::limits::{COMPARED_ENTRIES, WORKBENCH_IN_MEMORY};
use crate::ops::compare::code::{Change, Detail, Kind, changes};
use crate::text::size;

/// So many lines of differences are on a page.
const LINES: usize = 1500;
/// So many of one file, where there are several.
const LINES_OF_ONE: usize = 400;
/// Files of a snapshot that are listed.
const FILES: usize = 5000;
/// Larger files are not shown, but can be downloaded.
pub const SHOWN: u64 = 512 * 1024;

/// The differences from the snapshot of another run: the one before, unless the address names one.
pub fn diff_page(context: &PageContext<'_>, request: &Request, id: &str) -> Result<Reply, CommandError> {
    let record = context.run(id)?;
    let listed = context.listed()?;
    let other = match request.query.get("from") {
        Some(from) => Some(context.run(from)?),
        None => listed.around(&record).0,
    };
    let Some(other) = other else { return Err(not_found("There is no run before this one")) };
    let title = format!("Code of {} since {}", format::run_name(&record), format::run_name(&other));
    let here = format::run_path(&record, "/diff");
    let (old, new) = (fetching::tree_of(context, &other)?, fetching::tree_of(context, &record)?);
    let body = html! {
        (crumbs(&record, "code"))
        h1 { (title) }
        @match (old, new) {
            (Some(old), Some(new)) => (differences(context, request, old.id, new.id)?),
            (None, _) => (fetching::fetch(context, &other, &here)),
            (_, None) => (fetching::fetch(context, &record, &here)),
        }
    };
    let page = Page { title: &title, live: false, here: &here };
    Ok(Reply::page(200, layout::page(context, request, &page, &body)?))
}

/// The differences between two trees.
pub fn differences(
    context: &PageContext<'_>,
    request: &Request,
    old: ObjectId,
    new: ObjectId,
) -> Result<Markup, CommandError> {
    let git = context.opened.history.git();
    let Some(mut files) = changes(git, old, new, Detail::ALL, context.interrupt.flag())? else {
        return Ok(too_much());
    };
    if let Some(only) = request.query.get("file") {
        files.retain(|file| file.path == *unquoted(only.as_bytes()));
    }
    Ok(html! { (stat(&files)) (patch(&files)) })
}

/// Stands for what differs between two snapshots that have more of it than is compared.
pub fn too_much() -> Markup {
    html! { p.note { "More than " (format::grouped(COMPARED_ENTRIES)) " files and folders differ: they are not compared here." } }
}

/// The files that differ, with the numbers of their lines.
pub(crate) fn stat(files: &[Change]) -> Markup {
    let (added, removed) = files.iter().fold((0, 0), |sum, file| (sum.0 + file.added, sum.1 + file.removed));
    html! {
        @if files.is_empty() { p.quiet { "The code is the same." } }
        @else {
            p { (format::count(files.len(), "file", "files")) " " (lines(added, removed)) }
            div.scroll tabindex="0" role="region" aria-label="Files that differ" {
                table.stat {
                    thead { tr { th scope="col" { "File" } th scope="col" { "Change" } th.n scope="col" { "Lines" } } }
                    tbody {
                        @for file in files.iter().take(FILES) {
                            tr {
                                th scope="row" { code { (shown_name(file)) } }
                                td { (change_word(file)) }
                                td.n { (lines_of(file)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn shown_name(file: &Change) -> String {
    match &file.old_path {
        Some(old) => format!("{} → {}", quoted(old), quoted(&file.path)),
        None => quoted(&file.path).into_owned(),
    }
}

fn change_word(file: &Change) -> &'static str {
    match file.kind {
        Kind::Added => "added",
        Kind::Removed => "removed",
        Kind::Modified if file.added == 0 && file.removed == 0 && file.opaque.is_none() => "mode",
        Kind::Modified => "changed",
        Kind::Renamed => "renamed",
    }
}

fn lines_of(file: &Change) -> Markup {
    html! {
        @if let Some(why) = file.opaque { span.quiet { (why) } }
        @else { (lines(file.added, file.removed)) }
    }
}

fn lines(added: u64, removed: u64) -> Markup {
    html! {
        @if added > 0 { span.plus { "+" (added) } " " }
        @if removed > 0 { span.minus { "−" (removed) } }
    }
}

/// The lines that differ.
pub(crate) fn patch(files: &[Change]) -> Markup {
    let mut left = LINES;
    let of_one = if files.len() == 1 { LINES } else { LINES_OF_ONE };
    let mut hunks = Vec::new();
    for file in files.iter().filter(|file| !file.hunks.is_empty()) {
        let text = file.hunks.to_str_lossy();
        let lines: Vec<&str> = text.lines().collect();
        let shown = lines.len().min(of_one).min(left);
        left -= shown;
        let more = lines.len() - shown;
        hunks.push((file, lines[..shown].iter().map(|line| (*line).to_owned()).collect::<Vec<_>>(), more));
    }
    html! {
        @for (file, lines, more) in &hunks {
            details.file open {
                summary { code { (shown_name(file)) } " " (lines_of(file)) }
                @if !lines.is_empty() { (block(lines)) }
                @if *more > 0 { p.quiet { (format::count(*more, "more line is", "more lines are")) " not shown." } }
            }
        }
    }
}

/// The lines of a patch; what they begin with tells them apart, and colour only helps.
fn block(lines: &[String]) -> Markup {
    html! {
        pre.diff tabindex="0" {
            @for line in lines {
                @match line.bytes().next() {
                    Some(b'+') => ins { (text(line)) "\n" },
                    Some(b'-') => del { (text(line)) "\n" },
                    Some(b'@') => b { (line) "\n" },
                    _ => { (text(line)) "\n" }
                }
            }
        }
    }
}

/// A line of a file: tabs stay, other control characters are shown.
pub fn text(line: &str) -> String {
    let cut: String = line.chars().take(2000).collect();
    crate::text::clean(&cut)
}

/// The files of a run's snapshot.
pub fn files_page(context: &PageContext<'_>, request: &Request, id: &str) -> Result<Reply, CommandError> {
    let record = context.run(id)?;
    let title = format!("Files of {}", format::run_name(&record));
    let here = format::run_path(&record, "/files");
    let body = match fetching::tree_of(context, &record)? {
        None => fetching::fetch(context, &record, &here),
        Some(tree) => files(context, &record, tree)?,
    };
    let body = html! { (crumbs(&record, "files")) h1 { (title) } (body) };
    let page = Page { title: &title, live: false, here: &here };
    Ok(Reply::page(200, layout::page(context, request, &page, &body)?))
}

fn files(context: &PageContext<'_>, record: &RunRecord, tree: Tree) -> Result<Markup, CommandError> {
    let git = context.opened.history.git();
    let files = listing::list(git, tree)?;
    let mut rows = Vec::new();
    for (path, entry) in files.iter().take(FILES) {
        let bytes = entry.size(git).ok();
        rows.push((PathBuf::from(path.to_path_lossy()), *entry, bytes));
    }
    Ok(html! {
        p.quiet { "The whole folder as it was when the run was submitted: " (format::count(files.len(), "file", "files")) "." }
        div.scroll tabindex="0" role="region" aria-label="Files" {
            table.files {
                thead { tr { th scope="col" { "File" } th scope="col" { "Kind" } th.n scope="col" { "Size" } th scope="col" { "" span.hide { "Download" } } } }
                tbody {
                    @for (path, entry, bytes) in &rows {
                        tr {
                            th scope="row" { a href=(format::run_path(record, &format!("/files/{}", encode_path(path)))) { code { (quoted_path(path)) } } }
                            td { (kind_word(*entry)) }
                            td.n { @if let Some(bytes) = bytes { (size(*bytes)) } }
                            td { a href=(format::run_path(record, &format!("/raw/{}", encode_path(path)))) aria-label={ "Download " (quoted_path(path)) } { "Download" } }
                        }
                    }
                }
            }
        }
        @if files.len() > FILES { p.quiet { "Only the first " (format::grouped(FILES)) " are listed." } }
    })
}

fn kind_word(entry: Entry) -> &'static str {
    match entry.kind {
        _ if entry.is_large => "large file",
        EntryKind::BlobExecutable => "executable",
        EntryKind::Link => "link",
        EntryKind::Commit => "another repository",
        EntryKind::Blob | EntryKind::Tree => "file",
    }
}

/// One file of a snapshot.
pub fn file_page(
    context: &PageContext<'_>,
    request: &Request,
    id: &str,
    path: &Path,
) -> Result<Reply, CommandError> {
    let record = context.run(id)?;
    let (entry, bytes) = find(context, &record, path)?;
    let title = quoted_path(path);
    let here = format::run_path(&record, &format!("/files/{}", encode_path(path)));
    let body = html! {
        nav.crumbs aria-label="Where this is" {
            a href="/" { "Runs" } " / " a href=(format::run_path(&record, "")) { (format::run_name(&record)) }
            " / " a href=(format::run_path(&record, "/files")) { "files" }
        }
        h1 { code { (title) } }
        p { (size(bytes)) ", " a href=(format::run_path(&record, &format!("/raw/{}", encode_path(path)))) { "download" } }
        @if bytes > SHOWN { p.quiet { "It is too large to be shown." } }
        @else {
            (numbered(&shown(context, entry)?))
        }
    };
    let page = Page { title: &title, live: false, here: &here };
    Ok(Reply::page(200, layout::page(context, request, &page, &body)?))
}

/// The content of a file that is small enough to be shown.
fn shown(context: &PageContext<'_>, entry: Entry) -> Result<Vec<u8>, CommandError> {
    let mut content = Vec::new();
    checkout::copy(context.opened.history.git(), entry, &mut content)?;
    Ok(content)
}

/// A file's text with numbered lines, if it is one.
pub fn numbered(data: &[u8]) -> Markup {
    if data[..data.len().min(8000)].contains(&0) {
        return html! { p.quiet { "It is no text." } };
    }
    let whole = String::from_utf8_lossy(data);
    html! {
        pre.code tabindex="0" {
            @for line in whole.lines() { span { (text(line)) } "\n" }
        }
    }
}

/// One file of a snapshot, to be kept.
pub fn download(context: &PageContext<'_>, id: &str, path: &Path) -> Result<Reply, CommandError> {
    let record = context.run(id)?;
    let (entry, bytes) = find(context, &record, path)?;
    let history = &context.opened.history;
    let name = path.file_name().unwrap_or(path.as_os_str());
    if bytes <= WORKBENCH_IN_MEMORY {
        return Ok(Reply::download(name, Content::Bytes(shown(context, entry)?)));
    }
    if let Some(pointer) = entry.pointer(history.git())? {
        let file = history.large_files().open(&pointer).map_err(|_| not_here(path))?;
        return Ok(Reply::download(name, Content::File(file, bytes)));
    }
    let scratch = history.workspace()?;
    let mut file = tempfile::tempfile_in(scratch.path()).map_err(CommandError::failed)?;
    checkout::copy(history.git(), entry, &mut file)?;
    std::io::Seek::rewind(&mut file).map_err(CommandError::failed)?;
    Ok(Reply::download(name, Content::File(file, bytes)))
}

/// The content at a path of a run's snapshot, and its size.
fn find(context: &PageContext<'_>, record: &RunRecord, path: &Path) -> Result<(Entry, u64), CommandError> {
    let missing = || not_found(format!("The snapshot has no file `{}`", quoted_path(path)));
    let git = context.opened.history.git();
    let tree = fetching::tree_of(context, record)?.ok_or_else(missing)?;
    let whole = tree;
    let tree = git.find_tree(whole.id).map_err(CommandError::failed)?;
    let entry = tree.lookup_entry_by_path(path).map_err(CommandError::failed)?.ok_or_else(missing)?;
    if !entry.mode().is_blob_or_symlink() {
        return Err(missing());
    }
    let entry = Entry::of(git, whole, entry.mode().kind(), entry.object_id())?;
    Ok((entry, entry.size(git)?))
}

/// The answer where a large file's bytes are elsewhere.
fn not_here(path: &Path) -> CommandError {
    not_found(format!("The bytes of the large file `{}` are not on this computer", quoted_path(path)))
}

fn crumbs(record: &RunRecord, below: &str) -> Markup {
    html! {
        nav.crumbs aria-label="Where this is" {
            a href="/" { "Runs" } " / " a href=(format::run_path(record, "")) { (format::run_name(record)) } " / " (below)
        }
    }
}
