//! Small changes: syncing, canceling a run, fetching what is not here.

use super::flash::Flash;
use super::page_context::PageContext;
use super::reply::Reply;
use super::request::Request;
use super::{format, layout};
use crate::error::CommandError;
use crate::hints;
use crate::ops::cancel;
use crate::ops::sync::{self, Synced};
use crate::ops::{fetch, runs};

/// Pulls, then pushes, as `azml history sync`.
pub fn sync(context: &PageContext<'_>, request: &Request) -> Reply {
    let flash = match sync::sync(&context.ctx, &context.opened, None, false) {
        Ok(Synced { pulled, pushed, .. }) => {
            let mut flash = Flash::done("In sync with the remote");
            if pulled.new_runs || pulled.new_snapshots {
                flash.lines.push("Received what others did.".to_owned());
            }
            if pushed.sent {
                flash.lines.push("Delivered what was owed.".to_owned());
            }
            flash
        }
        Err(error) => failed(context, "Could not sync", error),
    };
    context.see(here(request, "/"), flash)
}

/// Ends a run that goes on on this computer, as `azml experiment cancel`.
pub fn cancel(context: &PageContext<'_>, id: &str) -> Result<Reply, CommandError> {
    let record = runs::resolve(&context.ctx, &context.opened, id)?;
    let flash = match cancel::cancel(&context.ctx, &context.opened, &record) {
        Ok(canceled) => Flash::done(canceled.to_string()),
        Err(error) => failed(context, "Could not cancel", error),
    };
    let number = context.workbench.flash.push(flash);
    Ok(Reply::see(&format!("{}?note={number}", format::run_path(&record, ""))))
}

/// Brings a run's snapshot, or its outputs and logs, from the remote.
pub fn fetch(context: &PageContext<'_>, request: &Request, id: &str) -> Result<Reply, CommandError> {
    let record = runs::resolve(&context.ctx, &context.opened, id)?;
    let what = request.form.get("what").unwrap_or_default();
    let done = if what == "outputs" {
        let (ctx, opened) = (&context.ctx, &context.opened);
        fetch::attachments(ctx, opened, &record, None).and_then(|attachments| {
            fetch::large_attachments(ctx, opened, &record, &attachments, None, |_| true)
        })
    } else {
        let commits: Vec<_> = record.commit_id().into_iter().collect();
        fetch::fetch_snapshots(&context.ctx, &context.opened, &commits, None)
    };
    let flash = match done {
        Ok(()) if what == "outputs" => Flash::done("Fetched the outputs and logs"),
        Ok(()) => Flash::done("Fetched the snapshot"),
        Err(error) => failed(context, "Could not fetch it", error),
    };
    Ok(context.see(here(request, &format::run_path(&record, "")), flash))
}

/// The failure as the command would print it.
pub fn failed(context: &PageContext<'_>, title: &str, error: CommandError) -> Flash {
    let error = hints::with_hint(error);
    let mut lines = error.chain();
    lines.extend(
        error.hints.iter().map(|hint| format!("Hint: {}", layout::in_words(hint, context.workbench.invoked))),
    );
    Flash { failed: true, title: title.to_owned(), lines, undo: None }
}

/// The page that a form wants to be shown next; only pages of this server count.
pub fn here<'a>(request: &'a Request, otherwise: &'a str) -> &'a str {
    let is_ours = |path: &&str| {
        path.starts_with('/')
            && !path[1..].starts_with(['/', '\\'])
            && path.chars().all(|c| c.is_ascii_graphic())
    };
    request.form.get("here").filter(is_ours).unwrap_or(otherwise)
}

#[cfg(test)]
mod tests {
    use super::super::request::{Method, Pairs};
    use super::*;

    #[test]
    fn a_form_leads_to_no_other_server() {
        for (given, expect) in [
            ("/runs/iris_1?x=1", "/runs/iris_1?x=1"),
            ("//evil.example", "/else"),
            ("/\\evil.example", "/else"),
            ("https://evil.example", "/else"),
            ("/a\r\nSet-Cookie: x", "/else"),
            ("", "/else"),
        ] {
            let form = Pairs(vec![("here".to_owned(), given.to_owned())]);
            let request = Request { method: Method::Post, path: Vec::new(), query: Pairs::default(), form };
            assert_eq!(here(&request, "/else"), expect, "{given}");
        }
    }
}
