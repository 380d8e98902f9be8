//! A comparison as people read it: two tables, then what `git diff` would say.

use azml_core::quote::quoted;
use azml_core::run::RunRecord;
use serde_json::{Map, Value};

use crate::ops::compare::code::{Change, Code};
use crate::ops::compare::records::Line;
use crate::text::clean;
use crate::ui::{Numbers, tabulate};

/// The greatest width of the bar of a file's changed lines, in columns.
const BAR: u64 = 40;
/// The characters of a long value that are shown.
const SHOWN: usize = 60;

/// The style of the text.
#[derive(Clone, Copy)]
pub(super) struct Style {
    /// Also what is the same.
    pub(super) all: bool,
    pub(super) colors: bool,
    /// A terminal reads it.
    pub(super) clean: bool,
}

impl Style {
    fn paint(self, text: &str, style: &str) -> String {
        let text = if self.clean { clean(text) } else { text.to_owned() };
        if self.colors && !text.is_empty() { format!("\u{1b}[{style}m{text}\u{1b}[0m") } else { text }
    }
}

/// The whole text.
pub(super) fn render(
    records: &[RunRecord],
    properties: &[Line],
    metrics: &[Line],
    codes: &[Code],
    look: Style,
) -> String {
    let mut out = String::new();
    for (title, lines) in [("Property", properties), ("Metric", metrics)] {
        let shown: Vec<&Line> =
            lines.iter().filter(|line| look.all || (line.differs() && !line.is_identity)).collect();
        if !shown.is_empty() {
            out += &table(title, records, &shown, look);
            out.push('\n');
        }
    }
    for code in codes {
        out += &render_code(code, codes.len() > 1, look);
    }
    if out.is_empty() { "Nothing differs.\n".to_owned() } else { out.trim_end().to_owned() + "\n" }
}

fn table(title: &str, records: &[RunRecord], lines: &[&Line], look: Style) -> String {
    let rows: Vec<Map<String, Value>> = lines
        .iter()
        .map(|line| {
            let mut row = Map::from_iter([(title.to_owned(), Value::from(line.name.clone()))]);
            for (at, (record, value)) in records.iter().zip(&line.values).enumerate() {
                // A run may be compared with itself.
                let is_there = records[..at].iter().any(|other| other.run_id == record.run_id);
                let again = if is_there { format!(" ({})", at + 1) } else { String::new() };
                let header = format!("{}{again}", record.run_id);
                row.insert(header, shown(value).into());
            }
            if title == "Metric" && records.len() == 2 {
                let change = line.difference().filter(|change| *change != 0.0);
                let change = change.map_or_else(String::new, |change| crate::text::signed(change, 6));
                row.insert("Difference".to_owned(), change.into());
            }
            row
        })
        .collect();
    let text = tabulate(&rows, Numbers::AsText);
    let (head, rest) = text.split_once('\n').unwrap_or((&text, ""));
    format!("{}\n{rest}", look.paint(head, "1"))
}

fn shown(value: &Value) -> String {
    let text = match value {
        Value::Null => return String::new(),
        Value::String(text) => text.clone(),
        Value::Array(words) if !words.is_empty() && words.iter().all(Value::is_string) => {
            words.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" ")
        }
        other => other.to_string(),
    };
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

fn render_code(code: &Code, is_one_of_many: bool, look: Style) -> String {
    let mut out = String::new();
    if is_one_of_many {
        out += &look.paint(&format!("Code of {} and {}", code.from, code.to), "1");
        out.push('\n');
    }
    if code.files.is_empty() {
        return out + "The code is the same.\n\n";
    }
    out += &stat(&code.files, look);
    out.push('\n');
    for file in code.files.iter().filter(|_| code.with_lines) {
        if file.hunks.is_empty() && file.opaque.is_none() && !is_in_header(file) {
            continue;
        }
        for line in file.header().lines() {
            out += &look.paint(line, "1");
            out.push('\n');
        }
        for line in file.hunks.split_inclusive('\n') {
            let line = line.trim_end_matches('\n');
            let style = match line.bytes().next() {
                Some(b'+') => "32",
                Some(b'-') => "31",
                Some(b'@') => "36",
                _ => "0",
            };
            out += &if style == "0" { plain(line, look) } else { look.paint(line, style) };
            out.push('\n');
        }
    }
    out.push('\n');
    out
}

/// With hunks shown, a rename or a change of mode is told by its header alone.
fn is_in_header(file: &Change) -> bool {
    let is_whole = file.added == 0 && file.removed == 0;
    is_whole && (file.old_path.is_some() || file.modes.0 != file.modes.1)
}

fn plain(line: &str, look: Style) -> String {
    if look.clean { clean(line) } else { line.to_owned() }
}

/// The files with a bar each, as `git diff --stat`.
fn stat(files: &[Change], look: Style) -> String {
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
                look.paint(&bar("+", file.added), "32"),
                look.paint(&bar("-", file.removed), "31")
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
