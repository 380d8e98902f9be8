//! PySpark: scripts that `spark-submit` runs, as a program of this computer that waits for the end of the application.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use azml_core::small_file;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::target::TargetError;
use crate::limits;

/// Spark's program, where a target names no other.
pub const SUBMIT: &str = "spark-submit";
/// The file of settings and packages, where a run configuration names no other.
pub const DEPENDENCIES: &str = "aml_config/spark_dependencies.yml";

/// The Spark that a run configuration asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spark {
    /// The program `spark-submit`.
    pub submit: String,
    /// The master, such as `spark://HOST:7077` or `yarn`; without one it is that of Spark's own configuration.
    pub master: Option<String>,
    /// The path of the file of settings and packages in the project.
    pub dependencies: String,
}

/// That file.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Dependencies {
    configuration: BTreeMap<String, Value>,
    repositories: Vec<String>,
    packages: Vec<Package>,
}

/// A package of Maven's.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Package {
    /// `GROUP:ARTIFACT:VERSION`.
    Coordinates(String),
    /// The Workbench's form.
    Parts { group: String, artifact: String, version: Value },
}

impl Spark {
    /// The options that come before the script, by the files in `folder`.
    pub(super) fn options(&self, folder: &Path) -> Result<Vec<OsString>, TargetError> {
        let path = folder.join(&self.dependencies);
        let text = match small_file::read_at_most(&path, limits::CONFIG_FILE) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            read => read.map_err(TargetError::file("read", &path))?,
        };
        let found: Option<Dependencies> = serde_yaml_ng::from_slice(&text).map_err(|error| {
            TargetError::file("read", &path)(std::io::Error::new(std::io::ErrorKind::InvalidData, error))
        })?;
        let found = found.unwrap_or_default();
        let mut words: Vec<OsString> = Vec::new();
        let mut option = |name: &str, value: String| words.extend([OsString::from(name), value.into()]);
        if let Some(master) = &self.master {
            option("--master", master.clone());
        }
        // The driver is the run's process, whatever Spark's own configuration says.
        option("--deploy-mode", "client".to_owned());
        for (key, value) in &found.configuration {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            option("--conf", format!("{key}={value}"));
        }
        let packages: Vec<String> = found.packages.iter().map(Package::coordinates).collect();
        for (name, list) in [("--packages", &packages), ("--repositories", &found.repositories)] {
            if !list.is_empty() {
                option(name, list.join(","));
            }
        }
        Ok(words)
    }
}

impl Package {
    fn coordinates(&self) -> String {
        match self {
            Self::Coordinates(text) => text.clone(),
            Self::Parts { group, artifact, version } => {
                let version = version.as_str().map_or_else(|| version.to_string(), str::to_owned);
                format!("{group}:{artifact}:{version}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workbenchs_file_becomes_options() {
        let dir = tempfile::tempdir().unwrap();
        let spark = Spark {
            submit: SUBMIT.to_owned(),
            master: Some("local[2]".to_owned()),
            dependencies: "s.yml".to_owned(),
        };
        assert_eq!(spark.options(dir.path()).unwrap(), ["--master", "local[2]", "--deploy-mode", "client"]);
        std::fs::write(
            dir.path().join("s.yml"),
            "configuration:\n  spark.app.name: a b\n  spark.cores: 2\nrepositories: [https://m.example/r]\n\
             packages:\n- group: com.microsoft\n  artifact: mml_2.11\n  version: 0.9\n- a:b:1\n",
        )
        .unwrap();
        let words: Vec<_> =
            spark.options(dir.path()).unwrap().into_iter().map(|word| word.into_string().unwrap()).collect();
        assert_eq!(
            words[4..].join("|"),
            "--conf|spark.app.name=a b|--conf|spark.cores=2|--packages|com.microsoft:mml_2.11:0.9,a:b:1|\
             --repositories|https://m.example/r"
        );
        std::fs::write(dir.path().join("s.yml"), "packages: 3\n").unwrap();
        assert!(spark.options(dir.path()).is_err());
    }
}
