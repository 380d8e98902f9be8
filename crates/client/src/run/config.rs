//! Reads a run configuration: `aml_config/<name>.runconfig` and the `.compute` file that it names.
//!
//! The files are YAML; the Workbench's older JSON is YAML too. Unknown keys are left alone: other tools' keys
//! stand in the same files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use azml_core::checkout::path::check_name;

use super::container::Container;
use super::environment::Wanted;
use super::outputs::{BadEntry, Outputs};
use super::resources::{BadResource, Resources};
use super::spark::{self, Spark};

/// The folder of configurations in a project.
pub const FOLDER: &str = "aml_config";
/// conda's file, where a run configuration names no other.
const CONDA_FILE: &str = "aml_config/conda_dependencies.yml";
/// In `ArgumentVector`: the script that is being submitted.
const SCRIPT_TOKEN: &str = "$file";

/// Why a configuration can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// There is no such file.
    #[error("there is no run configuration `{name}` ({} does not exist)", path.display())]
    NoRunConfig {
        /// As it was asked for.
        name: String,
        /// The path that does not exist.
        path: PathBuf,
        /// The names that exist.
        known: Vec<String>,
    },
    /// The run configuration names a target that has no file.
    #[error("run configuration `{name}` names the target `{target}`, but {} does not exist", path.display())]
    NoCompute {
        /// The run configuration.
        name: String,
        /// The target that it names.
        target: String,
        /// The path that does not exist.
        path: PathBuf,
    },
    /// A file can't be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    /// A file is not what it should be.
    #[error("{} is not a valid configuration", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// The place and the reason.
        #[source]
        source: serde_yaml_ng::Error,
    },
    /// Something is declared an output that can't be one.
    #[error("{} declares the output `{entry}` under `outputs`", path.display())]
    Output {
        /// The file.
        path: PathBuf,
        entry: String,
        #[source]
        source: BadEntry,
    },
    /// A target of a kind that azml can't run on.
    #[error("target `{target}` is of type `{kind}`, and azml runs on {} only", KINDS.join(", "))]
    Unsupported {
        target: String,
        /// Its type.
        kind: String,
    },
    /// Resources that no engine can give.
    #[error("{}", path.display())]
    Resources {
        /// The file.
        path: PathBuf,
        #[source]
        source: BadResource,
    },
    /// A link that would be no name in the run's folder.
    #[error("{} names `{link}` under `data`, and a link is one name in the run's folder", path.display())]
    Data {
        /// The file.
        path: PathBuf,
        link: String,
    },
    /// A target with containers names no image.
    #[error("target `{target}` runs containers, and {} names no image", path.display())]
    NoImage {
        target: String,
        /// The file.
        path: PathBuf,
    },
    /// PySpark in a container.
    #[error("target `{target}` runs containers, and azml runs PySpark outside of containers only")]
    SparkInContainer { target: String },
    /// A framework that azml can't run.
    #[error(
        "run configuration `{name}` asks for the framework `{framework}`, and azml runs `Python` and `PySpark`"
    )]
    Framework {
        /// The run configuration.
        name: String,
        /// The framework that it asks for.
        framework: String,
    },
}

/// A `.runconfig` file.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "PascalCase", default)]
struct RunConfigFile {
    argument_vector: Option<Vec<Value>>,
    target: Option<String>,
    environment_variables: Option<BTreeMap<String, Value>>,
    framework: Option<String>,
    prepare_environment: Option<Value>,
    conda_dependencies_file: Option<String>,
    spark_dependencies_file: Option<String>,
    #[serde(alias = "outputs")]
    outputs: Option<Value>,
}

/// A `.compute` file.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase", default)]
struct ComputeFile {
    #[serde(rename = "type")]
    kind: Option<String>,
    python_location: Option<String>,
    native_shared_directory: Option<String>,
    address: Option<String>,
    username: Option<String>,
    azml_location: Option<String>,
    node_directory: Option<String>,
    engine: Option<String>,
    resources: Value,
    requeue: bool,
    data: BTreeMap<String, Value>,
    base_docker_image: Option<String>,
    container_runtime: Option<String>,
    user_managed_environment: Option<bool>,
    spark_submit_location: Option<String>,
    spark_master: Option<String>,
}

/// The types of targets that azml can run on, as `.compute` files have them.
const KINDS: [&str; 10] =
    ["local", "ssh", "remote", "process", "slurm", "localdocker", "docker", "remotedocker", "cluster", "ray"];
/// Frameworks of run configurations.
const PYTHON: &str = "python";
const PYSPARK: &str = "pyspark";
/// Those that run programs in containers.
const CONTAINERS: [&str; 3] = ["localdocker", "docker", "remotedocker"];

/// The place where runs of a target go on, if that is not this azml.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compute {
    /// The target's engine, or else its type, in lower case: `local`, `ssh` ...
    pub kind: String,
    /// The host, as `[USER@]NAME[:PORT]`.
    pub address: Option<String>,
    /// The path of azml there; without one it is brought there.
    pub azml: Option<String>,
    /// The folder of azml's files there; without one `~/.azml`.
    pub folder: Option<String>,
    /// The resources that a run asks the engine for.
    pub resources: Resources,
    /// True if the engine may start a run again by itself.
    pub requeue: bool,
}

/// A run configuration with its target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunConfig {
    /// Its name: the file's, without `.runconfig`.
    pub name: String,
    /// The target's name.
    pub target: String,
    /// The words of the command, with [`SCRIPT_TOKEN`] for the script.
    arguments: Vec<String>,
    /// Variables that the script gets.
    pub environment: BTreeMap<String, String>,
    /// Commands for the shell that make the run's folder ready.
    pub prepare: Vec<String>,
    /// The files of the run's folder that are collected.
    pub outputs: Outputs,
    /// The Python interpreter that the target names.
    pub python: Option<String>,
    /// The target's place for the folder shared by runs.
    pub shared_directory: Option<String>,
    /// The container that the program runs in.
    #[serde(default)]
    pub container: Option<Container>,
    /// The Spark that runs the script.
    #[serde(default)]
    pub spark: Option<Spark>,
    /// The environment that azml makes from the snapshot's files.
    #[serde(default)]
    pub managed: Option<Wanted>,
    /// Links to make in the run's folder, and the folders on the target that they lead to.
    #[serde(default)]
    pub data: BTreeMap<String, String>,
    /// The place of the target. On the node that is of no interest any more.
    #[serde(skip)]
    pub compute: Compute,
}

impl RunConfig {
    /// Reads configuration `name` of the project in `root`; `name` may be a path to a `.runconfig` file.
    pub fn load(root: &Path, name: &str) -> Result<Self, ConfigError> {
        let (name, path) = locate(root, name);
        let Some(file) = read::<RunConfigFile>(&path)? else {
            return Err(ConfigError::NoRunConfig { name, path, known: names(root) });
        };
        let is_known = |name: &String| [PYTHON, PYSPARK].iter().any(|known| name.eq_ignore_ascii_case(known));
        if let Some(framework) = file.framework.clone().filter(|framework| !is_known(framework)) {
            return Err(ConfigError::Framework { name, framework });
        }
        let target = file.target.clone().unwrap_or_else(|| name.clone());
        let compute_path = root.join(FOLDER).join(format!("{target}.compute"));
        let compute = match read::<ComputeFile>(&compute_path)? {
            Some(compute) => compute,
            None if target == "local" => ComputeFile::default(),
            None => return Err(ConfigError::NoCompute { name, target, path: compute_path }),
        };
        Self::of_files((name, &path, file), (target, compute_path, compute))
    }

    /// A run configuration that says nothing but the target: `keys` is what its `.compute` file has.
    pub fn of_target(path: &Path, target: &str, keys: &Map<String, Value>) -> Result<Self, ConfigError> {
        let compute = serde_yaml_ng::to_value(keys).and_then(serde_yaml_ng::from_value::<ComputeFile>);
        let compute = compute.map_err(|source| ConfigError::Parse { path: path.to_owned(), source })?;
        let name = target.to_owned();
        Self::of_files((name.clone(), path, RunConfigFile::default()), (name, path.to_owned(), compute))
    }

    fn of_files(
        (name, path, file): (String, &Path, RunConfigFile),
        (target, compute_path, compute): (String, PathBuf, ComputeFile),
    ) -> Result<Self, ConfigError> {
        let kind = given(compute.engine).or_else(|| given(compute.kind));
        let kind = kind.unwrap_or_else(|| "local".to_owned()).to_lowercase();
        if !KINDS.contains(&kind.as_str()) {
            return Err(ConfigError::Unsupported { target, kind });
        }
        let arguments = match file.argument_vector {
            Some(words) if !words.is_empty() => words.iter().map(plain).collect(),
            _ => vec![SCRIPT_TOKEN.to_owned()],
        };
        let is_spark = file.framework.as_ref().is_some_and(|name| name.eq_ignore_ascii_case(PYSPARK));
        let spark = is_spark.then(|| Spark {
            submit: given(compute.spark_submit_location).unwrap_or_else(|| spark::SUBMIT.to_owned()),
            master: given(compute.spark_master),
            dependencies: given(file.spark_dependencies_file)
                .unwrap_or_else(|| spark::DEPENDENCIES.to_owned()),
        });
        // As the Workbench has it: an environment of the system's, or the user's own. Where nothing is said, the user's own, unless
        // one is to be prepared.
        let conda = given(file.conda_dependencies_file).unwrap_or_else(|| CONDA_FILE.to_owned());
        let managed = match (compute.user_managed_environment, &file.prepare_environment) {
            (Some(false), _) => Some(Wanted { conda: Some(conda) }),
            (None, Some(Value::Bool(true))) => Some(Wanted { conda: None }),
            _ => None,
        };
        let prepare = match file.prepare_environment {
            None | Some(Value::Null | Value::Bool(_)) => Vec::new(),
            Some(Value::Array(commands)) => commands.iter().map(plain).collect(),
            Some(command) => vec![plain(&command)],
        };
        let entries = match file.outputs {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(entries)) => entries.iter().map(plain).collect(),
            Some(entry) => vec![plain(&entry)],
        };
        let outputs = Outputs::declared(&entries).map_err(|(entry, source)| ConfigError::Output {
            path: path.to_owned(),
            entry,
            source,
        })?;
        let environment = file.environment_variables.unwrap_or_default();
        let resources = Resources::of(&compute.resources)
            .map_err(|source| ConfigError::Resources { path: compute_path.clone(), source })?;
        let data: BTreeMap<String, String> =
            compute.data.iter().map(|(link, path)| (link.clone(), plain(path))).collect();
        if let Some(link) = data.keys().find(|link| !is_link(link)) {
            return Err(ConfigError::Data { path: compute_path, link: link.clone() });
        }
        let is_contained = CONTAINERS.contains(&kind.as_str());
        // A name that begins so would be an option of the program that runs containers.
        let image = given(compute.base_docker_image).filter(|image| !image.starts_with('-'));
        let container = match image {
            Some(image) if is_contained => Some(Container {
                image,
                runtime: given(compute.container_runtime),
                resources: resources.clone(),
                folders: data.values().map(PathBuf::from).collect(),
            }),
            None if is_contained => return Err(ConfigError::NoImage { target, path: compute_path }),
            _ => None,
        };
        if spark.is_some() && container.is_some() {
            return Err(ConfigError::SparkInContainer { target });
        }
        Ok(Self {
            name,
            target,
            arguments,
            environment: environment.iter().map(|(key, value)| (key.clone(), plain(value))).collect(),
            outputs,
            prepare: prepare.into_iter().filter(|command| !command.trim().is_empty()).collect(),
            python: given(compute.python_location),
            shared_directory: given(compute.native_shared_directory),
            compute: Compute {
                kind,
                address: given(compute.address).map(|address| match given(compute.username) {
                    Some(user) if !address.contains('@') => format!("{user}@{address}"),
                    _ => address,
                }),
                azml: given(compute.azml_location),
                folder: given(compute.node_directory),
                resources,
                requeue: compute.requeue,
            },
            spark,
            // A container's environment is its image.
            managed: managed.filter(|_| container.is_none()),
            container,
            data,
        })
    }

    /// Returns whether programs may be there when the script starts that are not there yet.
    pub fn makes_programs(&self) -> bool {
        !self.prepare.is_empty() || self.managed.is_some()
    }

    /// The script and its arguments, of what was given on the command line; `None` if neither that nor the
    /// configuration names a script.
    ///
    /// The token `$file` of the configuration stands for the script; arguments given come after the
    /// configuration's own. A configuration that names a script itself gives way to one that is given.
    pub fn command(&self, given: &[String]) -> Option<(String, Vec<String>)> {
        let has_token = self.arguments.iter().any(|word| word == SCRIPT_TOKEN);
        let mut words: Vec<String> = match given.split_first() {
            None if has_token => return None,
            None => self.arguments.clone(),
            Some(_) if !has_token => given.to_vec(),
            Some((script, rest)) => {
                let own = self.arguments.iter().map(|word| if word == SCRIPT_TOKEN { script } else { word });
                own.chain(rest).cloned().collect()
            }
        };
        if words.is_empty() { None } else { Some((words.remove(0), words)) }
    }
}

/// The names of a project's configurations, sorted.
pub fn names(root: &Path) -> Vec<String> {
    names_of(root, ".runconfig")
}

/// The names of the files with this ending in the folder of configurations, sorted.
pub fn names_of(root: &Path, ending: &str) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(root.join(FOLDER))
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.strip_suffix(ending).map(str::to_owned))
        .collect();
    names.sort();
    names
}

/// The name and path of configuration `name`: a path if it looks like one, else below `aml_config`.
fn locate(root: &Path, name: &str) -> (String, PathBuf) {
    let stem = name.strip_suffix(".runconfig").unwrap_or(name);
    let path = Path::new(name);
    let short =
        Path::new(stem).file_name().map_or(stem.to_owned(), |stem| stem.to_string_lossy().into_owned());
    if path.components().count() > 1 {
        return (short, root.join(format!("{stem}.runconfig")));
    }
    let in_root = root.join(name);
    if name.ends_with(".runconfig") && in_root.is_file() {
        return (short, in_root);
    }
    (short, root.join(FOLDER).join(format!("{stem}.runconfig")))
}

/// Reads a YAML file; `None` if it is not there.
fn read<T: for<'de> Deserialize<'de> + Default>(path: &Path) -> Result<Option<T>, ConfigError> {
    let bytes = match azml_core::small_file::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(ConfigError::Read { path: path.to_owned(), source }),
    };
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&bytes);
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(Some(T::default()));
    }
    serde_yaml_ng::from_slice::<Option<T>>(bytes)
        .map(|value| Some(value.unwrap_or_default()))
        .map_err(|source| ConfigError::Parse { path: path.to_owned(), source })
}

/// Returns whether a name can be that of a link in the run's folder.
fn is_link(name: &str) -> bool {
    !name.contains('/') && check_name(name.into(), false).is_ok()
}

/// A text, unless it is blank.
fn given(text: Option<String>) -> Option<String> {
    text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// Reads all keys of a YAML file; `None` if it is not there.
pub fn read_map(path: &Path) -> Result<Option<Map<String, Value>>, ConfigError> {
    read(path)
}

/// A scalar as a word of a command line.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (name, content) in files {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        dir
    }

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn the_workbenchs_own_files_are_read() {
        let dir = project(&[
            (
                "aml_config/local.runconfig",
                "ArgumentVector:\n- \"$file\"\nTarget: local\nEnvironmentVariables:\n  EXAMPLE_ENV_VAR: Example Value\n  \
                 N: 3\nFramework: Python\nPrepareEnvironment: false\nTrackedRun: true\nUnknown: [1]\n",
            ),
            (
                "aml_config/local.compute",
                "type: \"local\"\npythonLocation: \"python\"\nsparkSubmitLocation: \"\"\n",
            ),
        ]);
        let config = RunConfig::load(dir.path(), "local").unwrap();
        assert_eq!(config.python.as_deref(), Some("python"));
        assert_eq!(config.environment["EXAMPLE_ENV_VAR"], "Example Value");
        assert_eq!(config.environment["N"], "3");
        assert_eq!(config.command(&words("train.py 0.1 -x")), Some(("train.py".to_owned(), words("0.1 -x"))));
        assert_eq!(config.command(&[]), None);
        assert!(config.prepare.is_empty());
    }

    #[test]
    fn preparing_is_off_or_on_a_command_or_several() {
        let cases: [(&str, &[&str]); 5] = [
            ("true", &[]),
            ("", &[]),
            ("make data", &["make data"]),
            ("[pip install -r requirements.txt, '', make]", &["pip install -r requirements.txt", "make"]),
            ("\n- |\n  a\n  b\n", &["a\nb\n"]),
        ];
        for (text, expect) in cases {
            let dir = project(&[("aml_config/local.runconfig", &format!("PrepareEnvironment: {text}\n"))]);
            assert_eq!(RunConfig::load(dir.path(), "local").unwrap().prepare, expect, "{text}");
        }
    }

    #[test]
    fn outputs_are_declared_as_one_or_several_and_a_bad_one_is_named() {
        for (text, expect) in [
            ("outputs: [ckpt/, lightning_logs/]\n", &["ckpt", "lightning_logs"][..]),
            ("Outputs: '*.pt'\n", &["*.pt"]),
            ("outputs:\n", &[]),
        ] {
            let dir = project(&[("aml_config/local.runconfig", text)]);
            assert_eq!(RunConfig::load(dir.path(), "local").unwrap().outputs.to_entries(), expect, "{text}");
        }
        let dir = project(&[("aml_config/local.runconfig", "outputs: [ckpt, ../elsewhere]\n")]);
        let error = RunConfig::load(dir.path(), "local").unwrap_err();
        let text = error.to_string();
        assert!(text.contains("local.runconfig") && text.contains("`../elsewhere`"), "{text}");
    }

    #[test]
    fn json_with_a_byte_order_mark_is_tolerated() {
        let dir = project(&[(
            "aml_config/old.runconfig",
            "\u{feff}{\"ArgumentVector\": [\"iris.py\", 10], \"Target\": \"local\", \"EnvironmentVariables\": null}",
        )]);
        let config = RunConfig::load(dir.path(), "old").unwrap();
        assert_eq!(config.command(&[]), Some(("iris.py".to_owned(), words("10"))));
        assert_eq!(config.command(&words("other.py 1")), Some(("other.py".to_owned(), words("1"))));
    }

    #[test]
    fn a_configuration_is_found_by_name_and_by_path() {
        let dir =
            project(&[("aml_config/a.runconfig", "Target: local\n"), ("b.runconfig", "Target: local\n")]);
        for (given, name) in [
            ("a", "a"),
            ("a.runconfig", "a"),
            ("aml_config/a.runconfig", "a"),
            ("aml_config/a", "a"),
            ("b.runconfig", "b"),
        ] {
            assert_eq!(RunConfig::load(dir.path(), given).expect(given).name, name);
        }
    }

    #[test]
    fn what_cannot_be_run_is_refused_clearly() {
        let dir = project(&[
            ("aml_config/docker.runconfig", "Target: docker\n"),
            ("aml_config/docker.compute", "type: localdocker\n"),
            ("aml_config/option.runconfig", "Target: option\n"),
            ("aml_config/option.compute", "type: localdocker\nbaseDockerImage: --privileged\n"),
            ("aml_config/yarn.runconfig", "Target: yarn\n"),
            ("aml_config/yarn.compute", "type: livy\naddress: h\n"),
            ("aml_config/much.runconfig", "Target: much\n"),
            ("aml_config/much.compute", "engine: slurm\nresources: {memory: much}\n"),
            ("aml_config/up.runconfig", "Target: up\n"),
            ("aml_config/up.compute", "engine: ssh\ndata: {../up: /data}\n"),
            ("aml_config/spark.runconfig", "Framework: CNTK\n"),
            ("aml_config/lost.runconfig", "Target: gone\n"),
            ("aml_config/bad.runconfig", "Target: [\n"),
            ("aml_config/empty.runconfig", ""),
        ]);
        let refused = |name: &str| RunConfig::load(dir.path(), name).unwrap_err();
        assert!(matches!(refused("docker"), ConfigError::NoImage { target, .. } if target == "docker"));
        assert!(matches!(refused("option"), ConfigError::NoImage { .. }));
        assert!(matches!(refused("yarn"), ConfigError::Unsupported { kind, .. } if kind == "livy"));
        assert!(matches!(refused("much"), ConfigError::Resources { .. }));
        assert!(matches!(refused("up"), ConfigError::Data { link, .. } if link == "../up"));
        assert!(matches!(refused("spark"), ConfigError::Framework { .. }));
        assert!(matches!(refused("lost"), ConfigError::NoCompute { .. }));
        assert!(matches!(refused("bad"), ConfigError::Parse { .. }));
        assert!(matches!(refused("empty"), ConfigError::NoCompute { .. }));
        let ConfigError::NoRunConfig { known, .. } = refused("locl") else { panic!("another error") };
        assert_eq!(known, ["bad", "docker", "empty", "lost", "much", "option", "spark", "up", "yarn"]);
    }
}
