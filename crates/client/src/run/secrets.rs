//! Keeps secrets out of what a run publishes: its record, its logs and its outputs.
//!
//! The script gets its arguments as they were given; the record has `***` in the place of a secret among them. A log is
//! pushed with its secrets masked, and stays on this computer as it is. An output with a secret in it is not pushed. The
//! record's property [`PROPERTY`] says what was left out and why, and never the secret itself.

use std::fs::File;
use std::io::{self, Read as _, Seek as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use azml_core::ignore::{Rules, Verdict, line_for};
use azml_core::quote::quoted_path;
use azml_core::run::{Metric, RunRecord};
use azml_core::secret::{self, Finding, Masked, Scanner, Values};
use azml_core::small_file;
use gix::bstr::ByteSlice as _;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::attachments::is_log;
use super::config::RunConfig;
use crate::context::Context;
use crate::text::{clean_line, shell_quoted};

/// The property of a record that says which secrets were left out.
pub const PROPERTY: &str = "SecretsLeftOut";
/// The file in a live run's folder with what its logs must not show, for whoever ends the run if this process dies.
const FILE: &str = "secrets.json";
/// The name of the secret in the address of a run's tracking server.
const ADDRESS: &str = "the address of azml's tracking server";
/// The folder of logs that a script writes itself.
const LOGS: &str = "logs";
/// Bytes by which a binary file is told from text.
const SAMPLE: usize = 8_000;
/// Bytes from which on a secret is masked wherever it stands in a line.
const LONG: usize = 6;
/// The most findings of a kind that are named.
const NAMED: usize = 5;

/// The secrets that are known of a run before its script starts.
#[derive(Clone, Default)]
pub struct Secrets {
    pairs: Vec<(String, String)>,
    values: Values,
    /// The same and the secret of the run's tracking server, which ends with the run: a log that has it is masked, an output
    /// is not held back for it.
    log_values: Values,
    force_included: Option<Rules>,
}

/// The secrets that were left out of a record and its attachments.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct LeftOut {
    /// Arguments that are masked in the record, each with the kind of secret.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arguments: Vec<(String, String)>,
    /// Attachments.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<LeftOutFile>,
}

/// An attachment that is not pushed as it is.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct LeftOutFile {
    /// The text of its path.
    pub path: String,
    /// The kind of secret.
    pub rule: String,
    /// The line of the first one, if it is in the content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// Pushed with `***` in the place of each secret; else not pushed.
    pub is_masked: bool,
}

/// The form in which an attachment may travel.
#[derive(Debug)]
pub enum Fate {
    AsItIs,
    /// This copy of it, without its secrets.
    Masked(File, LeftOutFile),
    NotAtAll(LeftOutFile),
}

impl Secrets {
    /// The arguments as they may be recorded, which of them are masked, and what the run's logs must not show: those, and
    /// secret variables of the script's environment.
    pub fn of(
        ctx: &Context,
        root: &Path,
        config: &RunConfig,
        arguments: &[String],
    ) -> (Vec<String>, Vec<Masked>, Self) {
        let plain = ctx.settings.plain_arguments();
        let is_plain = |name: &str| plain.iter().any(|one| *one == "*" || *one == name);
        let secret::Redacted { mut words, mut masked } = secret::arguments(arguments, &is_plain);
        for word in &mut words {
            mask_line(word, &mut masked, &is_plain);
        }
        let mut pairs: Vec<_> = masked.iter().map(|one| (one.name.clone(), one.value.clone())).collect();
        let inherited =
            ctx.env.vars().iter().filter_map(|(name, value)| Some((name.to_str()?, value.to_str()?)));
        let configured = config.environment.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let variables =
            inherited.chain(configured).filter(|(name, value)| secret::is_secret_value(name, value));
        pairs.extend(variables.map(|(name, value)| (name.to_owned(), value.to_owned())));
        (words, masked, Self::new(pairs, root))
    }

    /// Nothing but the forms of secrets, and what the project's `.amlignore` takes back.
    pub fn in_project(root: &Path) -> Self {
        Self::new(Vec::new(), root)
    }

    fn new(pairs: Vec<(String, String)>, root: &Path) -> Self {
        let amlignore = small_file::read(&root.join(azml_core::ignore::FILE)).ok();
        let force_included = amlignore.map(|text| Rules::none().with(0, None, Some(&text)));
        let values = pairs.iter().filter(|(name, _)| name != ADDRESS).cloned();
        Self { values: Values::new(values), log_values: Values::new(pairs.clone()), pairs, force_included }
    }

    /// Adds the secret of the run's tracking server.
    pub fn add_address(&mut self, secret: &str) {
        self.pairs.push((ADDRESS.to_owned(), secret.to_owned()));
        self.log_values = Values::new(self.pairs.clone());
    }

    /// Keeps them for whoever ends the run if this process dies; only the user can read that.
    pub(super) fn keep(&self, live: &Path) -> io::Result<()> {
        if self.log_values.is_empty() {
            return Ok(());
        }
        small_file::replace(&live.join(FILE), &serde_json::to_vec(&self.pairs)?, false)
    }

    /// Those of a run whose azml has died.
    pub(super) fn kept(live: &Path, root: &Path) -> Self {
        let pairs =
            small_file::read(&live.join(FILE)).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Self::new(pairs.unwrap_or_default(), root)
    }

    /// A text for the run's record or a log of azml's own.
    pub fn masked(&self, text: &str) -> String {
        secret::redacted_text(&self.values.masked_text(text)).0
    }

    /// Masks the texts of what a script logged.
    pub fn mask_logged(&self, record: &mut RunRecord) {
        for text in record.parameters.values_mut().chain(record.tags.values_mut()) {
            *text = self.masked(text);
        }
        for metric in record.metrics.values_mut() {
            match metric {
                Metric::Number(_) => {}
                Metric::Text(text) => *text = self.masked(text),
                Metric::List(items) => items.iter_mut().for_each(|item| self.mask_json(item)),
                Metric::Other(value) => self.mask_json(value),
            }
        }
    }

    fn mask_json(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.masked(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.mask_json(item)),
            Value::Object(fields) => fields.values_mut().for_each(|value| self.mask_json(value)),
            _ => {}
        }
    }

    /// Looks into the attachment `name`, which is open.
    pub(super) fn inspect(&self, name: &Path, file: &mut File) -> io::Result<Fate> {
        let bytes = name.as_os_str().as_bytes();
        let is_force_included =
            |rules: &Rules| rules.verdict(bytes.as_bstr(), false) == Verdict::ForceIncluded;
        if self.force_included.as_ref().is_some_and(is_force_included) {
            return Ok(Fate::AsItIs);
        }
        let left_out = |rule: &str, line| LeftOutFile {
            path: quoted_path(name).into_owned(),
            rule: rule.to_owned(),
            line,
            is_masked: false,
        };
        if let Some(rule) = secret::of_name(bytes) {
            return Ok(Fate::NotAtAll(left_out(rule, None)));
        }
        let is_kept_log = is_log(name) || (name.starts_with(LOGS) && is_text(file)?);
        let mut scanner = if is_kept_log { Scanner::all() } else { Scanner::first() };
        feed(file, &mut scanner)?;
        let values = if is_kept_log { &self.log_values } else { &self.values };
        let value = values.first_in(rewound(file)?)?.map(|name| format!("the value of {name}"));
        let first = scanner.findings().first();
        let found = match (first, value) {
            (Some(Finding { rule, line, .. }), _) => left_out(rule, Some(*line)),
            (None, Some(rule)) => left_out(&rule, None),
            (None, None) => return Ok(Fate::AsItIs),
        };
        if !is_kept_log || scanner.has_overflowed() {
            return Ok(Fate::NotAtAll(found));
        }
        let mut plain = tempfile::tempfile()?;
        secret::redacted(rewound(file)?, &mut plain, &scanner)?;
        let mut masked = tempfile::tempfile()?;
        values.masked(rewound(&mut plain)?, &mut masked)?;
        masked.rewind()?;
        Ok(Fate::Masked(masked, LeftOutFile { is_masked: true, ..found }))
    }
}

/// Masks the secrets among the words of an argument that is a line of shell.
fn mask_line(line: &mut String, masked: &mut Vec<Masked>, is_plain: &dyn Fn(&str) -> bool) {
    let words: Vec<String> =
        line.split_whitespace().map(|word| word.trim_matches(['\'', '"', ';']).to_owned()).collect();
    if words.len() < 2 {
        return;
    }
    for found in secret::arguments(&words, is_plain).masked {
        let Masked { name, value, .. } = &found;
        for between in ["=", " ", "='", " '", "=\"", " \""] {
            let with = |value: &str| format!("{name}{between}{value}");
            *line = line.replace(&with(value), &with(secret::MASK));
        }
        // What is shorter may be part of other words.
        if value.len() >= LONG {
            *line = line.replace(value, secret::MASK);
        }
        masked.push(found);
    }
}

fn rewound(file: &mut File) -> io::Result<&mut File> {
    file.rewind()?;
    Ok(file)
}

fn feed(file: &mut File, scanner: &mut Scanner) -> io::Result<()> {
    let mut buffer = vec![0; 128 * 1024];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            count => scanner.feed(&buffer[..count]),
        }
    }
    scanner.end();
    Ok(())
}

/// Returns whether a file has no zeros at its beginning, as Git tells text.
fn is_text(file: &mut File) -> io::Result<bool> {
    let mut sample = Vec::with_capacity(SAMPLE);
    (&*file).take(SAMPLE as u64).read_to_end(&mut sample)?;
    file.rewind()?;
    Ok(!sample.contains(&0))
}

impl LeftOut {
    /// Reads it from a record.
    pub fn of(record: &RunRecord) -> Self {
        let found = record.properties.get(PROPERTY).cloned();
        found.and_then(|found| serde_json::from_value(found).ok()).unwrap_or_default()
    }

    /// Returns why an attachment is not pushed, if that is for a secret in it.
    pub fn why_not_pushed(&self, path: &Path) -> Option<&str> {
        let path = quoted_path(path);
        self.files.iter().find(|file| file.path == path && !file.is_masked).map(|file| file.rule.as_str())
    }

    /// Puts it into a record.
    pub fn put(&self, record: &mut RunRecord) {
        record.properties.remove(PROPERTY);
        if *self != Self::default()
            && let Ok(value) = serde_json::to_value(self)
        {
            record.properties.insert(PROPERTY.to_owned(), value);
        }
    }

    /// The lines of the report at the end of a run; `folder` is where the attachments are.
    pub(super) fn lines(&self, folder: &Path) -> Vec<String> {
        let mut lines = Vec::new();
        let mut add = |what: String, names: Vec<String>| {
            if !names.is_empty() {
                let more = if names.len() > NAMED {
                    format!(" and {} more", names.len() - NAMED)
                } else {
                    String::new()
                };
                lines.push(format!("{what}: {}{more}", names[..names.len().min(NAMED)].join(", ")));
            }
        };
        let files = |is_masked| self.files.iter().filter(move |file| file.is_masked == is_masked);
        add(
            format!("Not pushed, it looks like a secret; kept in {}", quoted_path(folder)),
            files(false).map(LeftOutFile::display).collect(),
        );
        add(
            "Pushed with *** in the place of secrets".to_owned(),
            files(true).map(LeftOutFile::display).collect(),
        );
        add(
            "Recorded with *** in the place of secrets".to_owned(),
            self.arguments.iter().map(|(name, rule)| format!("{} ({rule})", clean_line(name))).collect(),
        );
        lines
    }

    /// The hints that take a false alarm back, one for each kind.
    pub fn hints(&self, ctx: &Context) -> Vec<String> {
        let mut hints = Vec::new();
        let line = |path: &str| {
            let bytes = azml_core::quote::unquoted_path(path);
            shell_quoted(&format!("!{}", line_for(bytes.as_os_str().as_bytes().as_bstr())))
        };
        let file = |is_masked: bool| self.files.iter().find(|file| file.is_masked == is_masked);
        if let Some(file) = file(false) {
            hints.push(format!(
                "if it is none, have it pushed from the next run on: echo {} >> .amlignore",
                line(&file.path)
            ));
        }
        if let Some(file) = file(true) {
            hints.push(format!(
                "if they are none, have them pushed from the next run on: echo {} >> .amlignore",
                line(&file.path)
            ));
        }
        if let Some((name, _)) = self.arguments.first() {
            let mut names = ctx.settings.plain_arguments();
            let bare = name.trim_start_matches(['-', '+']);
            names.push(if bare.contains(' ') { "*" } else { bare });
            hints.push(format!(
                "if it is none, have it recorded from the next run on: {{azml}} config set plain_arguments {}",
                shell_quoted(&names.join(","))
            ));
        }
        hints
    }
}

impl LeftOutFile {
    fn display(&self) -> String {
        let line = self.line.map_or_else(String::new, |line| format!(", line {line}"));
        format!("{} ({}{line})", clean_line(&self.path), clean_line(&self.rule))
    }
}

/// The arguments of a record that are masked.
pub fn named(masked: &[Masked]) -> Vec<(String, String)> {
    let mut names: Vec<_> = masked.iter().map(|one| (one.name.clone(), one.rule.to_owned())).collect();
    names.dedup();
    names
}
