//! A repository's files: a folder with its README, or one file. An empty repository gets its own page.

use std::collections::HashMap;
use std::time::Instant;

use git_wire::history::{Error, PathQuery};
use gix::ObjectId;
use gix::bstr::{BString, ByteSlice as _};
use maud::{Markup, html};

use super::failure::Failure;
use super::parts::{ago, copy_field, quiet_head};
use super::source::{Entry, Source, Version, history_of};
use super::{Outcome, blob, empty, names};
use crate::limits::{FOLDER_ENTRIES, LAST_CHANGES_TIME, README_BYTES};
use crate::operations::commits::CommitInfo;
use crate::operations::items::is_binary;
use crate::operations::objects;

pub(super) fn show(source: &Source<'_>) -> Outcome {
    let Some(version) = source.version(&["version"])? else { return Ok(empty::show(source)) };
    let path = source.asked_path();
    let entry = source.entry(version.commit, &path)?;
    let entry = entry.ok_or_else(|| Failure::absent("There is no such file or folder in this version."))?;
    if entry.mode.is_tree() {
        folder(source, &version, &path, &entry)
    } else {
        blob::show(source, &version, &path, &entry)
    }
}

fn folder(source: &Source<'_>, version: &Version, path: &str, entry: &Entry) -> Outcome {
    let mut entries = source.entries(entry.id)?;
    entries.sort_by_cached_key(|entry| (!entry.mode.is_tree(), entry.name.to_lowercase()));
    let total = entries.len();
    entries.truncate(FOLDER_ENTRIES);
    let changes = last_changes(source, version.commit, path, &entries)?;
    let readme = readme(source, version, path, &entries)?;
    let title = if path.is_empty() { source.repo.name.as_str() } else { path };
    let head = CommitInfo::read(&source.repository, version.commit)?;
    let below = |entry: &Entry| {
        let name = names::text(entry.name.as_bstr());
        if path.is_empty() { name.into_owned() } else { format!("{path}/{name}") }
    };
    let body = html! {
        div.page {
            div.head {
                h1.sr { "Files of " (title) }
                (source.picker(version, |other| source.at("", other, path))?)
                (source.trail(version, path, ""))
                div.actions {
                    a.button.plain href=(source.at("commits", version, path)) { "History" }
                    a.button.plain href=(source.at("archive", version, path)) { "Download ZIP" }
                    (clone_box(source))
                }
            }
            @if history_of(&version.name).is_some() {
                p.note {
                    "This branch is a run history: each commit is a snapshot of the project's folder before a run. "
                    a href=(source.at("commits", version, "")) { "See its snapshots" }
                }
            }
            div.latest {
                (super::parts::avatar(&head.author.name))
                span { strong { bdi { (head.author.name) } } " " a href=(source.commit_path(head.id)) { bdi { (head.subject()) } } }
                span.quiet { (ago(source.ctx.now, head.author.time)) " · " code { (super::source::short(head.id)) } }
            }
            div.wide { table.files {
                (quiet_head(&["Name", "Last commit", "When"]))
                tbody {
                    @if !path.is_empty() {
                        @let above = path.rsplit_once('/').map_or("", |(above, _)| above);
                        tr { th scope="row" { a.dir href=(source.at("", version, above)) aria-label="Parent folder" { ".." } } td {} td {} }
                    }
                    @for entry in &entries {
                        tr {
                            th scope="row" {
                                @if entry.mode.is_commit() {
                                    span.sub { bdi { (names::text(entry.name.as_bstr())) } } span.quiet { " @ " code { (super::source::short(entry.id)) } }
                                } @else {
                                    a.dir[entry.mode.is_tree()].link[entry.mode.is_link()] href=(source.at("", version, &below(entry))) {
                                        bdi { (names::text(entry.name.as_bstr())) }
                                    }
                                }
                            }
                            @match changes.get(&entry.name) {
                                Some(info) => {
                                    td.msg { a href=(source.commit_path(info.id)) { bdi { (info.subject()) } } }
                                    td.when { (ago(source.ctx.now, info.author.time)) }
                                }
                                None => { td {} td {} }
                            }
                        }
                    }
                }
            } }
            @if total > entries.len() {
                p.cut { "Only the first " (entries.len()) " of " (total) " entries are shown." }
            }
            @if let Some((name, readme)) = readme {
                section.readme aria-label=(name) {
                    div.title { (name) }
                    (readme)
                }
            }
        }
    };
    Ok(source.page(title, "", &body).into())
}

/// The addresses for Git clients, behind a button.
pub(super) fn clone_box(source: &Source<'_>) -> Markup {
    let (account, project, repo) = (&source.account.name, &source.project.name, &source.repo.name);
    html! {
        details.menu.clone {
            summary.button { "Clone" }
            div {
                (copy_field("clone-http", "HTTPS or HTTP", &source.ctx.clone_url(account, project, repo)))
                @if let Some(url) = source.ctx.ssh_url(account, project, repo) { (copy_field("clone-ssh", "SSH", &url)) }
                p.hint {
                    "Git asks for a user name and a password: take a "
                    a href=(super::security::TOKENS) { "personal access token" } " for the password. SSH takes your "
                    a href="/_details/security/keys" { "public key" } "."
                }
            }
        }
    }
}

/// The newest commits that changed the entries, as far as they are found soon.
fn last_changes(
    source: &Source<'_>,
    tip: ObjectId,
    path: &str,
    entries: &[Entry],
) -> Result<HashMap<BString, CommitInfo>, Failure> {
    let begun = Instant::now();
    let may_go_on = || source.work.check().is_ok() && begun.elapsed() <= LAST_CHANGES_TIME;
    let folder = PathQuery::new(names::bytes(path).as_bstr());
    let all: Vec<BString> = entries.iter().map(|entry| entry.name.clone()).collect();
    let mut found: Vec<(usize, ObjectId)> = Vec::new();
    let mut history = source.history(&may_go_on);
    match history.latest_changes(tip, folder.as_ref(), &all, |number, id| found.push((number, id))) {
        // What was found by then is shown.
        Err(Error::Ended) if source.work.check().is_ok() => {}
        outcome => outcome.map_err(|error| source.work.history_error(error))?,
    }
    source.ctx.app.wants_graph(&source.repo, &history);
    let mut info: HashMap<ObjectId, CommitInfo> = HashMap::new();
    let mut changes = HashMap::new();
    for (number, id) in found {
        let one = match info.get(&id) {
            Some(known) => known.clone(),
            None => CommitInfo::read(&source.repository, id)?,
        };
        info.insert(id, one.clone());
        changes.insert(all[number].clone(), one);
    }
    Ok(changes)
}

/// The folder's README, as it is to be read.
fn readme(
    source: &Source<'_>,
    version: &Version,
    path: &str,
    entries: &[Entry],
) -> Result<Option<(String, Markup)>, Failure> {
    let rank = |entry: &&Entry| match entry.name.to_ascii_lowercase().as_slice() {
        b"readme.md" | b"readme.markdown" => Some(0),
        b"readme.txt" | b"readme" => Some(1),
        _ => None,
    };
    let best = entries.iter().filter(|entry| entry.mode.is_blob() && rank(entry).is_some()).min_by_key(rank);
    let Some(entry) = best else { return Ok(None) };
    let data = objects::data_within(&source.repository, entry.id, README_BYTES)?;
    let Some(data) = data.filter(|data| !is_binary(data)) else { return Ok(None) };
    let text = data.to_str_lossy();
    let shown = if rank(&entry) == Some(0) {
        source.markdown(&text, entry.id, version, path)
    } else {
        html! { pre.text { (text) } }
    };
    Ok(Some((entry.name.to_string(), shown)))
}
