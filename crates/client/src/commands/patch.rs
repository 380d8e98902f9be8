//! Differences between files as people read them: `git diff`'s patch and its `--stat`, in colour.

use azml_core::quote::quoted;
use gix::bstr::ByteSlice as _;

use crate::context::Context;
use crate::ops::compare::code::Change;
use crate::ops::compare::patch::patch;
use crate::text::clean;
use crate::ui::Ui;

/// The greatest width of the bar of a file's changed lines, in columns.
const BAR: u64 = 40;

/// The colours, and whether a terminal has to be spared foreign escapes.
#[derive(Clone, Copy)]
pub(super) struct Paint {
    colors: bool,
    clean: bool,
}

impl Paint {
    pub(super) fn of(ui: &Ui, ctx: &Context) -> Self {
        Self { colors: ui.colors_output(), clean: ctx.env.stdout_is_terminal }
    }

    /// The text in a style of the terminal.
    pub(super) fn paint(self, text: &str, style: &str) -> String {
        let text = if self.clean { clean(text) } else { text.to_owned() };
        if self.colors && !text.is_empty() { format!("\u{1b}[{style}m{text}\u{1b}[0m") } else { text }
    }

    /// The text as it is.
    pub(super) fn plain(self, line: &str) -> String {
        if self.clean { clean(line) } else { line.to_owned() }
    }
}

/// The patch of one file.
pub(super) fn text(file: &Change, paint: Paint) -> String {
    let patch = patch(file);
    let mut out = String::with_capacity(patch.len());
    let mut is_header = true;
    for line in patch.lines_with_terminator() {
        let line = line.to_str_lossy();
        let line = line.trim_end_matches('\n');
        is_header = line.starts_with("diff ") || (is_header && !line.starts_with("@@"));
        out += &match line.bytes().next() {
            _ if is_header => paint.paint(line, "1"),
            Some(b'+') => paint.paint(line, "32"),
            Some(b'-') => paint.paint(line, "31"),
            Some(b'@') => paint.paint(line, "36"),
            _ => paint.plain(line),
        };
        out.push('\n');
    }
    out
}

/// The files with a bar each, as `git diff --stat`.
pub(super) fn stat(files: &[Change], paint: Paint) -> String {
    let name = |file: &Change| match &file.old_path {
        Some(old) => format!("{} => {}", quoted(old), quoted(&file.path)),
        None => quoted(&file.path).into_owned(),
    };
    let names: Vec<String> = files.iter().map(name).collect();
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or_default();
    let most = files.iter().map(|file| file.added + file.removed).max().unwrap_or_default();
    let digits = most.to_string().len().max(3);
    let mut out = String::new();
    for (file, name) in files.iter().zip(&names) {
        out.extend([format!(" {name:width$} | ")]);
        if let Some(why) = file.opaque {
            out.extend([format!("{:>digits$} ({why})", "Bin")]);
        } else {
            // Whatever changed has a mark.
            let scaled = |lines: u64| {
                if most > BAR { (lines * BAR / most).max(u64::from(lines > 0)) } else { lines }
            };
            let bar = |mark: &str, lines| mark.repeat(usize::try_from(scaled(lines)).unwrap_or_default());
            let text = format!(
                "{:>digits$} {}{}",
                file.added + file.removed,
                paint.paint(&bar("+", file.added), "32"),
                paint.paint(&bar("-", file.removed), "31")
            );
            out += text.trim_end();
        }
        out.push('\n');
    }
    let (added, removed): (u64, u64) =
        files.iter().fold((0, 0), |sum, file| (sum.0 + file.added, sum.1 + file.removed));
    let s = |count| if count == 1 { "" } else { "s" };
    out.extend([format!(
        " {} file{} changed, {added} insertion{}(+), {removed} deletion{}(-)\n",
        files.len(),
        if files.len() == 1 { "" } else { "s" },
        s(added),
        s(removed)
    )]);
    out
}
