//! The form in which the record of a sweep keeps what its members are, so that a killed sweep can be resumed.

use azml_core::run::RunRecord;
use azml_core::secret::MASK;
use serde::{Deserialize, Serialize};

use super::Error;
use super::space::{Space, Values};
use super::template;
use crate::ops::submit::Wanted;

/// The key of a record for the definition of a sweep.
const KEY: &str = "sweep";
/// The version that this code writes and reads.
const VERSION: u64 = 1;
/// The words before a line of shell.
const SHELL: [&str; 2] = ["/bin/sh", "-c"];
/// The words before a module of Python.
const MODULE: [&str; 2] = ["python", "-m"];

/// The definition of a sweep. The record has the command's words itself.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Definition {
    version: u64,
    /// The run configuration's name.
    pub configuration: String,
    /// The parameters as they were given.
    pub parameters: Vec<(String, String)>,
    /// The combinations, in the order of the members.
    pub members: Vec<u64>,
    /// The seed of a sample.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// True if the last word is a line of shell.
    #[serde(default)]
    shell: bool,
    /// True if the third word is a module of Python, and arguments follow it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    module: bool,
    /// The names of the variables that the members were given; their values are in no record.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub environment: Vec<String>,
    /// Files of the project folder that the snapshot left out and the members may want.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
}

impl Definition {
    /// A definition of this version.
    pub fn new(configuration: &str, parameters: Vec<(String, String)>, members: Vec<u64>) -> Self {
        Self {
            version: VERSION,
            configuration: configuration.to_owned(),
            parameters,
            members,
            seed: None,
            shell: false,
            module: false,
            environment: Vec::new(),
            left_out: Vec::new(),
        }
    }

    /// Writes it into the record of the sweep.
    pub fn put(&self, record: &mut RunRecord) {
        let value = serde_json::to_value(self).expect("text and numbers are JSON");
        record.extra.insert(KEY.to_owned(), value);
    }

    /// Returns whether a record is a sweep's.
    pub fn is_in(record: &RunRecord) -> bool {
        record.extra.contains_key(KEY)
    }

    /// Reads it, and the command's words, from the record of a sweep.
    pub fn of(record: &RunRecord) -> Result<(Self, Vec<String>), Error> {
        let run = || record.run_id.clone();
        let value = record.extra.get(KEY).ok_or_else(|| Error::NoSweep { run: run() })?;
        if value["version"].as_u64().is_none_or(|version| version > VERSION) {
            return Err(Error::Newer { run: run() });
        }
        let read = serde_json::from_value::<Self>(value.clone());
        let definition = read.map_err(|source| Error::Damaged { run: run(), source })?;
        let words = record.command.clone().filter(|words| !words.is_empty());
        let words = words.ok_or_else(|| Error::NoSweep { run: run() })?;
        Ok((definition, words))
    }

    /// Takes the members' program, which has placeholders; gives its words as the record has them.
    pub fn take_program(&mut self, wanted: Wanted) -> Vec<String> {
        (self.shell, self.module) = (false, false);
        let owned = |words: [&str; 2]| words.map(str::to_owned);
        match wanted {
            Wanted::Shell(line) => {
                self.shell = true;
                owned(SHELL).into_iter().chain([line]).collect()
            }
            Wanted::Module(name, arguments) => {
                self.module = true;
                owned(MODULE).into_iter().chain([name]).chain(arguments).collect()
            }
            Wanted::Script(words) | Wanted::Command(words) => words,
        }
    }

    /// Returns whether a secret is missing in words that come from a record.
    pub fn is_masked(words: &[String]) -> bool {
        words.iter().any(|word| word.contains(MASK))
    }

    /// The values of each member, by its number from 1.
    pub fn values(&self) -> Result<Vec<(u64, Values)>, Error> {
        let space = Space::parse(&self.parameters)?;
        let values = self.members.iter().filter_map(|member| space.values(*member));
        Ok((1..).zip(values).collect())
    }

    /// The program of the member with these values.
    pub fn wanted(&self, words: &[String], values: &Values) -> Result<Wanted, Error> {
        let mut words = template::fill(words, self.shell, values)?;
        if self.shell
            && let Some(line) = words.pop()
        {
            return Ok(Wanted::Shell(line));
        }
        if self.module && words.len() > MODULE.len() {
            let arguments = words.split_off(MODULE.len() + 1);
            return Ok(Wanted::Module(words.swap_remove(MODULE.len()), arguments));
        }
        Ok(Wanted::Command(words))
    }
}
