//! Finds the page of an address.

use gix::bstr::ByteSlice as _;

use super::page_context::{PageContext, not_found};
use super::reply::Reply;
use super::request::{Method, Request, file};
use super::{actions, code, compare, detail, elsewhere, list, log, outputs, plots, restoring};
use crate::error::CommandError;

/// Makes the page, or does what its form asks for.
pub fn answer(context: &PageContext<'_>, request: &Request) -> Result<Reply, CommandError> {
    use Method::{Get, Post};
    let parts: Vec<&[u8]> = request.path.iter().map(|part| part.as_slice()).collect();
    match (request.method, parts.as_slice()) {
        (Get, []) => list::page(context, request),
        (Get, [b"compare"]) => compare::page(context, request),
        (Get, [b"targets"]) => {
            elsewhere::look_beside(context)?;
            elsewhere::page(context, request)
        }
        (Get, [b"charts"]) => plots::page(context, request),
        (Get, [b"undo"]) => restoring::undo_preview(context, request),
        (Post, [b"undo"]) => restoring::undo(context, request),
        (Post, [b"sync"]) => Ok(actions::sync(context, request)),
        (Get, [b"runs", id]) => detail::page(context, request, text(id)?),
        (Get, [b"runs", id, b"restore"]) => restoring::preview(context, request, text(id)?),
        (Post, [b"runs", id, b"restore"]) => restoring::restore(context, request, text(id)?),
        (Post, [b"runs", id, b"cancel"]) => actions::cancel(context, text(id)?),
        (Post, [b"runs", id, b"fetch"]) => actions::fetch(context, request, text(id)?),
        (Get, [b"runs", id, b"diff"]) => code::diff_page(context, request, text(id)?),
        (Get, [b"runs", id, b"files"]) => code::files_page(context, request, text(id)?),
        (Get, [b"runs", id, b"files", path @ ..]) => {
            code::file_page(context, request, text(id)?, &file(path))
        }
        (Get, [b"runs", id, b"raw", path @ ..]) => code::download(context, text(id)?, &file(path)),
        (Get, [b"runs", id, b"outputs", path @ ..]) => {
            outputs::file_page(context, request, text(id)?, &file(path))
        }
        (Get, [b"runs", id, b"download", path @ ..]) => outputs::download(context, text(id)?, &file(path)),
        (Get, [b"runs", id, b"picture", path @ ..]) => outputs::picture(context, text(id)?, &file(path)),
        (Get, [b"runs", id, b"log", path @ ..]) => log::follow(context, request, text(id)?, &file(path)),
        _ => Err(not_found("There is no such page")),
    }
}

/// A run's id, which is text.
fn text(part: &[u8]) -> Result<&str, CommandError> {
    part.to_str().map_err(|_| not_found("There is no such run"))
}
