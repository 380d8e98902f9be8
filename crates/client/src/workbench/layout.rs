//! The frame of every page, and the pages that say no.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::assets::{SCRIPT_PATH, STYLE_PATH};
use super::flash::Flash;
use super::format;
use super::page_context::{PageContext, SyncState};
use super::reply::Reply;
use super::request::{Method, Request, encode, encode_path, file};
use crate::error::{CommandError, ErrorKind};
use crate::hints;
use crate::invoked::Invoked;

/// A page's own part of its frame.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    /// Its name.
    pub title: &'a str,
    /// True if the script keeps it up to date.
    pub live: bool,
    /// The page that a change of the whole project leads back to.
    pub here: &'a str,
}

/// The icons that pages draw, once a page.
const ICONS: &str = "<svg class=sprite aria-hidden=true><defs>\
<symbol id=ok viewBox=\"0 0 16 16\"><path d=\"M3 8.5l3.2 3.2L13 5\"/></symbol>\
<symbol id=bad viewBox=\"0 0 16 16\"><path d=\"M4 4l8 8M12 4l-8 8\"/></symbol>\
<symbol id=stop viewBox=\"0 0 16 16\"><path d=\"M4 4h8v8H4z\"/></symbol>\
<symbol id=run viewBox=\"0 0 16 16\"><path d=\"M5 3.5l7 4.5-7 4.5z\"/></symbol>\
<symbol id=wait viewBox=\"0 0 16 16\"><path d=\"M8 2.5a5.5 5.5 0 1 1 0 11 5.5 5.5 0 0 1 0-11zM8 5v3.2l2 1.3\"/></symbol>\
<symbol id=lost viewBox=\"0 0 16 16\"><path d=\"M5.5 6a2.5 2.5 0 1 1 3.6 2.3c-.8.4-1.1.8-1.1 1.7M8 12.4v.2\"/></symbol>\
</defs></svg>";

/// Shown in the browser's tab.
const TAB_ICON: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Crect width='16' \
height='16' rx='3' fill='%232f5bd8'/%3E%3Cpath d='M3 11l3-4 3 2 4-5' fill='none' stroke='%23fff' stroke-width='1.8'/%3E%3C/svg%3E";

/// A page of the project.
pub fn page(
    context: &PageContext<'_>,
    request: &Request,
    page: &Page<'_>,
    body: &Markup,
) -> Result<Markup, CommandError> {
    let project = format::line(&context.opened.project.name());
    let state = context.sync_state()?;
    let flash = context.flash(request);
    let messages = context.messages();
    let header = html! {
        header.top {
            a.project href="/" { (project) }
            span.place title=(format::line(&context.opened.project.root().display().to_string())) {
                (format::line(&context.opened.project.root().display().to_string()))
            }
            (sync(context, &state, page.here))
        }
    };
    let body = html! {
        @if let Some(flash) = &flash { (shown_flash(context, flash)) }
        @if !messages.is_empty() { div.note role="status" { @for line in &messages { p { (format::line(line)) } } } }
        (body)
    };
    Ok(frame(&format!("{} · {project}", page.title), Some(&header), page.live, &body))
}

fn sync(context: &PageContext<'_>, state: &SyncState, here: &str) -> Markup {
    html! {
        div.sync data-part="sync" {
            @match &state.remote {
                None => { span.quiet { "No remote: the history is on this computer alone" } }
                Some(remote) => {
                    span title=(format::line(remote)) {
                        @if state.unpushed.is_empty() { span.status.ok { (icon("ok")) "In sync" } }
                        @else { span.status.wait { (icon("wait")) "Owed to the remote: " (state.unpushed.join(", ")) } }
                        " " span.quiet { "with " (format::short(remote, 60)) }
                    }
                    form method="post" action="/sync" { (hidden(context, here)) button { "Sync now" } }
                }
            }
        }
        @if let Some(error) = &state.error { p.unpushed data-part="unpushed" { "The last push failed: " (format::short(error, 300)) } }
    }
}

fn icon(name: &str) -> Markup {
    html! { svg.i aria-hidden="true" { use href={ "#" (name) } {} } }
}

/// The hidden fields of every form: its token, and the next page.
pub fn hidden(context: &PageContext<'_>, here: &str) -> Markup {
    html! {
        input type="hidden" name="form" value=(context.form_token());
        input type="hidden" name="here" value=(here);
    }
}

fn shown_flash(context: &PageContext<'_>, flash: &Flash) -> Markup {
    html! {
        div.note.failed[flash.failed].done[!flash.failed] role=(if flash.failed { "alert" } else { "status" }) tabindex="-1" {
            p.title { strong { (format::line(&flash.title)) } }
            @for line in &flash.lines { p { (format::line(line)) } }
            @if let Some(backup) = flash.undo {
                form method="post" action="/undo" {
                    (hidden(context, "/"))
                    input type="hidden" name="backup" value=(backup);
                    button { "Undo" }
                    " " a href="/undo" { "Show what Undo would change" }
                }
            }
        }
    }
}

/// A line to be typed, with a button that copies it where there is a script.
pub fn command(text: &str) -> Markup {
    html! { p.command { code { (text) } " " button type="button" data-copy=(text) hidden { "Copy" } } }
}

fn frame(title: &str, header: Option<&Markup>, live: bool, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                link rel="icon" href=(PreEscaped(TAB_ICON));
                link rel="stylesheet" href=(*STYLE_PATH);
                script src=(*SCRIPT_PATH) defer {}
            }
            body data-live[live] {
                a.skip href="#main" { "To the content" }
                (PreEscaped(ICONS))
                @if let Some(header) = header { (header) }
                @if live { p #gone.banner role="status" hidden { "azml ui has ended: this page stays as it was then." } }
                main #main { (body) }
            }
        }
    }
}

/// A page without a project.
pub fn plain(title: &str, body: &Markup) -> Markup {
    frame(title, None, false, &html! { h1 { (title) } (body) })
}

/// An error, as the command would have told it.
pub fn error(context: &PageContext<'_>, error: CommandError) -> Reply {
    let (status, title, body) = told(error, context.workbench.invoked);
    let request = Request {
        method: Method::Get,
        path: Vec::new(),
        query: super::request::Pairs::default(),
        form: super::request::Pairs::default(),
    };
    let framed = Page { title: &title, live: false, here: "/" };
    let framed = page(context, &request, &framed, &html! { h1 { (title) } (body) });
    Reply::page(status, framed.unwrap_or_else(|_| plain(&title, &body)))
}

/// An error where not even the project can be opened.
pub fn error_alone(error: CommandError, invoked: Invoked) -> Reply {
    let (status, title, body) = told(error, invoked);
    Reply::page(status, plain(&title, &body))
}

fn told(error: CommandError, invoked: Invoked) -> (u16, String, Markup) {
    let error = hints::with_hint(error);
    let (status, title) = match error.kind {
        ErrorKind::NotFound => (404, "Not found"),
        ErrorKind::Usage => (400, "That can't be shown"),
        ErrorKind::NotAllowed => (403, "Not allowed"),
        ErrorKind::Unavailable => (502, "The remote is away"),
        ErrorKind::Failed | ErrorKind::Program(_) | ErrorKind::Interrupted | ErrorKind::Told(_) => {
            (500, "That did not work")
        }
    };
    let body = html! {
        @for line in error.chain() { p { (format::line(&line)) "." } }
        @for hint in &error.hints { p.quiet { "Hint: " (format::line(&in_words(hint, invoked))) } }
        p { a href="/" { "All runs" } }
    };
    (status, title.to_owned(), body)
}

/// A hint with what the user types to call azml.
pub fn in_words(hint: &str, invoked: Invoked) -> String {
    hint.replace("{azml}", invoked.prefix())
}

/// For a browser without the cookie.
pub fn not_signed_in(request: &Request) -> Markup {
    let parts: Vec<String> = request.path.iter().map(|part| encode_path(&file(&[part]))).collect();
    let query: Vec<String> =
        request.query.0.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    let path = format!("/{}{}{}", parts.join("/"), if query.is_empty() { "" } else { "?" }, query.join("&"));
    let body = html! {
        p { "Open the address that " code { "azml ui" } " has printed in its terminal." }
        @if request.method == Method::Get {
            p { "If you have done so, and came here by a link from elsewhere: " a href=(path) { "go on" } "." }
        }
    };
    plain("This browser is not signed in", &body)
}

/// For a key that is none.
pub fn wrong_key() -> Markup {
    html! { p { "Each start of " code { "azml ui" } " has an address of its own. Open the one that it has printed last." } }
}

/// For a form that has no token of this start.
pub fn stale_form() -> Markup {
    html! { p { "It was made before azml was started anew. " a href="/" { "Begin again" } "." } }
}

/// For a browser that has just got the cookie.
pub fn signed_in() -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="refresh" content="0;url=/";
                link rel="icon" href=(PreEscaped(TAB_ICON));
                title { "Workbench" }
            }
            body { p { a href="/" { "Open the Workbench" } } }
        }
    }
}
