//! The artifacts of a run: its outputs at the root, and what azml keeps beside them in the folder `azml`.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Component, Path, PathBuf};

use azml_core::quote::unquoted_path;
use azml_core::run::RunRecord;
use serde_json::{Value, json};

use super::Request;
use crate::error::CommandError;
use crate::mlflow::refusal::{Refusal, short};
use crate::ops::mlflow::exported;
use crate::ops::{fetch, runs};
use crate::run::attachments::Attachments;
use crate::run::outputs::FOLDER;
use crate::run::upload;

/// The folder of logs and other attachments that are no outputs.
const LOGS: &str = "azml";

/// A file of a run.
struct Artifact {
    /// The record whose attachment it is: 0 is the run's own, 1 that of the run around it.
    owner: usize,
    /// Its path among these.
    path: PathBuf,
    /// Its length, if it is on this computer.
    size: Option<u64>,
}

/// All files of a run, by their paths as MLflow's clients have them.
pub struct Artifacts {
    owners: Vec<RunRecord>,
    files: BTreeMap<PathBuf, Artifact>,
}

impl Artifacts {
    /// Those of a run.
    pub fn of(request: &Request<'_>, run: &str) -> Result<Self, Refusal> {
        let entry = request.run(run)?;
        let record = |id: &str| {
            runs::resolve_current(request.ctx, &request.opened, id)
                .map_err(|error| Refusal::missing(CommandError::from(error).chain().join(": ")))
        };
        let own = record(entry.id.as_str())?;
        let around = match exported::main_of(&own).zip(exported::nested_folder(&own)) {
            Some((main, folder)) => Some((record(main.as_str())?, folder.to_owned())),
            None => None,
        };
        let mut files = BTreeMap::new();
        let mut owners = vec![own];
        for (path, size) in found(request, &owners[0])? {
            let name = match path.strip_prefix(FOLDER) {
                Ok(output) => output.to_owned(),
                Err(_) => Path::new(LOGS).join(&path),
            };
            files.insert(name, Artifact { owner: 0, path, size });
        }
        if let Some((main, folder)) = around {
            for (path, size) in found(request, &main)? {
                if let Ok(name) = path.strip_prefix(&folder) {
                    files.insert(name.to_owned(), Artifact { owner: 1, path, size });
                }
            }
            owners.push(main);
        }
        Ok(Self { owners, files })
    }

    /// The content of a folder: paths, which begin with those of the folder if they are `whole`.
    pub fn list(&self, folder: &str, whole: bool) -> Result<Value, Refusal> {
        let folder = checked(folder)?;
        let mut found: BTreeMap<PathBuf, Option<Option<u64>>> = BTreeMap::new();
        for (path, file) in &self.files {
            let Ok(below) = path.strip_prefix(&folder) else { continue };
            let mut parts = below.components();
            let Some(first) = parts.next() else { continue };
            let is_file = parts.next().is_none();
            let name = Path::new(first.as_os_str());
            let name = if whole { folder.join(name) } else { name.to_owned() };
            found.entry(name).or_insert(is_file.then_some(file.size));
        }
        let files = found.into_iter().map(|(path, file)| {
            let mut entry = json!({"path": path.to_string_lossy(), "is_dir": file.is_none()});
            if let Some(size) = file.flatten() {
                entry["file_size"] = size.into();
            }
            entry
        });
        Ok(files.collect())
    }

    /// One of them, open, with its length. What is not on this computer is fetched.
    pub fn open(&self, request: &Request<'_>, path: &str) -> Result<(File, u64), Refusal> {
        let path = checked(path)?;
        let missing =
            || Refusal::missing(format!("the run has no artifact `{}`", short(&path.to_string_lossy())));
        let artifact = self.files.get(&path).ok_or_else(missing)?;
        let owner = &self.owners[artifact.owner];
        let failed = |error: CommandError| Refusal::missing(error.chain().join(": "));
        let attachments = {
            let _one = request.site.one_fetch();
            let (ctx, opened) = (request.ctx, &request.opened);
            let found = fetch::attachments(ctx, opened, owner, None).map_err(failed)?;
            let is_it = |path: &Path| path == artifact.path;
            fetch::large_attachments(ctx, opened, owner, &found, None, is_it).map_err(failed)?;
            found
        };
        let opened = attachments.open(&artifact.path).map_err(|error| Refusal::missing(error.to_string()))?;
        let file = opened.ok_or_else(|| {
            upload::why_missing(owner, &artifact.path).map_or_else(missing, Refusal::missing)
        })?;
        let length = file.metadata().map_err(|error| Refusal::missing(error.to_string()))?.len();
        Ok((file, length))
    }
}

/// The attachments of a record: those on this computer, or those that it names.
fn found(request: &Request<'_>, record: &RunRecord) -> Result<Vec<(PathBuf, Option<u64>)>, Refusal> {
    let here = Attachments::of_record(&request.opened.history, record);
    let files = here.files().map_err(|error| Refusal::missing(error.to_string()))?;
    if files.is_empty() {
        return Ok(record.attachments.iter().map(|text| (unquoted_path(text), None)).collect());
    }
    let mut found: BTreeMap<_, _> =
        record.large_attachments().into_iter().map(|(path, pointer)| (path, Some(pointer.size))).collect();
    found.extend(files.into_iter().map(|(path, size)| (path, Some(size))));
    Ok(found.into_iter().collect())
}

/// A path of a client, if it stays below the run's files.
pub fn checked(path: &str) -> Result<PathBuf, Refusal> {
    let trimmed = path.trim_end_matches('/');
    let is_plain = Path::new(trimmed).components().all(|part| matches!(part, Component::Normal(_)));
    if !is_plain || path.starts_with('/') || path.contains(['\\', '\0']) {
        return Err(Refusal::invalid(format!("Invalid path: `{}`", short(path))));
    }
    Ok(PathBuf::from(trimmed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_below_the_run() {
        for path in ["", "a", "a/b c/ü.txt", "folder/", "a..b/..c"] {
            assert!(checked(path).is_ok(), "{path}");
        }
        for path in ["..", "a/../b", "/etc/passwd", "/", "a\\..\\b", "./a", "a/../../b", "a\0"] {
            assert!(checked(path).is_err(), "{path}");
        }
    }
}
