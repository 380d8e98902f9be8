//! Compute targets: the `.compute` files of a project, with the run configurations that name them.
//!
//! The files have the Workbench's keys, in alphabetical order, and azml's own beside them. A key that azml does not know stays.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use azml_core::small_file;
use serde_json::{Map, Value, json};
use url::Url;

use crate::context::Context;
use crate::engine;
use crate::engine::prune::{PruneRequest, Pruned};
use crate::error::{CommandError, FileError, similar};
use crate::run::config::{self, ConfigError, FOLDER, RunConfig};
use crate::run::resources::{BadResource, Resources};
use crate::run::target::Program;

/// The target that every project has.
pub const LOCAL: &str = "local";
/// The key by which a target has an environment of its user's, and not one that azml makes.
pub const OWN_ENVIRONMENT: &str = "userManagedEnvironment";
/// The longest name of a target.
const LONGEST_NAME: usize = 64;

/// The kind of a target, as people choose it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A computer by SSH.
    Ssh,
    /// A Slurm cluster, by its login node or from it.
    Slurm,
    /// Containers on this computer.
    Docker,
    /// Containers on a computer by SSH.
    RemoteDocker,
    /// A Ray cluster, by its Jobs API.
    Ray,
    /// A computer by SSH from which `spark-submit` reaches a cluster.
    Cluster,
}

impl Kind {
    /// The Workbench's type, which is in the file as `type`.
    fn type_name(self) -> &'static str {
        match self {
            Self::Ssh | Self::Slurm => "remote",
            Self::Docker => "localdocker",
            Self::RemoteDocker => "remotedocker",
            Self::Ray => "ray",
            Self::Cluster => "cluster",
        }
    }

    /// The engine's name, which is in the file as `engine`.
    fn engine(self) -> &'static str {
        match self {
            Self::Ssh => "ssh",
            Self::Slurm => "slurm",
            Self::Docker => "localdocker",
            Self::RemoteDocker => "remotedocker",
            Self::Ray => "ray",
            Self::Cluster => "cluster",
        }
    }

    /// The framework of its run configuration.
    fn framework(self) -> &'static str {
        if self == Self::Cluster { "PySpark" } else { "Python" }
    }
}

/// A target to attach: `None` and empty leave what the file has.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Its name.
    pub name: String,
    /// The host, as `[USER@]NAME[:PORT]`.
    pub address: Option<String>,
    /// The user there.
    pub username: Option<String>,
    /// Keys of the file that are texts or booleans.
    pub keys: BTreeMap<&'static str, Value>,
    /// Keys under `resources`.
    pub resources: BTreeMap<&'static str, Value>,
    /// Links to make in the run's folder, and the folders there that they lead to.
    pub data: BTreeMap<String, String>,
}

/// A target of a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its name.
    pub name: String,
    /// The engine: what the file has as `engine`, or else as `type`.
    pub engine: String,
    /// The host.
    pub address: Option<String>,
    /// The run configurations that name it.
    pub configurations: Vec<String>,
    /// Everything that the file has.
    pub keys: Map<String, Value>,
    /// The file.
    pub path: PathBuf,
}

/// The reason why targets can't be listed or changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A name that can't be a file's.
    #[error("`{name}` is no name for a target: letters, digits, `-`, `_` and `.`, at most {LONGEST_NAME}")]
    Name { name: String },
    /// The local target is every project's.
    #[error("`{LOCAL}` is this computer, and stays")]
    Local,
    /// The name is taken by a target of another kind.
    #[error("there is a target `{name}` on {engine} already")]
    Taken { name: String, engine: String },
    /// The target needs a key.
    #[error("a target on {engine} needs {what}")]
    Missing { engine: &'static str, what: &'static str },
    /// A value can't be used.
    #[error("`{value}` is no {what}")]
    Value { value: String, what: &'static str },
    /// Resources that no engine can give.
    #[error(transparent)]
    Resource(#[from] BadResource),
    /// There is no target of this name.
    #[error("there is no target `{name}`")]
    Unknown { name: String, similar: Option<String> },
    /// Other run configurations name the target.
    #[error("{} {} the target `{name}`", others.join(", "), if others.len() == 1 { "names" } else { "name" })]
    Named { name: String, others: Vec<String> },
    /// A file is no configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A file can't be written.
    #[error(transparent)]
    File(#[from] FileError),
}

/// A target that was attached.
#[derive(Debug)]
pub struct Attached {
    pub target: Target,
    /// True if there was none of this name.
    pub is_new: bool,
    /// The framework of a new run configuration.
    framework: &'static str,
}

/// Lists the targets of the project in `root`, by name.
pub fn list(root: &Path) -> Result<Vec<Target>, Error> {
    let mut names: Vec<String> = config::names_of(root, ".compute");
    if !names.iter().any(|name| name == LOCAL) {
        names.push(LOCAL.to_owned());
    }
    names.sort();
    let users = users(root)?;
    names.into_iter().map(|name| read(root, &name, &users)).collect()
}

/// Finds a target by its name.
pub fn find(root: &Path, name: &str) -> Result<Target, Error> {
    let targets = list(root)?;
    let similar = similar(name, targets.iter().map(|target| target.name.as_str()));
    let similar = similar.first().map(|name| (*name).to_owned());
    targets
        .into_iter()
        .find(|target| target.name == name)
        .ok_or_else(|| Error::Unknown { name: name.to_owned(), similar })
}

/// The content of a target's file after [`attach`], which has written nothing yet.
pub fn plan(root: &Path, kind: Kind, wanted: &Wanted) -> Result<Attached, Error> {
    let name = &wanted.name;
    check_name(name)?;
    let path = file(root, name, "compute");
    let users = users(root)?;
    let (mut keys, is_new) = match config::read_map(&path)? {
        Some(_) => {
            let target = read(root, name, &users)?;
            if target.engine != kind.engine() {
                return Err(Error::Taken { name: name.clone(), engine: target.engine });
            }
            (target.keys, false)
        }
        None => (Map::new(), true),
    };
    let mut put = |key: &str, value: Value| drop(keys.insert(key.to_owned(), value));
    put("type", kind.type_name().into());
    put("engine", kind.engine().into());
    if is_new && !matches!(kind, Kind::Docker | Kind::RemoteDocker) {
        put(OWN_ENVIRONMENT, true.into());
        put("pythonLocation", "python3".into());
    }
    for (key, value) in [("address", &wanted.address), ("username", &wanted.username)] {
        if let Some(value) = value {
            match kind {
                Kind::Ray if key == "address" => check_url(value)?,
                _ => check_host(value)?,
            }
            put(key, value.as_str().into());
        }
    }
    for (key, value) in &wanted.keys {
        put(key, value.clone());
    }
    for (key, added) in [
        (
            "resources",
            wanted.resources.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect(),
        ),
        ("data", wanted.data.iter().map(|(link, path)| (link.clone(), path.as_str().into())).collect()),
    ] {
        let added: Map<String, Value> = added;
        if !added.is_empty() {
            let place = keys.entry(key).or_insert_with(|| json!({}));
            match place {
                Value::Object(map) => map.extend(added),
                other => *other = added.into(),
            }
        }
    }
    Resources::of(keys.get("resources").unwrap_or(&Value::Null))?;
    let needs = |key: &str, what| match text(&keys, key) {
        Some(_) => Ok(()),
        None => Err(Error::Missing { engine: kind.engine(), what }),
    };
    match kind {
        Kind::Slurm => {}
        Kind::Ssh | Kind::Cluster => needs("address", "a host: -a [USER@]HOST[:PORT]")?,
        Kind::Ray => needs("address", "the address of Ray's dashboard: -a http://HOST:8265")?,
        Kind::Docker => needs("baseDockerImage", "an image: --image NAME")?,
        Kind::RemoteDocker => {
            needs("address", "a host: -a [USER@]HOST[:PORT]")?;
            needs("baseDockerImage", "an image: --image NAME")?;
        }
    }
    let mut configurations = users.get(name).cloned().unwrap_or_default();
    if !configurations.contains(name) {
        configurations.push(name.clone());
        configurations.sort();
    }
    let address = text(&keys, "address");
    let target =
        Target { name: name.clone(), engine: kind.engine().to_owned(), address, configurations, keys, path };
    Ok(Attached { target, is_new, framework: kind.framework() })
}

/// Writes a target's file, and a run configuration of its name if there is none.
pub fn attach(root: &Path, attached: &Attached) -> Result<(), Error> {
    let target = &attached.target;
    write(&target.path, &target.keys)?;
    let path = file(root, &target.name, "runconfig");
    if path.symlink_metadata().is_err() {
        let content = json!({
            "ArgumentVector": ["$file"],
            "CondaDependenciesFile": "aml_config/conda_dependencies.yml",
            "EnvironmentVariables": {},
            "Framework": attached.framework,
            "PrepareEnvironment": false,
            "SparkDependenciesFile": "aml_config/spark_dependencies.yml",
            "Target": target.name,
            "TrackedRun": true,
            "UseSampling": true,
        });
        let Value::Object(content) = content else { unreachable!("it is an object") };
        write(&path, &content)?;
    }
    Ok(())
}

/// Removes a target's file and the run configuration of its name; gives the files that were removed.
pub fn detach(root: &Path, name: &str) -> Result<Vec<PathBuf>, Error> {
    if name == LOCAL {
        return Err(Error::Local);
    }
    let target = find(root, name)?;
    let others: Vec<String> = target.configurations.iter().filter(|other| *other != name).cloned().collect();
    if !others.is_empty() {
        return Err(Error::Named { name: name.to_owned(), others });
    }
    let mut removed = vec![target.path];
    if target.configurations.iter().any(|own| own == name) {
        removed.push(file(root, name, "runconfig"));
    }
    for path in &removed {
        std::fs::remove_file(path).map_err(|source| file_error("remove", path, source))?;
    }
    Ok(removed)
}

/// Asks a target's engine whether a run can go on there.
pub fn test(ctx: &Context, target: &Target) -> Result<(), CommandError> {
    let config = RunConfig::of_target(&target.path, &target.name, &target.keys)?;
    let program = Program::Command { words: vec!["true".to_owned()], name: "true".to_owned(), before: 1 };
    match engine::place(&config.compute)? {
        Some(place) => Ok(engine::of(ctx, &place)?.check(&config, &program)?),
        None => Ok(()),
    }
}

/// Removes from a target's computer what no run there needs any more.
pub fn prune(ctx: &Context, target: &Target, request: PruneRequest) -> Result<Pruned, CommandError> {
    let config = RunConfig::of_target(&target.path, &target.name, &target.keys)?;
    let place = engine::place(&config.compute)?.ok_or(Error::Local)?;
    Ok(engine::of(ctx, &place)?.prune(request)?)
}

/// The run configurations that name each target; one without the key names the target of its own name.
fn users(root: &Path) -> Result<BTreeMap<String, Vec<String>>, Error> {
    let mut users = BTreeMap::<String, Vec<String>>::new();
    for name in config::names(root) {
        let map = config::read_map(&file(root, &name, "runconfig"))?.unwrap_or_default();
        users.entry(text(&map, "Target").unwrap_or_else(|| name.clone())).or_default().push(name);
    }
    Ok(users)
}

fn read(root: &Path, name: &str, users: &BTreeMap<String, Vec<String>>) -> Result<Target, Error> {
    let path = file(root, name, "compute");
    let keys = config::read_map(&path)?.unwrap_or_default();
    let engine = text(&keys, "engine").or_else(|| text(&keys, "type")).unwrap_or_else(|| LOCAL.to_owned());
    Ok(Target {
        name: name.to_owned(),
        engine: engine.to_lowercase(),
        address: text(&keys, "address"),
        configurations: users.get(name).cloned().unwrap_or_default(),
        keys,
        path,
    })
}

fn file(root: &Path, name: &str, kind: &str) -> PathBuf {
    root.join(FOLDER).join(format!("{name}.{kind}"))
}

fn text(keys: &Map<String, Value>, key: &str) -> Option<String> {
    keys.get(key)?.as_str().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
}

fn write(path: &Path, keys: &Map<String, Value>) -> Result<(), Error> {
    let sorted: BTreeMap<&String, &Value> = keys.iter().collect();
    let text = serde_yaml_ng::to_string(&sorted).expect("texts, numbers and lists are always YAML");
    let folder = path.parent().expect("it is in the folder of configurations");
    std::fs::create_dir_all(folder).map_err(|source| file_error("make folder", folder, source))?;
    small_file::replace(path, text.as_bytes(), true).map_err(|source| file_error("write", path, source))
}

fn file_error(doing: &'static str, path: &Path, source: io::Error) -> Error {
    FileError::new(doing, path, source).into()
}

fn check_name(name: &str) -> Result<(), Error> {
    let is_name = !name.is_empty()
        && name.len() <= LONGEST_NAME
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    match name {
        LOCAL => Err(Error::Local),
        _ if is_name => Ok(()),
        _ => Err(Error::Name { name: name.to_owned() }),
    }
}

/// Refuses what is no address of an API, or has a password in it.
fn check_url(value: &str) -> Result<(), Error> {
    match Url::parse(value) {
        Ok(url) if ["http", "https"].contains(&url.scheme()) && url.username().is_empty() => Ok(()),
        _ => Err(Error::Value { value: value.to_owned(), what: "address like http://HOST:8265" }),
    }
}

/// Refuses a host or user that ssh would take for an option, or that no host is called.
fn check_host(value: &str) -> Result<(), Error> {
    let is_in_name = |c: char| c.is_ascii_alphanumeric() || "-_.:@[]%".contains(c);
    if value.is_empty() || value.starts_with('-') || value.contains("@-") || !value.chars().all(is_in_name) {
        return Err(Error::Value { value: value.to_owned(), what: "host or user" });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(name: &str, address: Option<&str>) -> Wanted {
        Wanted { name: name.to_owned(), address: address.map(str::to_owned), ..Wanted::default() }
    }

    fn put(root: &Path, name: &str, text: &str) {
        std::fs::create_dir_all(root.join(FOLDER)).unwrap();
        std::fs::write(root.join(FOLDER).join(name), text).unwrap();
    }

    #[test]
    fn attached_targets_have_the_workbenchs_keys_and_keep_what_others_wrote() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        let mut big = wanted("big", Some("me@login"));
        big.resources.insert("cpus", 4.into());
        big.data.insert("data".to_owned(), "/scratch/data".to_owned());
        let attached = plan(root, Kind::Slurm, &big).unwrap();
        assert!(attached.is_new);
        attach(root, &attached).unwrap();
        let text = std::fs::read_to_string(root.join("aml_config/big.compute")).unwrap();
        assert_eq!(
            text,
            "address: me@login\ndata:\n  data: /scratch/data\nengine: slurm\npythonLocation: python3\nresources:\n  cpus: 4\n\
             type: remote\nuserManagedEnvironment: true\n"
        );
        let text = std::fs::read_to_string(root.join("aml_config/big.runconfig")).unwrap();
        assert!(text.starts_with("ArgumentVector:\n- $file\n") && text.contains("\nTarget: big\n"), "{text}");

        put(
            root,
            "big.compute",
            &format!("yarnDeployMode: none\n{}", "engine: slurm\nresources: {gpus: 1}\n"),
        );
        put(root, "big.runconfig", "Target: big\nArgumentVector: [train.py]\n");
        let again = plan(root, Kind::Slurm, &big).unwrap();
        assert!(!again.is_new);
        attach(root, &again).unwrap();
        let keys = find(root, "big").unwrap().keys;
        assert_eq!(keys["yarnDeployMode"], "none");
        assert_eq!(keys["resources"], json!({"gpus": 1, "cpus": 4}));
        let text = std::fs::read_to_string(root.join("aml_config/big.runconfig")).unwrap();
        assert!(text.contains("train.py"), "the user's own run configuration stays");
    }

    #[test]
    fn targets_are_listed_with_the_configurations_that_name_them() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        put(root, "docker.compute", "type: localdocker\n");
        put(root, "docker-python.runconfig", "Target: docker\n");
        put(root, "docker-spark.runconfig", "Target: docker\n");
        put(root, "local.runconfig", "");
        let found = list(root).unwrap();
        let shown: Vec<_> = found
            .iter()
            .map(|target| (target.name.as_str(), target.engine.as_str(), target.configurations.join(" ")))
            .collect();
        assert_eq!(
            shown,
            [
                ("docker", "localdocker", "docker-python docker-spark".to_owned()),
                ("local", "local", "local".to_owned())
            ]
        );
        let refused = detach(root, "docker").unwrap_err();
        assert_eq!(refused.to_string(), "docker-python, docker-spark name the target `docker`");
        assert!(matches!(detach(root, "local"), Err(Error::Local)));
        let Err(Error::Unknown { similar, .. }) = detach(root, "dockr") else { panic!("it is not there") };
        assert_eq!(similar.as_deref(), Some("docker"));
        std::fs::remove_file(root.join("aml_config/docker-python.runconfig")).unwrap();
        std::fs::rename(
            root.join("aml_config/docker-spark.runconfig"),
            root.join("aml_config/docker.runconfig"),
        )
        .unwrap();
        assert_eq!(detach(root, "docker").unwrap().len(), 2);
        assert_eq!(list(root).unwrap().len(), 1);
    }

    #[test]
    fn a_target_that_could_not_work_is_refused_before_a_file_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        put(root, "box.compute", "type: remote\nengine: ssh\naddress: box\n");
        let mut dear = wanted("dear", None);
        dear.resources.insert("memory", "much".into());
        for (kind, wanted, expect) in [
            (Kind::Ssh, wanted("a", None), "a target on ssh needs a host: -a [USER@]HOST[:PORT]"),
            (Kind::Ray, wanted("a", Some("me@h")), "`me@h` is no address like http://HOST:8265"),
            (Kind::Ray, wanted("a", Some("http://me:pw@h")), "`http://me:pw@h` is no address"),
            (Kind::Docker, wanted("a", None), "a target on localdocker needs an image: --image NAME"),
            (Kind::Ssh, wanted("a", Some("-oProxyCommand=x")), "`-oProxyCommand=x` is no host or user"),
            (Kind::Ssh, wanted("../a", Some("h")), "`../a` is no name for a target"),
            (Kind::Ssh, wanted("local", Some("h")), "`local` is this computer"),
            (Kind::Slurm, wanted("box", None), "there is a target `box` on ssh already"),
            (Kind::Slurm, dear, "`memory: much` under `resources`"),
        ] {
            let error = plan(root, kind, &wanted).unwrap_err().to_string();
            assert!(error.starts_with(expect), "{error}");
        }
        assert_eq!(config::names(root), Vec::<String>::new());
    }
}
