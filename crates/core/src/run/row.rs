//! A run record in few bytes that are read fast, and of which a part can be read: the form of the run list.
//!
//! A row is a byte for its form, then the record. [`STORED`]: the bytes as they are stored, for what this form does not say.
//! [`ENCODED`]: the fields that every list looks at, then parameters, tags, metrics and properties by name, then all else.
//! Numbers are LEB128. Texts that repeat (names, scripts, users) are numbers of words, which the list holds once.

use std::collections::HashMap;

use jiff::Timestamp;
use serde_json::{Number, Value};

use super::{Curve, Metric, RunRecord, Status};
use crate::id::RunId;

const STORED: u8 = 0;
const ENCODED: u8 = 1;

/// The parts of records that are wanted.
#[derive(Clone, Copy, Debug)]
pub enum Parts<'p> {
    /// Everything.
    All,
    /// All parameters, tags and metrics, and the fields of one value: what tables show. Neither arguments, command, description,
    /// properties, attachments nor curves; keys of newer versions of runs that wait or have failed alone, for why.
    Columns,
    /// All but attachments and curves; and of parameters, tags, metrics, properties and keys of newer versions those of these
    /// names alone, whatever their case. All else is as if the run had none.
    Named(&'p [&'p str]),
}

/// Texts that rows name by their numbers.
#[derive(Default)]
pub(super) struct Words {
    numbers: HashMap<String, u64>,
    /// Those that came since.
    pub(super) added: Vec<String>,
}

impl Words {
    pub(super) fn of<'w>(known: impl IntoIterator<Item = &'w str>) -> Self {
        let numbers = known.into_iter().zip(0..).map(|(word, number)| (word.to_owned(), number)).collect();
        Self { numbers, added: Vec::new() }
    }

    fn number(&mut self, word: &str) -> u64 {
        if let Some(number) = self.numbers.get(word) {
            return *number;
        }
        let number = self.numbers.len() as u64;
        self.numbers.insert(word.to_owned(), number);
        self.added.push(word.to_owned());
        number
    }
}

/// Appends the row of a record that is stored as `stored`.
pub(super) fn write(run: &RunId, stored: &[u8], words: &mut Words, out: &mut Vec<u8>) {
    let from = out.len();
    if let Ok(record) = RunRecord::of_run(run, stored)
        && let Some(status) = Status::ALL.iter().position(|status| *status == record.status)
    {
        out.push(ENCODED);
        Writer { words, out }.record(&record, status);
        return;
    }
    out.truncate(from);
    out.push(STORED);
    out.extend_from_slice(stored);
}

/// Reads a row; one that can't be read has a stand-in.
pub(super) fn read(run: RunId, row: &[u8], words: &[&str], wanted: &Wanted) -> Option<RunRecord> {
    let (form, row) = row.split_first()?;
    match *form {
        STORED => {
            Some(RunRecord::of_run(&run, row).unwrap_or_else(|why| RunRecord::stand_in(run, row, &why)))
        }
        ENCODED => Reader { bytes: row, words }.record(run, wanted),
        _ => None,
    }
}

/// [`Parts`] as numbers of words.
pub(super) struct Wanted {
    /// Of parameters, tags and metrics; `None` wants all.
    words: Option<Vec<bool>>,
    /// Of properties and keys of newer versions.
    has_others: bool,
    is_all: bool,
}

impl Wanted {
    /// `words` are the texts that rows name.
    pub(super) fn new(parts: Parts<'_>, words: &[&str]) -> Self {
        let words = match parts {
            Parts::All | Parts::Columns => None,
            Parts::Named(names) => {
                let is_named = |word: &&str| names.iter().any(|name| name.eq_ignore_ascii_case(word));
                Some(words.iter().map(is_named).collect())
            }
        };
        Self { words, has_others: !matches!(parts, Parts::Columns), is_all: matches!(parts, Parts::All) }
    }

    fn has(&self, word: usize) -> bool {
        self.words.as_ref().is_none_or(|wanted| wanted.get(word) == Some(&true))
    }
}

struct Writer<'w> {
    words: &'w mut Words,
    out: &'w mut Vec<u8>,
}

impl Writer<'_> {
    fn record(&mut self, record: &RunRecord, status: usize) {
        let options = [
            record.hidden,
            record.heartbeat_enabled,
            record.start_time_utc.is_some(),
            record.end_time_utc.is_some(),
            record.exit_code.is_some(),
            record.parent_run_id.is_some(),
            record.name.is_some(),
            record.host.is_some(),
            record.pid.is_some(),
            record.edited_utc.is_some(),
            record.command.is_some(),
            record.description.is_some(),
        ];
        let flags = options.iter().enumerate().map(|(at, is_set)| u64::from(*is_set) << at).sum();
        self.number(flags);
        self.number(status as u64);
        self.number(record.run_number);
        for word in [&record.script_name, &record.target, &record.user_id, &record.experiment_id] {
            self.word(word);
        }
        let moments = [Some(record.created_utc), record.start_time_utc, record.end_time_utc];
        moments.into_iter().flatten().for_each(|at| self.moment(at));
        record.exit_code.into_iter().for_each(|code| self.signed(code.into()));
        record.parent_run_id.iter().for_each(|id| self.word(id));
        record.name.iter().for_each(|name| self.text(name.as_bytes()));
        record.host.iter().for_each(|host| self.word(host));
        self.number(record.arguments.len() as u64);
        record.arguments.iter().for_each(|argument| self.text(argument.as_bytes()));
        for texts in [&record.parameters, &record.tags] {
            self.number(texts.len() as u64);
            for (name, text) in texts {
                self.word(name);
                self.text(text.as_bytes());
            }
        }
        self.number(record.metrics.len() as u64);
        for (name, metric) in &record.metrics {
            self.word(name);
            self.metric(metric);
        }
        self.number(record.properties.len() as u64);
        for (name, value) in &record.properties {
            self.word(name);
            self.json(value);
        }
        record.pid.into_iter().for_each(|pid| self.number(pid.into()));
        record.edited_utc.into_iter().for_each(|at| self.moment(at));
        if let Some(command) = &record.command {
            self.number(command.len() as u64);
            for word in command {
                self.text(word.as_bytes());
            }
        }
        record.description.iter().for_each(|text| self.text(text.as_bytes()));
        self.number(record.attachments.len() as u64);
        record.attachments.iter().for_each(|name| self.word(name));
        self.number(record.curves.len() as u64);
        for (name, curve) in &record.curves {
            self.word(name);
            self.json(&curve.to_value());
        }
        self.number(record.extra.len() as u64);
        for (key, value) in &record.extra {
            self.word(key);
            self.json(value);
        }
    }

    fn number(&mut self, number: u64) {
        number_to(number, self.out);
    }

    /// Small numbers of either sign are short.
    fn signed(&mut self, number: i64) {
        self.number(((number << 1) ^ (number >> 63)).cast_unsigned());
    }

    fn moment(&mut self, at: Timestamp) {
        self.signed(at.as_second());
        self.signed(at.subsec_nanosecond().into());
    }

    fn word(&mut self, word: &str) {
        let number = self.words.number(word);
        self.number(number);
    }

    fn text(&mut self, text: &[u8]) {
        self.number(text.len() as u64);
        self.out.extend_from_slice(text);
    }

    fn json(&mut self, value: &Value) {
        let text = serde_json::to_vec(value).expect("a value is JSON");
        self.text(&text);
    }

    fn metric(&mut self, metric: &Metric) {
        match metric {
            Metric::Number(number) => {
                if let Some(number) = number.as_u64() {
                    self.out.push(0);
                    self.number(number);
                } else if let Some(number) = number.as_i64() {
                    self.out.push(1);
                    self.signed(number);
                } else {
                    self.out.push(2);
                    self.out.extend_from_slice(&number.as_f64().unwrap_or_default().to_le_bytes());
                }
            }
            Metric::Text(text) => {
                self.out.push(3);
                self.text(text.as_bytes());
            }
            other => {
                self.out.push(4);
                self.json(&other.to_value());
            }
        }
    }
}

/// Appends a number: seven bits a byte, the lowest first.
pub(super) fn number_to(mut number: u64, out: &mut Vec<u8>) {
    loop {
        let low = number.to_le_bytes()[0];
        number >>= 7;
        if number == 0 {
            out.push(low & 0x7f);
            return;
        }
        out.push(low | 0x80);
    }
}

/// Reads what was written; `None` for bytes that nobody writes.
pub(super) struct Reader<'b> {
    pub(super) bytes: &'b [u8],
    pub(super) words: &'b [&'b str],
}

impl<'b> Reader<'b> {
    fn record(mut self, run: RunId, wanted: &Wanted) -> Option<RunRecord> {
        let flags = self.number()?;
        let mut at = 0..;
        let mut is_set = || at.next().is_some_and(|at: u32| flags >> at & 1 == 1);
        let mut record = RunRecord::of(run, String::new(), Timestamp::UNIX_EPOCH);
        (record.hidden, record.heartbeat_enabled) = (is_set(), is_set());
        let [start, end, exit, parent, name, host, pid, edited, command, description] =
            std::array::from_fn(|_| is_set());
        record.status = *Status::ALL.get(usize::try_from(self.number()?).ok()?)?;
        record.run_number = self.number()?;
        self.word()?.1.clone_into(&mut record.script_name);
        self.word()?.1.clone_into(&mut record.target);
        self.word()?.1.clone_into(&mut record.user_id);
        self.word()?.1.clone_into(&mut record.experiment_id);
        record.created_utc = self.moment()?;
        record.start_time_utc = self.optional(start, Self::moment)?;
        record.end_time_utc = self.optional(end, Self::moment)?;
        record.exit_code = self.optional(exit, |from| from.signed()?.try_into().ok())?;
        record.parent_run_id = self.optional(parent, |from| Some(from.word()?.1.to_owned()))?;
        record.name = self.optional(name, Self::owned)?;
        record.host = self.optional(host, |from| Some(from.word()?.1.to_owned()))?;
        record.arguments = self.texts(wanted.has_others)?;
        for texts in [&mut record.parameters, &mut record.tags] {
            for _ in 0..self.number()? {
                let ((number, name), text) = (self.word()?, self.text()?);
                if wanted.has(number) {
                    texts.insert(name.to_owned(), std::str::from_utf8(text).ok()?.to_owned());
                }
            }
        }
        for _ in 0..self.number()? {
            let (number, name) = self.word()?;
            if let Some(metric) = self.metric(wanted.has(number))? {
                record.metrics.insert(name.to_owned(), metric);
            }
        }
        for _ in 0..self.number()? {
            let ((number, name), text) = (self.word()?, self.text()?);
            if wanted.has_others && wanted.has(number) {
                record.properties.insert(name.to_owned(), serde_json::from_slice(text).ok()?);
            }
        }
        record.pid = self.optional(pid, |from| from.number()?.try_into().ok())?;
        record.edited_utc = self.optional(edited, Self::moment)?;
        record.command =
            self.optional(command, |from| from.texts(wanted.has_others))?.filter(|_| wanted.has_others);
        record.description = self.optional(description, Self::owned)?.filter(|_| wanted.has_others);
        for _ in 0..self.number()? {
            let (_, name) = self.word()?;
            if wanted.is_all {
                record.attachments.push(name.to_owned());
            }
        }
        for _ in 0..self.number()? {
            let ((_, name), text) = (self.word()?, self.text()?);
            if wanted.is_all {
                record.curves.insert(name.to_owned(), serde_json::from_slice::<Curve>(text).ok()?);
            }
        }
        for _ in 0..self.number()? {
            let ((number, key), text) = (self.word()?, self.text()?);
            // The table says why a run waits, or how its engine ended it.
            let is_told = matches!(record.status, Status::Queued | Status::Failed);
            if (wanted.has_others || is_told) && wanted.has(number) {
                record.extra.insert(key.to_owned(), serde_json::from_slice(text).ok()?);
            }
        }
        self.bytes.is_empty().then_some(record)
    }

    pub(super) fn take(&mut self, count: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.bytes.split_at_checked(count)?;
        self.bytes = rest;
        Some(taken)
    }

    pub(super) fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.bytes.split_first()?;
            self.bytes = rest;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn signed(&mut self) -> Option<i64> {
        let number = self.number()?;
        Some((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    fn moment(&mut self) -> Option<Timestamp> {
        let (second, nanosecond) = (self.signed()?, self.signed()?);
        Timestamp::new(second, i32::try_from(nanosecond).ok()?).ok()
    }

    /// A word with its number.
    fn word(&mut self) -> Option<(usize, &'b str)> {
        let number = usize::try_from(self.number()?).ok()?;
        Some((number, self.words.get(number)?))
    }

    pub(super) fn text(&mut self) -> Option<&'b [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        self.take(length)
    }

    fn owned(&mut self) -> Option<String> {
        Some(std::str::from_utf8(self.text()?).ok()?.to_owned())
    }

    #[expect(clippy::option_option, reason = "what is not there is no fault")]
    fn optional<T>(
        &mut self,
        is_there: bool,
        read: impl FnOnce(&mut Self) -> Option<T>,
    ) -> Option<Option<T>> {
        if is_there { read(self).map(Some) } else { Some(None) }
    }

    /// Several texts; none if they are not wanted.
    fn texts(&mut self, are_wanted: bool) -> Option<Vec<String>> {
        let mut texts = Vec::new();
        for _ in 0..self.number()? {
            let text = self.text()?;
            if are_wanted {
                texts.push(std::str::from_utf8(text).ok()?.to_owned());
            }
        }
        Some(texts)
    }

    /// A metric, if it is wanted.
    #[expect(clippy::option_option, reason = "what is not wanted is no fault")]
    fn metric(&mut self, is_wanted: bool) -> Option<Option<Metric>> {
        let kind = *self.take(1)?.first()?;
        let metric = match kind {
            0 => Metric::Number(self.number()?.into()),
            1 => Metric::Number(self.signed()?.into()),
            2 => Metric::Number(Number::from_f64(f64::from_le_bytes(self.take(8)?.try_into().ok()?))?),
            3 | 4 => {
                let text = self.text()?;
                match kind {
                    _ if !is_wanted => return Some(None),
                    3 => Metric::Text(std::str::from_utf8(text).ok()?.to_owned()),
                    _ => Metric::from(serde_json::from_slice::<Value>(text).ok()?),
                }
            }
            _ => return None,
        };
        Some(is_wanted.then_some(metric))
    }
}
