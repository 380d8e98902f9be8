//! *Restore Project Snapshot*: first a page that shows what would change, then the change, then the way back.

use azml_core::history::HistoryRepo;
use azml_core::quote::quoted;
use azml_core::restore::{Done, Plan};
use azml_core::run::RunRecord;
use maud::{Markup, html};

use super::actions::failed;
use super::code;
use super::fetching::{fetch, tree_of};
use super::flash::Flash;
use super::format;
use super::layout::{self, Page};
use super::page_context::{PageContext, not_found};
use super::reply::Reply;
use super::request::Request;
use crate::error::CommandError;
use crate::ops::compare::code::{Detail, changes};
use crate::ops::restore;

/// So many changed files are listed.
const LISTED: usize = 500;

/// Previews the restore of a run's snapshot.
pub fn preview(context: &PageContext<'_>, request: &Request, id: &str) -> Result<Reply, CommandError> {
    let record = context.run(id)?;
    let title = format!("Restore the snapshot of {}", format::run_name(&record));
    let path = format::run_path(&record, "/restore");
    let Some(tree) = tree_of(context, &record)? else {
        let body = html! { (crumbs(&record)) h1 { (title) } (fetch(context, &record, &path)) };
        let page = Page { title: &title, live: false, here: &path };
        return Ok(Reply::page(200, layout::page(context, request, &page, &body)?));
    };
    let (asked, plan) = restore::plan(&context.opened, tree)?;
    let body = html! {
        (crumbs(&record))
        h1 { (title) }
        p {
            "The project folder becomes what it was when the run was submitted, " (format::moment(record.created_utc, &context.ctx.env.zone()))
            ". Ignored files, " code { ".git" } ", your branches and your index stay as they are. What is overwritten or removed is \
             kept first, and Undo brings it back."
        }
        @if plan.is_empty() {
            p.note { "The folder already is this snapshot: there is nothing to do." }
            p { a.button href=(format::run_path(&record, "")) { "Back to the run" } }
        } @else {
            (obstacles(&plan))
            form.confirm method="post" action=(path) {
                (layout::hidden(context, &path))
                input type="hidden" name="plan" value=(fingerprint(&plan));
                @if !plan.in_the_way.is_empty() {
                    label { input type="checkbox" name="force" value="1" required; " Back up and replace these, too" }
                }
                button.primary { "Restore Project Snapshot" }
                " " a.button href=(format::run_path(&record, "")) { "Leave everything as it is" }
            }
            (planned(context, (&asked, &plan), ("The folder now", "The snapshot"))?)
        }
    };
    let page = Page { title: &title, live: false, here: &path };
    Ok(Reply::page(200, layout::page(context, request, &page, &body)?))
}

/// Does it, if the folder is still what the page showed.
pub fn restore(context: &PageContext<'_>, request: &Request, id: &str) -> Result<Reply, CommandError> {
    let record = context.run(id)?;
    let path = format::run_path(&record, "/restore");
    let tree = tree_of(context, &record)?.ok_or_else(|| not_found("The snapshot is not on this computer"))?;
    let (_, plan) = restore::plan(&context.opened, tree)?;
    if request.form.get("plan") != Some(fingerprint(&plan).as_str()) {
        let mut flash = Flash::done("Nothing was changed: the folder is no longer what the page showed");
        flash.failed = true;
        flash.lines.push("Below is what would change now.".to_owned());
        return Ok(context.see(&path, flash));
    }
    match restore::carry_out(&context.ctx, &context.opened, &plan, request.form.has("force")) {
        Ok(done) => {
            let title = format!(
                "Restored the snapshot of {}: {}",
                format::run_name(&record),
                restore::counted(&done)
            );
            let mut flash = Flash { title, undo: done.backup, ..Flash::default() };
            flash.lines.extend(saved(&done));
            Ok(context.see(&format::run_path(&record, ""), flash))
        }
        Err(error) => Ok(context.see(&path, failed(context, "Nothing was restored", error))),
    }
}

/// Previews an undo.
pub fn undo_preview(context: &PageContext<'_>, request: &Request) -> Result<Reply, CommandError> {
    let (asked, backup, plan) = restore::plan_undo(&context.opened)?;
    let body = html! {
        h1 { "Undo the last restore" }
        p { "The project folder becomes what it was before the restore. What is overwritten now is kept in turn." }
        @if plan.is_empty() { p.note { "The folder already is that: there is nothing to do." } }
        @else {
            (obstacles(&plan))
            form.confirm method="post" action="/undo" {
                (layout::hidden(context, "/undo"))
                input type="hidden" name="backup" value=(backup.number);
                input type="hidden" name="plan" value=(fingerprint(&plan));
                @if !plan.in_the_way.is_empty() {
                    label { input type="checkbox" name="force" value="1" required; " Back up and replace these, too" }
                }
                button.primary { "Undo" }
                " " a.button href="/" { "Leave everything as it is" }
            }
            (planned(context, (&asked, &plan), ("The folder now", "Before the restore"))?)
        }
    };
    let page = Page { title: "Undo the last restore", live: false, here: "/undo" };
    Ok(Reply::page(200, layout::page(context, request, &page, &body)?))
}

/// Goes back to the backup that the page was about.
pub fn undo(context: &PageContext<'_>, request: &Request) -> Result<Reply, CommandError> {
    let (_, backup, plan) = restore::plan_undo(&context.opened)?;
    let is_meant = request.form.get("backup") == Some(backup.number.to_string().as_str());
    let is_as_shown = request.form.get("plan").is_none_or(|shown| shown == fingerprint(&plan));
    if !is_meant || !is_as_shown {
        let mut flash = Flash::done("Nothing was changed: something else has happened since");
        flash.failed = true;
        return Ok(context.see("/undo", flash));
    }
    match restore::carry_out(&context.ctx, &context.opened, &plan, request.form.has("force")) {
        Ok(done) => {
            let title = format!("The folder is as it was before the restore: {}", restore::counted(&done));
            let mut flash = Flash { title, undo: done.backup, ..Flash::default() };
            flash.lines.extend(saved(&done));
            Ok(context.see("/", flash))
        }
        Err(error) => Ok(context.see("/undo", failed(context, "Nothing was changed", error))),
    }
}

fn saved(done: &Done) -> Option<String> {
    let names: Vec<String> = done.saved.iter().map(ToString::to_string).collect();
    (!names.is_empty()).then(|| {
        format!("Edited while the restore was going on, and kept in the backup: {}", names.join(", "))
    })
}

fn crumbs(record: &RunRecord) -> Markup {
    html! {
        nav.crumbs aria-label="Where this is" {
            a href="/" { "Runs" } " / " a href=(format::run_path(record, "")) { (format::run_name(record)) }
        }
    }
}

/// A hash that is the same for the same plan.
fn fingerprint(plan: &Plan) -> String {
    let said = format!("{}\n{:?}\n{:?}\n", plan.target, plan.changes, plan.in_the_way);
    gix::objs::compute_hash(gix::hash::Kind::Sha1, gix::objs::Kind::Blob, said.as_bytes())
        .map_or_else(|_| String::new(), |hash| hash.to_string())
}

fn obstacles(plan: &Plan) -> Markup {
    html! {
        @if !plan.passed_over.is_empty() {
            div.note {
                p { strong { "Passed over" } ": commits of other repositories, whose files no snapshot holds." }
                ul { @for path in plan.passed_over.iter().take(LISTED) { li { code { (format::line(&path.to_string())) } } } }
            }
        }
        @if !plan.unignored.is_empty() {
            div.note {
                p { strong { "Held back" } ": ignored now, and not by the rules of that snapshot. No run takes them in until a line in "
                    code { ".amlignore" } " says so." }
                ul { @for path in plan.unignored.iter().take(LISTED) { li { code { (format::line(&path.to_string())) } } } }
            }
        }
        @if !plan.in_the_way.is_empty() {
            div.note.failed {
                p { strong { "In the way" } ": files that no snapshot holds, because they are ignored, where this one has others." }
                ul { @for path in plan.in_the_way.iter().take(LISTED) { li { code { (format::line(&path.to_string())) } } } }
            }
        }
    }
}

fn what_changes(plan: &Plan) -> String {
    let counts = [
        (plan.added().count(), "added"),
        (plan.changed().count(), "changed"),
        (plan.removed().count(), "removed"),
    ];
    let told = counts.iter().filter(|(count, _)| *count > 0);
    let told: Vec<String> =
        told.map(|(count, how)| format!("{} {how}", format::count(*count, "file", "files"))).collect();
    format!("{}.", told.join(", "))
}

/// The files that change, and how.
fn planned(
    context: &PageContext<'_>,
    (history, plan): (&HistoryRepo, &Plan),
    (old, new): (&str, &str),
) -> Result<Markup, CommandError> {
    let found = changes(history.git(), plan.folder().id, plan.target, Detail::ALL, context.interrupt.flag())?;
    let is_all = found.is_some();
    let mut files = found.unwrap_or_default();
    // What the snapshot's own rules ignore stays, and is no change.
    files.retain(|file| plan.changes.binary_search_by(|change| change.path.cmp(&file.path)).is_ok());
    Ok(html! {
        h2 { "What will change" }
        p { (what_changes(plan)) span.quiet { " − " (old) ", + " (new) "." } }
        @if is_all { (code::stat(&files)) } @else { (code::too_much()) }
        @if plan.changes.len() > files.len() {
            ul { @for change in plan.changes.iter().take(LISTED) { li { code { (quoted(&change.path)) } } } }
        }
        (code::patch(&files))
    })
}
