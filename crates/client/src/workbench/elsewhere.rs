//! Runs on other computers: the page of targets with what waits and runs on them, and looking at such runs while pages are read.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use azml_core::run::RunRecord;
use maud::{Markup, html};

use super::format;
use super::layout::{self, Page};
use super::page_context::PageContext;
use super::reply::Reply;
use super::request::Request;
use crate::error::CommandError;
use crate::limits::PAGES_LOOK;
use crate::ops::compute_targets::{self, Target};
use crate::ops::remote::{self, Handle};

/// Says that somebody looks at the runs elsewhere, or did a moment ago.
#[derive(Clone, Debug, Default)]
pub struct Looks(Arc<AtomicBool>);

/// Looks at all runs elsewhere beside the pages, which show what is known: a host may take its time to answer.
pub fn look_beside(context: &PageContext<'_>) -> Result<(), CommandError> {
    let looks = context.workbench.looks.clone();
    if remote::open_runs(&context.ctx, &context.opened)?.is_empty() || looks.0.swap(true, Ordering::Relaxed) {
        return Ok(());
    }
    let (ctx, opened) = context.of_thread()?;
    let look = move || {
        if let Err(error) = remote::look_at_all(&ctx, &opened) {
            tracing::warn!(error = error.chain().join(": "), "runs elsewhere can't be looked at");
        }
        thread::sleep(PAGES_LOOK);
        looks.0.store(false, Ordering::Relaxed);
    };
    thread::Builder::new().name("looks".to_owned()).spawn(look).map(drop).map_err(CommandError::failed)
}

/// The engine of a run elsewhere, for the facts of its page.
pub fn fact(record: &RunRecord) -> Markup {
    let Some(handle) = Handle::of(record) else { return html! {} };
    html! {
        div {
            dt { "Engine" }
            dd {
                (format::short(&handle.kind, 40)) " on " (format::short(handle.place(), 80))
                @if let Some(id) = handle.id.as_ref().filter(|id| **id != handle.run) { ", job " (format::short(id, 40)) }
                @if let Some(node) = &handle.node { ", node " (format::short(node, 80)) }
            }
        }
        @if let Some(reason) = &handle.reason { div { dt { "Reason" } dd { (format::short(reason, 300)) } } }
    }
}

/// The page of targets.
pub fn page(context: &PageContext<'_>, request: &Request) -> Result<Reply, CommandError> {
    let targets = compute_targets::list(context.opened.project.root())?;
    let open = remote::open_runs(&context.ctx, &context.opened)?;
    let body = html! {
        nav.crumbs aria-label="Where this is" { a href="/" { "Runs" } " / Targets" }
        h1 { "Targets" }
        div.scroll tabindex="0" role="region" aria-label="Targets" data-part="targets" {
            table.props {
                thead { tr { th scope="col" { "Target" } th scope="col" { "Engine" } th scope="col" { "Configurations" } th scope="col" { "Waits or runs there" } } }
                tbody { @for target in &targets { (row(target, &open)) } }
            }
        }
        p.small { "One more: " code { "azml computetarget attach" } }
    };
    Ok(Reply::page(
        200,
        layout::page(context, request, &Page { title: "Targets", live: true, here: "/targets" }, &body)?,
    ))
}

fn row(target: &Target, open: &[RunRecord]) -> Markup {
    let runs: Vec<&RunRecord> = open.iter().filter(|run| run.target == target.name).collect();
    let engine = format::short(&target.engine, 40);
    html! {
        tr {
            th scope="row" { (format::short(&target.name, 80)) }
            td { (engine) @if let Some(address) = &target.address { " on " (format::short(address, 80)) } }
            td { (format::short(&target.configurations.join(", "), 200)) }
            td {
                @for run in &runs {
                    p {
                        a href=(format::run_path(run, "")) { (format::run_name(run)) } " " (format::status(run.status))
                        @if let Some(handle) = Handle::of(run) {
                            @if let Some(why) = handle.reason.as_ref().or(handle.node.as_ref()) { " " span.quiet { (format::short(why, 200)) } }
                        }
                    }
                }
            }
        }
    }
}
