//! Which page an address is.

use super::desk::{Desk, not_found};
use super::reply::Reply;
use super::request::{Method, Request};
use super::{actions, code, compare, detail, list, log, outputs, restoring};
use crate::error::CommandError;

/// Makes the page, or does what its form asks for.
pub fn answer(desk: &Desk<'_>, request: &Request) -> Result<Reply, CommandError> {
    use Method::{Get, Post};
    let parts: Vec<&str> = request.path.iter().map(String::as_str).collect();
    match (request.method, parts.as_slice()) {
        (Get, []) => list::page(desk, request),
        (Get, ["compare"]) => compare::page(desk, request),
        (Get, ["undo"]) => restoring::undo_preview(desk, request),
        (Post, ["undo"]) => restoring::undo(desk, request),
        (Post, ["sync"]) => actions::sync(desk, request),
        (Get, ["runs", id]) => detail::page(desk, request, id),
        (Get, ["runs", id, "restore"]) => restoring::preview(desk, request, id),
        (Post, ["runs", id, "restore"]) => restoring::restore(desk, request, id),
        (Post, ["runs", id, "cancel"]) => actions::cancel(desk, id),
        (Post, ["runs", id, "fetch"]) => actions::fetch(desk, request, id),
        (Get, ["runs", id, "diff"]) => code::diff_page(desk, request, id),
        (Get, ["runs", id, "files"]) => code::files_page(desk, request, id),
        (Get, ["runs", id, "files", path @ ..]) => code::file_page(desk, request, id, &path.join("/")),
        (Get, ["runs", id, "raw", path @ ..]) => code::download(desk, id, &path.join("/")),
        (Get, ["runs", id, "outputs", path @ ..]) => outputs::file_page(desk, request, id, &path.join("/")),
        (Get, ["runs", id, "download", path @ ..]) => outputs::download(desk, id, &path.join("/")),
        (Get, ["runs", id, "picture", path @ ..]) => outputs::picture(desk, id, &path.join("/")),
        (Get, ["runs", id, "log", path @ ..]) => log::follow(desk, request, id, &path.join("/")),
        _ => Err(not_found("There is no such page")),
    }
}
