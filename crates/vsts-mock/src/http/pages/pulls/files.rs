//! The files of a pull request, with what is said about their lines. A line's number leads to a form below the line; a form
//! at the end of each file takes the number of a line, for who uses no mouse.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::super::diff_view::Side;
use super::super::{Failure, diff_view};
use super::thread;
use super::view::View;
use crate::operations::pull_requests::threads::{self, WholeThread};

/// The threads about files, by file and line.
struct Remarks<'v> {
    view: &'v View<'v>,
    threads: BTreeMap<String, Vec<WholeThread>>,
    /// The line that the address asks a form for: the file's number, the side and the line.
    asked: Option<(usize, Side, u32)>,
}

pub(super) fn show(view: &View<'_>) -> Result<Markup, Failure> {
    let (source, pull) = (view.source, view.pull);
    let id = |text: &str| gix::ObjectId::from_hex(text.as_bytes()).ok();
    let (Some(tip), Some(target)) = (id(&pull.merge.source), id(&pull.merge.target)) else {
        return Ok(html! { p.note { "A branch is gone." } });
    };
    let mut threads: BTreeMap<String, Vec<WholeThread>> = BTreeMap::new();
    for whole in threads::list(source, pull) {
        if let Some(place) = thread::place(&whole.0).filter(|_| !whole.0.is_deleted) {
            threads.entry(place.path.to_owned()).or_default().push(whole);
        }
    }
    let side = if source.ctx.ask("s") == Some("o") { Side::Old } else { Side::New };
    let number = |name: &str| source.ctx.ask(name)?.parse::<u32>().ok();
    let asked = number("f").zip(number("l")).filter(|_| view.may_work);
    let asked = asked.and_then(|(file, line)| Some((usize::try_from(file).ok()?, side, line)));
    let remarks = Remarks { view, threads, asked };
    // What was merged last says which commit the target had, also once the source is in it.
    let base = source.merge_bases(&source.repository, tip, target)?.first().copied();
    diff_view::show_with(source, base, tip, Some(&remarks))
}

impl Remarks<'_> {
    fn of(&self, path: &str) -> &[WholeThread] {
        self.threads.get(path).map_or(&[], Vec::as_slice)
    }

    /// The form for a comment on a line, or on one whose number is asked for.
    fn form(&self, file: usize, path: &str, line: Option<(Side, u32)>) -> Markup {
        let number = line.map(|(_, line)| line.to_string()).unwrap_or_default();
        let side = if line.is_some_and(|(side, _)| side == Side::Old) { "old" } else { "new" };
        let all = [("path", path), ("line", &number), ("side", side)];
        let hidden = if line.is_some() { &all[..] } else { &all[..1] };
        let at = |name: &str| if line.is_some() { format!("{name}-at") } else { format!("{name}-{file}") };
        let kept = self.view.kept("comment-at", hidden, "content");
        self.view.form("comment-at", hidden, &html! {
            @if line.is_none() {
                div.row {
                    label for=(at("line")) { "Line" }
                    input id=(at("line")) name="line" inputmode="numeric" pattern="[0-9]*" size="6" value=(self.view.kept("comment-at", hidden, "line"));
                    label for=(at("side")) { "of the version" }
                    select id=(at("side")) name="side" { option value="new" { "after" } option value="old" { "before" } }
                }
            }
            label for=(at("content")) {
                @match line {
                    Some((Side::New, line)) => { "A comment on line " (line) }
                    Some((Side::Old, line)) => { "A comment on line " (line) " as it was before" }
                    None => { "A comment on the line; without a number, on the file" }
                }
            }
            textarea id=(at("content")) name="content" rows="3" required autofocus[line.is_some()] { (kept) }
            div.actions {
                button aria-label={ "Comment on " (path) } { "Comment" }
                @if line.is_some() { a.button.plain href=(self.view.here()) { "Cancel" } }
            }
        })
    }
}

impl diff_view::Remarks for Remarks<'_> {
    fn below(&self, file: usize, path: &str, at: (Side, u32)) -> Option<Markup> {
        let is_here = |whole: &&WholeThread| thread::place(&whole.0).and_then(|place| place.line) == Some(at);
        let here: Vec<&WholeThread> = self.of(path).iter().filter(is_here).collect();
        let is_asked = self.asked == Some((file, at.0, at.1));
        (is_asked || !here.is_empty()).then(|| {
            html! {
                @for whole in here { (thread::show(self.view, whole, false)) }
                @if is_asked { div #say { (self.form(file, path, Some(at))) } }
            }
        })
    }

    fn address(&self, file: usize, (side, line): (Side, u32)) -> Option<String> {
        let side = if side == Side::Old { "o" } else { "n" };
        let view = if self.view.source.ctx.ask("view") == Some("split") { "&view=split" } else { "" };
        self.view.may_work.then(|| format!("?_a=files{view}&f={file}&s={side}&l={line}#say"))
    }

    fn rest(&self, file: usize, path: &str, is_shown: &dyn Fn((Side, u32)) -> bool) -> Markup {
        let is_left = |whole: &&WholeThread| {
            thread::place(&whole.0).and_then(|place| place.line).is_none_or(|line| !is_shown(line))
        };
        let left: Vec<&WholeThread> = self.of(path).iter().filter(is_left).collect();
        let is_refused =
            !self.view.kept("comment-at", &[("path", path)], "content").is_empty() && self.asked.is_none();
        html! {
            @if !left.is_empty() || self.view.may_work {
                div.talk {
                    @for whole in left { (thread::show(self.view, whole, true)) }
                    @if self.view.may_work {
                        details.help open[is_refused] {
                            summary { "Comment on a line" span.sr { " of " (path) } }
                            (self.form(file, path, None))
                        }
                    }
                }
            }
        }
    }

    fn elsewhere(&self, is_listed: &dyn Fn(&str) -> bool) -> Markup {
        let all: Vec<&WholeThread> =
            self.threads.iter().filter(|(path, _)| !is_listed(path)).flat_map(|(_, all)| all).collect();
        html! { @if !all.is_empty() {
            section aria-labelledby="elsewhere" {
                h2 #elsewhere { "About other files" }
                @for whole in all { (thread::show(self.view, whole, true)) }
            }
        } }
    }
}
