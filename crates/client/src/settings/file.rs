//! `config.toml`: read as keys with plain values, changed one key at a time.
//!
//! A change replaces the file as a whole by rename, and keeps comments and order.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use toml_edit::{DocumentMut, Item, Value};

use super::Setting;

/// The name of the file in azml's configuration folder.
pub const FILE_NAME: &str = "config.toml";

/// Why the file of settings can't be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// The system refuses.
    #[error("cannot {doing} {}", path.display())]
    Io {
        doing: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// It is not TOML.
    #[error("{} is not TOML", path.display())]
    Syntax {
        path: PathBuf,
        /// The place and the fault.
        #[source]
        source: Box<toml_edit::TomlError>,
    },
    /// A table or list where a plain value belongs.
    #[error("`{key}` in {} is no plain value", path.display())]
    NotPlain { path: PathBuf, key: String },
}

/// The keys with their values as text; none if there is no file.
pub(super) fn read(path: &Path) -> Result<BTreeMap<String, String>, FileError> {
    let document = parse(path)?;
    document
        .iter()
        .map(|(key, item)| {
            let text = plain(item)
                .ok_or_else(|| FileError::NotPlain { path: path.to_owned(), key: key.to_owned() })?;
            Ok((key.to_owned(), text))
        })
        .collect()
}

/// Sets a key, or removes it.
pub(super) fn write(path: &Path, setting: &Setting, value: Option<&str>) -> Result<(), FileError> {
    let Some(value) = value else { return remove(path, setting.key) };
    let mut document = parse(path)?;
    let number = setting.kind.is_number().then(|| value.trim());
    let item = match number.map(|text| (text.parse::<i64>(), text.parse::<f64>())) {
        Some((Ok(whole), _)) => Value::from(whole),
        Some((_, Ok(fraction))) => Value::from(fraction),
        _ => Value::from(value),
    };
    document[setting.key] = Item::Value(item);
    replace(path, &document)
}

/// Removes a key, if it is there.
pub(super) fn remove(path: &Path, key: &str) -> Result<(), FileError> {
    let mut document = parse(path)?;
    match document.remove(key) {
        Some(_) => replace(path, &document),
        None => Ok(()),
    }
}

fn parse(path: &Path) -> Result<DocumentMut, FileError> {
    let text = match azml_core::small_file::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(source) => return Err(FileError::Io { doing: "read", path: path.to_owned(), source }),
    };
    text.parse().map_err(|source| FileError::Syntax { path: path.to_owned(), source: Box::new(source) })
}

fn plain(item: &Item) -> Option<String> {
    match item.as_value()? {
        Value::String(text) => Some(text.value().clone()),
        Value::Integer(number) => Some(number.value().to_string()),
        Value::Float(number) => Some(number.value().to_string()),
        Value::Boolean(truth) => Some(truth.value().to_string()),
        _ => None,
    }
}

fn replace(path: &Path, document: &DocumentMut) -> Result<(), FileError> {
    let io = |doing| move |source| FileError::Io { doing, path: path.to_owned(), source };
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(io("make the folder of"))?;
    azml_core::small_file::replace(path, document.to_string().as_bytes(), false).map_err(io("write"))
}
