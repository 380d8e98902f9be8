//! The files that a run left: a list, each to view or to download.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use azml_core::large::Pointer;
use azml_core::quote::{quoted_path, unquoted_path};
use azml_core::run::RunRecord;
use maud::{Markup, html};

use super::code::{SHOWN, numbered};
use super::format;
use super::layout::{self, Page};
use super::log::attachments;
use super::page_context::{PageContext, not_found};
use super::reply::{Content, Reply, picture_kind};
use super::request::{Request, encode_path};
use crate::error::CommandError;
use crate::run::upload;
use crate::text::size;

/// So many files are listed.
const FILES: usize = 500;

/// The section of a run's page.
pub fn section(context: &PageContext<'_>, record: &RunRecord) -> Result<Markup, CommandError> {
    let attachments = attachments(context, record);
    let files =
        attachments.files().map_err(|error| CommandError::file("read", attachments.folder(), error))?;
    let is_here = |path: &Path| files.iter().any(|(here, _)| here == path);
    let missing: Vec<PathBuf> =
        record.attachments.iter().map(|text| unquoted_path(text)).filter(|path| !is_here(path)).collect();
    let large = record.large_attachments();
    let can_fetch = !missing.is_empty()
        && (files.is_empty() || missing.iter().any(|path| large.contains_key(path)))
        && record.attachments_id().is_some();
    let link = |kind: &str, path: &Path| format::run_path(record, &format!("/{kind}/{}", encode_path(path)));
    Ok(html! {
        @if files.is_empty() && missing.is_empty() { p.quiet { "Nothing yet." } }
        @if !files.is_empty() {
            div.scroll tabindex="0" role="region" aria-label="Outputs and logs" {
                table.files {
                    thead { tr { th scope="col" { "File" } th.n scope="col" { "Size" } th scope="col" { span.hide { "Download" } } } }
                    tbody {
                        @for (path, bytes) in files.iter().take(FILES) {
                            tr {
                                th scope="row" { a href=(link("outputs", path)) { code { (quoted_path(path)) } } }
                                td.n { (size(*bytes)) }
                                td { a href=(link("download", path)) aria-label={ "Download " (quoted_path(path)) } { "Download" } }
                            }
                        }
                    }
                }
            }
        }
        @if files.len() > FILES { p.quiet { "Only the first " (FILES) " of " (format::grouped(files.len())) " are listed." } }
        @if !large.is_empty() {
            @let (all, here) = (sum(&large, &|_| true), sum(&large, &is_here));
            p.quiet { "Large files: " (size(all)) ", of which " (size(here)) " are on this computer." }
        }
        @if can_fetch {
            p { (format::count(missing.len(), "file", "files")) " of this run can be fetched from the remote." }
            form method="post" action=(format::run_path(record, "/fetch")) {
                (layout::hidden(context, &format::run_path(record, "")))
                input type="hidden" name="what" value="outputs";
                button { "Fetch outputs and logs" }
            }
        } @else {
            @for path in missing.iter().take(20) {
                p.quiet { code { (quoted_path(path)) } " is missing"
                    @if let Some(why) = upload::why_missing(record, path) { ": " (format::line(&why)) } "." }
            }
        }
    })
}

/// The bytes of the large files whose paths are meant.
fn sum(large: &BTreeMap<PathBuf, Pointer>, is_meant: &dyn Fn(&Path) -> bool) -> u64 {
    large.iter().filter(|(path, _)| is_meant(path)).map(|(_, pointer)| pointer.size).sum()
}

/// A file on a page of its own.
pub fn file_page(
    context: &PageContext<'_>,
    request: &Request,
    id: &str,
    path: &Path,
) -> Result<Reply, CommandError> {
    let record = context.run(id)?;
    let (mut file, length) = open(context, &record, path)?;
    let link = |kind: &str| format::run_path(&record, &format!("/{kind}/{}", encode_path(path)));
    let mut start = Vec::new();
    (&mut file).take(SHOWN).read_to_end(&mut start).map_err(CommandError::failed)?;
    let title = quoted_path(path);
    let body = html! {
        nav.crumbs aria-label="Where this is" {
            a href="/" { "Runs" } " / " a href=(format::run_path(&record, "")) { (format::run_name(&record)) } " / outputs"
        }
        h1 { code { (title) } }
        p { (size(length)) ", " a href=(link("download")) { "download" } }
        @if picture_kind(&start).is_some() {
            img.output src=(link("picture")) alt={ "The picture " (title) };
        } @else {
            (numbered(&start))
            @if length > SHOWN { p.quiet { "It is too large to be shown whole." } }
        }
    };
    let here = link("outputs");
    let page = Page { title: &title, live: false, here: &here };
    Ok(Reply::page(200, layout::page(context, request, &page, &body)?))
}

/// A file, to be kept.
pub fn download(context: &PageContext<'_>, id: &str, path: &Path) -> Result<Reply, CommandError> {
    let record = context.run(id)?;
    let (file, length) = open(context, &record, path)?;
    let name = path.file_name().unwrap_or(path.as_os_str());
    Ok(Reply::download(name, Content::File(file, length)))
}

/// A file that is a picture.
pub fn picture(context: &PageContext<'_>, id: &str, path: &Path) -> Result<Reply, CommandError> {
    let record = context.run(id)?;
    let (mut file, length) = open(context, &record, path)?;
    let mut head = Vec::new();
    (&mut file).take(16).read_to_end(&mut head).map_err(CommandError::failed)?;
    let kind =
        picture_kind(&head).ok_or_else(|| not_found(format!("`{}` is no picture", quoted_path(path))))?;
    std::io::Seek::rewind(&mut file).map_err(CommandError::failed)?;
    Ok(Reply::picture(kind, Content::File(file, length)))
}

fn open(
    context: &PageContext<'_>,
    record: &RunRecord,
    path: &Path,
) -> Result<(std::fs::File, u64), CommandError> {
    let attachments = attachments(context, record);
    let failed = |error| CommandError::file("read", attachments.folder(), error);
    let file = attachments.open(path).map_err(failed)?;
    let missing = || not_found(format!("Run {} has no file `{}` here", record.run_id, quoted_path(path)));
    let file = file.ok_or_else(missing)?;
    let length = file.metadata().map_err(failed)?.len();
    Ok((file, length))
}
