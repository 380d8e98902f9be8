//! Differences as a page shows them: a list of the files with how much changed in each, then the lines, in one column or
//! in two. Signs as well as colours tell what is new and what is gone. Much is cut, with a line that says so.

use std::collections::HashSet;
use std::ops::Range;
use std::time::Instant;

use gix::ObjectId;
use gix::bstr::ByteSlice as _;
use maud::{Markup, PreEscaped, html};

use super::Failure;
use super::colours::escape;
use super::diff::{self, Content, FileDiff, Hunk, Row};
use super::names;
use super::parts::{count, quiet_head};
use super::source::{Kind, Source, Version};
use crate::limits::{DIFF_COMPARED, DIFF_FILE_ROWS, DIFF_LISTED, DIFF_ROWS, DIFF_TIME};
use crate::operations::changed_files::{self, Change, How};
use crate::operations::tree_walk::WalkError;

/// The side of a comparison that a line is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Side {
    Old,
    New,
}

/// Remarks on the lines of the files that a page compares. A file is given by its number on the page and its path.
pub(super) trait Remarks {
    /// The remarks below a line.
    fn below(&self, file: usize, path: &str, at: (Side, u32)) -> Option<Markup>;

    /// The address of the same page with a form below a line.
    fn address(&self, file: usize, at: (Side, u32)) -> Option<String>;

    /// The remarks below the last line, which are on lines that are not shown.
    fn rest(&self, file: usize, path: &str, is_shown: &dyn Fn((Side, u32)) -> bool) -> Markup;

    /// The remarks below the last file, which are on files that are not shown.
    fn elsewhere(&self, is_listed: &dyn Fn(&str) -> bool) -> Markup;
}

/// The remarks on one file.
#[derive(Clone, Copy)]
struct OnFile<'r> {
    remarks: Option<&'r dyn Remarks>,
    number: usize,
    path: &'r str,
}

/// The lines of both sides that a row shows.
fn sides(row: &Row) -> impl Iterator<Item = (Side, u32)> {
    let old = row.old.map(|line| (Side::Old, line));
    old.into_iter().chain(row.new.map(|line| (Side::New, line)))
}

impl OnFile<'_> {
    /// The row below a line of this file, if something is said about it.
    fn below(self, row: &Row) -> Markup {
        let said: Vec<Markup> =
            sides(row).filter_map(|at| self.remarks?.below(self.number, self.path, at)).collect();
        html! { @if !said.is_empty() { tr.talk { td colspan="4" { @for one in said { (one) } } } } }
    }

    /// The number of a line, which leads to a form below it. Who uses the keyboard has the form below the file, and not so many
    /// links.
    fn number(self, at: Option<(Side, u32)>) -> Markup {
        let address = at.and_then(|at| self.remarks?.address(self.number, at));
        html! { @if let Some((_, line)) = at {
            @match address {
                Some(address) => { a href=(address) tabindex="-1" title="Comment on this line" { (line) } }
                None => { (line) }
            }
        } }
    }

    fn rest(self, hunks: &[Hunk], most: usize) -> Markup {
        let shown: HashSet<(Side, u32)> = rows(hunks, most).flatten().flat_map(sides).collect();
        self.remarks.map_or_else(
            || html! {},
            |remarks| remarks.rest(self.number, self.path, &|at| shown.contains(&at)),
        )
    }
}

/// The files that differ between two commits, and how.
pub(super) fn show(source: &Source<'_>, old: Option<ObjectId>, new: ObjectId) -> Result<Markup, Failure> {
    show_with(source, old, new, None)
}

/// The same, with remarks on lines.
pub(super) fn show_with(
    source: &Source<'_>,
    old: Option<ObjectId>,
    new: ObjectId,
    remarks: Option<&dyn Remarks>,
) -> Result<Markup, Failure> {
    let is_split = source.ctx.ask("view") == Some("split");
    let changes = match changed_files::between(&source.repository, &source.work, old, new) {
        Ok(changes) => changes,
        Err(WalkError::Exceeded(exceeded)) => {
            return Ok(html! { p.note { "What changed is not shown. " (exceeded) } });
        }
        Err(error) => return Err(error.into()),
    };
    let (begun, mut compared) = (Instant::now(), Vec::new());
    for change in changes.iter().take(DIFF_COMPARED) {
        source.work.check()?;
        if begun.elapsed() > DIFF_TIME {
            break;
        }
        compared.push(diff::lines(&source.repository, change)?);
    }
    let (added, removed) =
        compared.iter().fold((0, 0), |(added, removed), diff| (added + diff.added, removed + diff.removed));
    let version = Version { kind: Kind::Commit, name: new.to_string(), commit: new };
    let mut left = DIFF_ROWS;
    Ok(html! {
        @if changes.is_empty() { p.quiet { "No file differs." } }
        @else {
            div.stat {
                h2 { (count(changes.len(), "file changed", "files changed")) }
                (numbers(added, removed))
                (switch(source, is_split))
            }
            div.wide { table.stats {
                (quiet_head(&["How", "File", "Lines"]))
                tbody {
                    @for (position, change) in changes.iter().take(DIFF_LISTED).enumerate() {
                        tr {
                            td { (letter(change.how)) }
                            th scope="row" {
                                @if position < compared.len() { a href={ "#f" (position + 1) } { (name(change)) } }
                                @else { (name(change)) }
                            }
                            td { @if let Some(diff) = compared.get(position) { (numbers(diff.added, diff.removed)) } }
                        }
                    }
                }
            } }
            @if changes.len() > DIFF_LISTED { p.cut { "Only the first " (DIFF_LISTED) " of " (changes.len()) " files are listed." } }
            @for (position, (change, diff)) in changes.iter().zip(&compared).enumerate() {
                (one(source, &version, (position + 1, remarks), (change, diff), is_split, &mut left))
            }
            @if let Some(remarks) = remarks {
                (remarks.elsewhere(&|path| changes.iter().take(compared.len()).any(|change| names::text(change.path.as_bstr()) == path)))
            }
            @if changes.len() > compared.len() {
                p.cut { "The lines of the first " (compared.len()) " files are shown, of " (changes.len()) "." }
            }
        }
    })
}

/// The same page with one column or two.
fn switch(source: &Source<'_>, is_split: bool) -> Markup {
    let address = |view: &str| {
        let here = &source.ctx.here;
        let (path, query) = here.split_once('?').unwrap_or((here, ""));
        let kept: Vec<&str> =
            query.split('&').filter(|pair| !pair.is_empty() && !pair.starts_with("view=")).collect();
        let all: Vec<&str> = kept.into_iter().chain(std::iter::once(view)).collect();
        format!("{path}?{}", all.join("&"))
    };
    html! {
        nav.switch aria-label="How differences are shown" {
            a href=(address("view=unified")) aria-current=[(!is_split).then_some("true")] { "Inline" }
            a href=(address("view=split")) aria-current=[is_split.then_some("true")] { "Side by side" }
        }
    }
}

/// The kind of a file's change as a letter; screen readers get the word.
pub(super) fn letter(how: How) -> Markup {
    html! { span class={ "how " (how.letter()) } title=(how.word()) { (how.letter()) span.sr { " " (how.word()) } } }
}

pub(super) fn numbers(added: u32, removed: u32) -> Markup {
    html! { span.numbers { span.plus { "+" (added) } " " span.minus { "−" (removed) } } }
}

pub(super) fn name(change: &Change) -> Markup {
    html! {
        @if let Some(source) = &change.source { bdi { (names::text(source.as_bstr())) } " → " }
        bdi { (names::text(change.path.as_bstr())) }
    }
}

fn one(
    source: &Source<'_>,
    version: &Version,
    (number, remarks): (usize, Option<&dyn Remarks>),
    (change, diff): (&Change, &FileDiff),
    is_split: bool,
    left: &mut usize,
) -> Markup {
    let path = names::text(change.path.as_bstr());
    let on_file = OnFile { remarks, number, path: &path };
    let notice = |text: &str| html! { p.quiet.pad { (text) } (on_file.rest(&[], 0)) };
    let content = match &diff.content {
        Content::Binary => notice("The file is binary."),
        Content::TooLarge => notice("The file is too large to be compared here."),
        Content::Same if change.how == How::Renamed => notice("Renamed without a change."),
        Content::Same => notice("Its mode changed, and nothing else."),
        Content::Submodule(id) => notice(&format!("A submodule, now at {id}.")),
        Content::Lines(_) if *left == 0 => notice("Not shown: the page is long already."),
        Content::Lines(hunks) => {
            let all = diff.rows;
            let most = DIFF_FILE_ROWS.min(*left);
            *left -= all.min(most);
            html! {
                @if is_split { (split(hunks, most, on_file)) } @else { (unified(hunks, most, on_file)) }
                @if all > most { p.cut { "The first " (most) " lines are shown, of " (all) "." } }
                (on_file.rest(hunks, most))
            }
        }
    };
    html! {
        section.file.diff id={ "f" (number) } aria-label=(path) {
            div.title {
                h3 { (letter(change.how)) " " (name(change)) }
                (numbers(diff.added, diff.removed))
                @if change.how != How::Deleted {
                    a href=(source.at("", version, &path)) aria-label={ "View file " (path) } { "View file" }
                }
            }
            (content)
        }
    }
}

/// A line, with what changed in it marked.
fn line(text: &str, mark: Option<&Range<usize>>) -> Markup {
    let mut out = String::with_capacity(text.len() + 16);
    match mark {
        Some(mark) if !mark.is_empty() => {
            escape(&text[..mark.start], &mut out);
            out.push_str("<b>");
            escape(&text[mark.clone()], &mut out);
            out.push_str("</b>");
            escape(&text[mark.end..], &mut out);
        }
        _ => escape(text, &mut out),
    }
    PreEscaped(out)
}

/// Rows of hunks up to a number of them, with `None` between two hunks.
fn rows(hunks: &[Hunk], most: usize) -> impl Iterator<Item = Option<&Row>> {
    hunks
        .iter()
        .enumerate()
        .flat_map(|(position, hunk)| {
            (position > 0).then_some(None).into_iter().chain(hunk.rows.iter().map(Some))
        })
        .take(most)
}

fn kind(row: &Row) -> (&'static str, &'static str) {
    match (row.old, row.new) {
        (Some(_), Some(_)) => ("", " "),
        (Some(_), None) => ("d", "−"),
        _ => ("a", "+"),
    }
}

fn unified(hunks: &[Hunk], most: usize, on_file: OnFile<'_>) -> Markup {
    html! {
        table.lines {
            colgroup { col.n; col.n; col.g; col; }
            (quiet_head(&["Before", "After", "Sign", "Line"]))
            tbody {
                @for row in rows(hunks, most) {
                    @match row {
                        None => tr.gap { td colspan="4" { "⋯" } },
                        Some(row) => {
                            @let (class, sign) = kind(row);
                            tr class=[(!class.is_empty()).then_some(class)] {
                                td { (on_file.number(row.old.map(|line| (Side::Old, line)))) }
                                td { (on_file.number(row.new.map(|line| (Side::New, line)))) }
                                td { (sign) }
                                td { (line(&row.text, row.mark.as_ref())) }
                            }
                            (on_file.below(row))
                        }
                    }
                }
            }
        }
    }
}

/// Two lines beside each other: one of the old side, and one of the new.
type Pair<'h> = (Option<&'h Row>, Option<&'h Row>);

/// Puts lines that are gone and those in their place beside each other.
fn flush<'h>(pairs: &mut Vec<Option<Pair<'h>>>, gone: &mut Vec<&'h Row>, new: &mut Vec<&'h Row>) {
    for position in 0..gone.len().max(new.len()) {
        pairs.push(Some((gone.get(position).copied(), new.get(position).copied())));
    }
    gone.clear();
    new.clear();
}

/// Old lines at the left, new ones at the right; those in each other's place beside each other.
fn split(hunks: &[Hunk], most: usize, on_file: OnFile<'_>) -> Markup {
    let mut pairs: Vec<Option<Pair<'_>>> = Vec::new();
    let (mut gone, mut new): (Vec<&Row>, Vec<&Row>) = (Vec::new(), Vec::new());
    for row in rows(hunks, most) {
        match row {
            Some(row) if row.new.is_none() => gone.push(row),
            Some(row) if row.old.is_none() => new.push(row),
            other => {
                flush(&mut pairs, &mut gone, &mut new);
                pairs.push(other.map(|row| (Some(row), Some(row))));
            }
        }
    }
    flush(&mut pairs, &mut gone, &mut new);
    let side = |row: Option<&Row>, is_old: bool| {
        html! {
            @match row {
                None => { td.none {} td.none {} }
                Some(row) => {
                    @let (class, sign) = kind(row);
                    td class=[(!class.is_empty()).then_some(class)] {
                        (on_file.number(if is_old { row.old.map(|line| (Side::Old, line)) } else { row.new.map(|line| (Side::New, line)) }))
                    }
                    td class=[(!class.is_empty()).then_some(class)] {
                        @if !class.is_empty() { span.sign { (sign) } }
                        (line(&row.text, row.mark.as_ref()))
                    }
                }
            }
        }
    };
    html! {
        table.lines.two {
            colgroup { col.n; col; col.n; col; }
            (quiet_head(&["Number", "Before", "Number", "After"]))
            tbody {
                @for pair in &pairs {
                    @match pair {
                        None => tr.gap { td colspan="4" { "⋯" } },
                        Some((old, new)) => {
                            tr { (side(*old, true)) (side(*new, false)) }
                            @if let Some(old) = old { (on_file.below(old)) }
                            @if let Some(new) = new.filter(|new| new.old.is_none()) { (on_file.below(new)) }
                        }
                    }
                }
            }
        }
    }
}
