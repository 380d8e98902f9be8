//! The decisions about a pull request: to change its texts, to complete it, to abandon it.

use maud::{Markup, html};

use super::view::View;
use crate::access::{Permission, Target, authorize};
use crate::directory::pull_request::{MergeStrategy, PullStatus};

/// The strategies, by their names on the page.
const STRATEGIES: [(MergeStrategy, &str); 4] = [
    (MergeStrategy::NoFastForward, "Merge (no fast-forward)"),
    (MergeStrategy::Squash, "Squash commit"),
    (MergeStrategy::Rebase, "Rebase and fast-forward"),
    (MergeStrategy::RebaseMerge, "Semi-linear merge"),
];

/// The forms that decide.
pub(super) fn actions(view: &View<'_>) -> Markup {
    let (source, pull) = (view.source, view.pull);
    let directory = source.app.state.directory();
    let may = |permission| {
        authorize(&directory, &source.ctx.principal, permission, Target::Ref(&source.repo, &pull.target))
            .is_ok()
    };
    let may_complete = may(Permission::GenericContribute);
    let may_bypass = may(Permission::PullRequestBypassPolicy);
    html! {
        @if pull.status == PullStatus::Active && pull.queued.is_none() {
            @if may_complete && !pull.is_draft { (complete(view, may_bypass)) }
            @if let Some(user) = pull.auto_complete {
                p.note { "It completes by itself as soon as all policies are met, as " bdi { (view.name(user)) } " wants." }
                (view.form("no-auto", &[], &html! { div.actions { button.plain { "Do not complete by itself" } } }))
            }
            (edit(view))
            div.actions {
                (view.form(if pull.is_draft { "publish" } else { "draft" }, &[], &html! {
                    button.plain { @if pull.is_draft { "Publish" } @else { "Mark as draft" } }
                }))
                (view.form("abandon", &[], &html! { button.plain { "Abandon" } }))
            }
        }
        @if pull.status == PullStatus::Abandoned {
            (view.form("reactivate", &[], &html! { div.actions { button { "Reactivate" } } }))
        }
    }
}

fn complete(view: &View<'_>, may_bypass: bool) -> Markup {
    let pull = view.pull;
    let was_refused = view.refusal.is_some_and(|refusal| refusal.form.get("do") == "complete");
    let kept = |field: &str| view.kept("complete", &[], field);
    let own = pull.completion.clone().unwrap_or_default();
    let is_chosen = |strategy: MergeStrategy| {
        if was_refused { kept("strategy") == strategy.name() } else { own.strategy() == strategy }
    };
    let has = |field: &str, own: bool| if was_refused { !kept(field).is_empty() } else { own };
    let check = |name: &str, text: &str, is_on: bool| {
        html! { div.choice { input type="checkbox" id=(name) name=(name) checked[is_on]; label for=(name) { (text) } } }
    };
    html! {
        section.card aria-labelledby="complete" {
            h2 #complete { "Complete" }
            (view.form("complete", &[("tip", &pull.merge.source)], &html! {
                label for="strategy" { "Merge type" }
                select #strategy name="strategy" {
                    @for (strategy, text) in STRATEGIES { option value=(strategy.name()) selected[is_chosen(strategy)] { (text) } }
                }
                label for="message" { "Message" }
                textarea #message name="message" rows="3" placeholder={ "Merged PR " (pull.id) ": " (pull.title) } { (kept("message")) }
                (check("delete", "Delete the source branch afterwards", has("delete", own.delete_source)))
                (check("auto", "As soon as all policies are met", has("auto", false)))
                @if may_bypass {
                    (check("bypass", "Even if policies are not met", has("bypass", own.bypass)))
                    label for="reason" { "The reason, if they are not" }
                    input #reason name="reason" autocomplete="off" value=(kept("reason"));
                }
                div.actions { button { "Complete" } }
            }))
        }
    }
}

fn edit(view: &View<'_>) -> Markup {
    let pull = view.pull;
    let title = view.kept("edit", &[], "title");
    let is_refused = !title.is_empty();
    let description = if is_refused {
        view.kept("edit", &[], "description")
    } else {
        pull.description.as_deref().unwrap_or_default()
    };
    html! {
        details.help open[is_refused] {
            summary { "Change title and description" }
            (view.form("edit", &[], &html! {
                label for="title" { "Title" }
                input #title name="title" maxlength="400" autocomplete="off" required value=(if is_refused { title } else { &pull.title });
                label for="description" { "Description" }
                textarea #description name="description" rows="6" maxlength="4000" { (description) }
                div.actions { button { "Save" } }
            }))
        }
    }
}
