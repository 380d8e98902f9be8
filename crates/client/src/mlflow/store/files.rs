//! Reading a store of files: `mlruns/<experiment>/<run>/` with `meta.yaml`, `params/`, `tags/`, `metrics/`, `inputs/`,
//! `outputs/` and `artifacts/`.
//!
//! No link below the store's folder is followed.

use std::collections::BTreeMap;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use azml_core::dir::{Dir, is_no_folder};
use azml_core::small_file;
use gix::bstr::ByteSlice as _;
use serde_json::{Value, json};
use serde_yaml_ng::Value as Yaml;

use super::artifacts::{self, files_below};
use super::text as lines;
use super::{
    AZML_RUN, Artifact, EXPORT, Error, Experiment, Head, Refused, Source, Stored, TakePoint, model_folder,
    status_of,
};
use crate::limits::{MLFLOW_META, MLFLOW_POINT, MLFLOW_STORE_RUNS, MLFLOW_STORE_VALUES, MLFLOW_VALUE};
use crate::mlflow::state::{Model, Point, RUN_NAME, Run};

/// The file that describes an experiment, a run, a data set or a model.
pub(super) const META: &str = "meta.yaml";
/// The folder of deleted experiments.
pub(super) const TRASH: &str = ".trash";
/// Folders of an experiment that are no runs.
const RESERVED: [&str; 4] = ["tags", "datasets", "traces", "models"];
/// The folder of registered models, which is no experiment.
const REGISTRY: &str = "models";

/// A store of files, open to be read.
#[derive(Debug)]
pub struct Files {
    root: PathBuf,
    top: Dir,
    /// The paths of the experiments that were read.
    folders: Vec<String>,
}

/// The fields of a description.
pub(super) type Meta = BTreeMap<String, Yaml>;

impl Files {
    /// Opens the store in a folder, or in its folder `mlruns`.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let inner = folder.join("mlruns");
        let root = if inner.is_dir() { inner } else { folder.to_owned() };
        let top = Dir::open(&root).map_err(|source| Error::Read { path: root.clone(), source })?;
        Ok(Self { root, top, folders: Vec::new() })
    }

    fn failed(&self, path: &str) -> impl FnOnce(io::Error) -> Error + use<> {
        let path = self.root.join(path);
        move |source| Error::Read { path, source }
    }

    /// The content of a small file; none if there is no such file.
    fn text(&self, path: &Path, most: u64) -> io::Result<Option<String>> {
        let mut file = match self.top.open_file_below(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let bytes = small_file::read_open(&mut file, most)?;
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// A description; none if there is no such file. One that can't be read is named.
    fn meta(&self, path: &str, refused: &mut Refused) -> Option<Meta> {
        let file = Path::new(path).join(META);
        match self.text(&file, MLFLOW_META) {
            Ok(None) => None,
            Ok(Some(text)) => match parse_meta(&text) {
                Ok(meta) => Some(meta),
                Err(error) => {
                    refused.push(&format!("{path}/{META} can't be read: {error}"));
                    None
                }
            },
            Err(error) => {
                refused.push(&format!("{path}/{META} can't be read: {error}"));
                None
            }
        }
    }

    /// The names of the folders in a folder, sorted.
    fn folders(&self, path: &str) -> Result<Vec<String>, Error> {
        let list = || self.top.below(path.into())?.names();
        let names = match list() {
            Err(error) if error.kind() == io::ErrorKind::NotFound || is_no_folder(&error) => {
                return Ok(Vec::new());
            }
            names => names.map_err(self.failed(path))?,
        };
        let folders = names.into_iter().filter(|(_, kind)| kind.is_dir());
        let mut folders: Vec<String> =
            folders.filter_map(|(name, _)| Some(name.to_str().ok()?.to_owned())).collect();
        folders.sort_unstable();
        Ok(folders)
    }

    /// The names of the values in a folder, which may have `/`.
    fn keys(&self, path: &str, refused: &mut Refused) -> Result<Vec<String>, Error> {
        let found = files_below(&self.top, path.into(), path, refused).map_err(self.failed(path))?;
        let mut keys = Vec::with_capacity(found.len().min(MLFLOW_STORE_VALUES));
        for (name, _) in found {
            match name.to_str() {
                Some(_) if keys.len() >= MLFLOW_STORE_VALUES => {
                    refused.push(&format!(
                        "{path}: of more than {MLFLOW_STORE_VALUES} values the others are left out"
                    ));
                    break;
                }
                Some(key) => keys.push(key.to_owned()),
                None => refused.push(&format!("{path}: {} is no text", name.display())),
            }
        }
        Ok(keys)
    }

    /// The texts in a folder by their names.
    fn texts(&self, path: &str, refused: &mut Refused) -> Result<BTreeMap<String, String>, Error> {
        let mut texts = BTreeMap::new();
        for key in self.keys(path, refused)? {
            match self.text(&Path::new(path).join(&key), MLFLOW_VALUE as u64) {
                Ok(text) => drop(texts.insert(key, text.unwrap_or_default())),
                Err(error) => refused.push(&format!("{path}/{key} can't be read: {error}")),
            }
        }
        Ok(texts)
    }

    fn experiment(
        &mut self,
        path: String,
        is_deleted: bool,
        refused: &mut Refused,
    ) -> Result<Option<Experiment>, Error> {
        let Some(meta) = self.meta(&path, refused) else { return Ok(None) };
        let id = path.rsplit('/').next().unwrap_or_default().to_owned();
        if text(&meta, "experiment_id").is_some_and(|said| said != id) {
            refused.push(&format!("{path}/{META} is of another experiment"));
            return Ok(None);
        }
        let tags = self.texts(&format!("{path}/tags"), refused)?;
        self.folders.push(path);
        let name = text(&meta, "name").unwrap_or_else(|| id.clone());
        let is_deleted = is_deleted || text(&meta, "lifecycle_stage").as_deref() == Some("deleted");
        Ok(Some(Experiment { id, name, tags, is_deleted }))
    }

    fn head(
        &self,
        (place, experiment): (usize, &Experiment),
        id: &str,
        refused: &mut Refused,
    ) -> Option<Head> {
        let path = format!("{}/{id}", self.folders[place]);
        let meta = self.meta(&path, refused)?;
        let said = text(&meta, "run_id").or_else(|| text(&meta, "run_uuid"));
        let of = text(&meta, "experiment_id");
        if said.is_some_and(|said| said != id) || of.is_some_and(|of| of != experiment.id) {
            refused.push(&format!("{path}/{META} is of another run or experiment"));
            return None;
        }
        let tag = |key: &str| {
            self.text(&Path::new(&path).join("tags").join(key), MLFLOW_VALUE as u64).ok().flatten()
        };
        Some(Head {
            id: id.to_owned(),
            experiment: place,
            start: number(&meta, "start_time").unwrap_or_default(),
            end: number(&meta, "end_time"),
            status: status_of(&text(&meta, "status").unwrap_or_default()),
            is_deleted: experiment.is_deleted || text(&meta, "lifecycle_stage").as_deref() == Some("deleted"),
            azml: tag(AZML_RUN),
            export: tag(EXPORT),
        })
    }

    fn path_of(&self, head: &Head) -> String {
        format!("{}/{}", self.folders[head.experiment], head.id)
    }

    fn stored(&self, head: &Head, refused: &mut Refused) -> Result<Option<Stored>, Error> {
        let path = self.path_of(head);
        let Some(meta) = self.meta(&path, refused) else { return Ok(None) };
        let user = text(&meta, "user_id").unwrap_or_default();
        let mut run = Run::new(head.id.clone(), user, head.start);
        run.params = self.texts(&format!("{path}/params"), refused)?;
        run.tags = self.texts(&format!("{path}/tags"), refused)?;
        run.name = text(&meta, "run_name").or_else(|| text(&meta, "name")).filter(|name| !name.is_empty());
        run.name = run.name.or_else(|| run.tags.get(RUN_NAME).cloned());
        (run.end, run.status, run.hidden) = (head.end, head.status, head.is_deleted);
        run.inputs = self.inputs(head, &path, refused)?;
        let (mut models, mut model_uris) = (Vec::new(), Vec::new());
        for id in self.folders(&format!("{path}/outputs"))?.into_iter().take(MLFLOW_STORE_VALUES) {
            let folder = format!("{}/models/{id}", self.folders[head.experiment]);
            let Some(meta) = self.meta(&folder, refused) else { continue };
            let name = text(&meta, "name").unwrap_or_else(|| id.clone());
            models.push(Model {
                folder: model_folder(&name, &id).display().to_string(),
                run: Some(head.id.clone()),
                kind: text(&meta, "model_type"),
                params: self.texts(&format!("{folder}/params"), refused)?.into_iter().collect(),
                tags: self.texts(&format!("{folder}/tags"), refused)?,
                status: if text(&meta, "status").as_deref() == Some("2") {
                    READY
                } else {
                    "LOGGED_MODEL_PENDING"
                }
                .to_owned(),
                at: number(&meta, "creation_timestamp").unwrap_or_default(),
                updated: number(&meta, "last_updated_timestamp").unwrap_or_default(),
                name,
                id,
            });
            model_uris.push(text(&meta, "artifact_location"));
        }
        Ok(Some(Stored { run, models, artifact_uri: text(&meta, "artifact_uri"), model_uris }))
    }

    /// The data sets of a run, as the API has them.
    fn inputs(&self, head: &Head, path: &str, refused: &mut Refused) -> Result<Vec<Value>, Error> {
        let mut inputs = Vec::new();
        for input in self.folders(&format!("{path}/inputs"))?.into_iter().take(MLFLOW_STORE_VALUES) {
            let Some(meta) = self.meta(&format!("{path}/inputs/{input}"), refused) else { continue };
            let Some(id) =
                text(&meta, "source_id").filter(|_| text(&meta, "source_type").as_deref() == Some("DATASET"))
            else {
                continue;
            };
            if id.contains(['/', '\0']) || id.starts_with('.') {
                refused.push(&format!("{path}/inputs/{input}: `{id}` is no data set"));
                continue;
            }
            let folder = format!("{}/datasets/{id}", self.folders[head.experiment]);
            let Some(set) = self.meta(&folder, refused) else { continue };
            let tags = meta.get("tags").and_then(Yaml::as_mapping).into_iter().flatten();
            let tags: Vec<Value> = tags
                .filter_map(|(key, value)| Some(json!({"key": scalar(key)?, "value": scalar(value)?})))
                .collect();
            let fields = ["name", "digest", "source_type", "source", "schema", "profile"];
            let set: serde_json::Map<String, Value> = fields
                .into_iter()
                .filter_map(|field| Some((field.to_owned(), text(&set, field)?.into())))
                .collect();
            inputs.push(json!({"tags": tags, "dataset": set}));
        }
        Ok(inputs)
    }
}

/// The status of a logged model that is whole.
const READY: &str = "LOGGED_MODEL_READY";

impl Source for Files {
    fn experiments(&mut self, refused: &mut Refused) -> Result<Vec<Experiment>, Error> {
        self.folders.clear();
        let mut found = Vec::new();
        for name in self.folders("")? {
            if name != TRASH && name != REGISTRY {
                found.extend(self.experiment(name, false, refused)?);
            }
        }
        for name in self.folders(TRASH)? {
            found.extend(self.experiment(format!("{TRASH}/{name}"), true, refused)?);
        }
        if found.is_empty() {
            let why = format!("none of its folders has a file {META}");
            return Err(Error::NotAStore { path: self.root.clone(), why });
        }
        Ok(found)
    }

    fn heads(
        &mut self,
        experiments: &[Experiment],
        wanted: &dyn Fn(&Experiment) -> bool,
        refused: &mut Refused,
    ) -> Result<Vec<Head>, Error> {
        let mut heads = Vec::new();
        for (place, experiment) in experiments.iter().enumerate().filter(|(_, experiment)| wanted(experiment))
        {
            for id in self.folders(&self.folders[place])? {
                if !RESERVED.contains(&id.as_str()) {
                    heads.extend(self.head((place, experiment), &id, refused));
                }
                if heads.len() > MLFLOW_STORE_RUNS {
                    return Err(Error::TooMany { what: "runs", most: MLFLOW_STORE_RUNS });
                }
            }
        }
        Ok(heads)
    }

    fn load(&mut self, heads: &[Head], refused: &mut Refused) -> Result<Vec<Option<Stored>>, Error> {
        let stored = |head| match self.stored(head, refused) {
            Err(error @ Error::Read { .. }) => {
                refused.push(&error.with_cause());
                Ok(None)
            }
            stored => stored,
        };
        heads.iter().map(stored).collect()
    }

    fn points(
        &mut self,
        head: &Head,
        _: &Stored,
        take: TakePoint<'_>,
        refused: &mut Refused,
    ) -> Result<(), Error> {
        let path = format!("{}/metrics", self.path_of(head));
        for key in self.keys(&path, refused)? {
            let name = Path::new(&path).join(&key);
            let mut read = || {
                let file = self.top.open_file_below(&name)?;
                lines::points(BufReader::new(file), MLFLOW_POINT, &mut |(time, value, step)| {
                    take(&key, Point { value, step, time })
                })
            };
            let bad = read().map_err(self.failed(&format!("{path}/{key}")))?;
            if let Some((line, count)) = bad {
                refused.push(&format!("{path}/{key}: {count} lines are no points, the first is line {line}"));
            }
        }
        Ok(())
    }

    fn artifacts(
        &mut self,
        head: &Head,
        stored: &Stored,
        refused: &mut Refused,
    ) -> Result<Vec<Artifact>, Error> {
        let path = self.path_of(head);
        let below = |path: &str| self.root.join(path).join("artifacts");
        let elsewhere = |uri: &Option<String>, tail: &Path| {
            artifacts::local_folder(uri.as_deref()?, self.root.parent()?, tail)
                .filter(|folder| folder.is_dir())
        };
        // A store that was moved names the folder that it was in.
        let own = below(&path);
        let tail = Path::new(&head.id).join("artifacts");
        let here = self.top.below(format!("{path}/artifacts").as_str().into());
        if here.as_ref().is_err_and(is_no_folder) {
            refused.push(&format!("{path}/artifacts is no folder, but a link or the like"));
            return Ok(Vec::new());
        }
        let is_here = here.and_then(|own| own.is_empty()).is_ok_and(|is_empty| !is_empty);
        let folder = if is_here { own } else { elsewhere(&stored.artifact_uri, &tail).unwrap_or(own) };
        let failed = |folder: &Path| {
            let path = folder.to_owned();
            move |source| Error::Read { path, source }
        };
        let mut all = artifacts::local(&folder, Path::new(""), &path, refused).map_err(failed(&folder))?;
        for (model, uri) in stored.models.iter().zip(&stored.model_uris) {
            let own = below(&format!("{}/models/{}", self.folders[head.experiment], model.id));
            let tail = Path::new(&model.id).join("artifacts");
            let is_here = self
                .top
                .below(
                    format!("{}/models/{}/artifacts", self.folders[head.experiment], model.id)
                        .as_str()
                        .into(),
                )
                .is_ok();
            let folder = if is_here { own } else { elsewhere(uri, &tail).unwrap_or_default() };
            all.extend(
                artifacts::local(&folder, Path::new(&model.folder), &path, refused)
                    .map_err(failed(&folder))?,
            );
        }
        Ok(all)
    }

    fn open(&mut self, artifact: &Artifact) -> io::Result<Box<dyn Read>> {
        artifacts::open_local(artifact)
    }
}

/// Reads a description.
pub fn parse_meta(text: &str) -> Result<Meta, serde_yaml_ng::Error> {
    serde_yaml_ng::from_str(text)
}

/// A scalar as text.
fn scalar(value: &Yaml) -> Option<String> {
    match value {
        Yaml::String(text) => Some(text.clone()),
        Yaml::Number(number) => Some(number.to_string()),
        Yaml::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}

fn text(meta: &Meta, key: &str) -> Option<String> {
    meta.get(key).and_then(scalar)
}

fn number(meta: &Meta, key: &str) -> Option<i64> {
    meta.get(key).and_then(Yaml::as_i64)
}
