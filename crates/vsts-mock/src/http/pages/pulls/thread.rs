//! Threads of comments on the pages of a pull request, and the forms that go with them.

use maud::{Markup, html};

use super::super::diff_view::Side;
use super::super::parts::{ago, avatar};
use super::view::View;
use crate::directory::pull_request::ThreadStatus;
use crate::directory::{Comment, Thread};
use crate::operations::pull_requests::threads::WholeThread;

/// The place of a thread: a file, and a line unless it is about all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place<'t> {
    pub(super) path: &'t str,
    pub(super) line: Option<(Side, u32)>,
}

/// The place that a thread is about, if it is about a file.
pub(super) fn place(thread: &Thread) -> Option<Place<'_>> {
    let context = thread.context.as_ref()?;
    let line = |field: &str, side| {
        let line = u32::try_from(context[field]["line"].as_u64()?).ok()?;
        Some((side, line))
    };
    let line = line("rightFileStart", Side::New).or_else(|| line("leftFileStart", Side::Old));
    Some(Place { path: context["filePath"].as_str()?.trim_start_matches('/'), line })
}

/// A thread that has not been deleted, with its place in front if that is to be shown.
pub(super) fn show(view: &View<'_>, (thread, comments): &WholeThread, has_place: bool) -> Markup {
    let is_open = matches!(thread.status, Some(ThreadStatus::Active | ThreadStatus::Pending));
    let id = thread.id.to_string();
    let own = [("thread", id.as_str())];
    html! {
        article.card.thread id={ "thread-" (id) } aria-label={ "Thread " (id) } {
            @if has_place && let Some(place) = place(thread) {
                p.quiet { code { bdi { (place.path) } @if let Some((_, line)) = place.line { ":" (line) } } }
            }
            @if let Some(status) = thread.status { p { span class={ "tag " (if is_open { "" } else { "ok" }) } { (words(status)) } } }
            @for comment in comments { (one(view, &id, comment)) }
            @if view.may_work {
                (view.form("reply", &own, &html! {
                    label for={ "reply-" (id) } { "A reply" }
                    textarea id={ "reply-" (id) } name="content" rows="2" required { (view.kept("reply", &own, "content")) }
                    div.actions { button.plain aria-label={ "Reply to thread " (id) } { "Reply" } }
                }))
                @let (status, text) = if is_open { ("fixed", "Resolve") } else { ("active", "Open again") };
                (view.form("status", &[own[0], ("status", status)], &html! {
                    div.actions { button.plain aria-label={ (text) " thread " (id) } { (text) } }
                }))
            }
        }
    }
}

/// The state of a thread as people say it.
fn words(status: ThreadStatus) -> &'static str {
    match status {
        ThreadStatus::Unknown => "unknown",
        ThreadStatus::Active => "active",
        ThreadStatus::Fixed => "resolved",
        ThreadStatus::WontFix => "won't fix",
        ThreadStatus::Closed => "closed",
        ThreadStatus::ByDesign => "by design",
        ThreadStatus::Pending => "pending",
    }
}

fn one(view: &View<'_>, thread: &str, comment: &Comment) -> Markup {
    let id = comment.id.to_string();
    let hidden = [("thread", thread), ("comment", id.as_str())];
    let name = view.name(comment.author);
    let is_own = view.may_work && view.source.ctx.principal.user == Some(comment.author);
    html! {
        @if comment.is_deleted { p.quiet { "A comment was deleted." } }
        @else {
            p.by { span.person { (avatar(&name)) bdi { (name) } } " " span.quiet { (ago(view.source.ctx.now, comment.published)) } }
            (view.text(&comment.content))
            @if is_own {
                @let kept = view.kept("edit-comment", &hidden, "content");
                details.help open[!kept.is_empty()] {
                    summary { "Change or delete" span.sr { " comment " (id) " of thread " (thread) } }
                    (view.form("edit-comment", &hidden, &html! {
                        label for={ "edit-" (thread) "-" (id) } { "The comment" }
                        textarea id={ "edit-" (thread) "-" (id) } name="content" rows="3" required {
                            (if kept.is_empty() { &comment.content } else { kept })
                        }
                        div.actions { button.plain aria-label={ "Save comment " (id) " of thread " (thread) } { "Save" } }
                    }))
                    (view.form("delete-comment", &hidden, &html! {
                        div.actions { button.plain.danger aria-label={ "Delete comment " (id) " of thread " (thread) } { "Delete" } }
                    }))
                }
            }
        }
    }
}
