//! Installs a program, and runs it below `vsts-mock exec --intercept` on a repository with two branches.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use test_support::{npm, venv};

use crate::table::Program;

const SEED: &str = include_str!("../support/seed.toml");
pub(crate) const SYSTEM_PATH: &str = "/usr/bin:/bin";
/// Makes the repository that every program finds.
const START: &str = include_str!("start.sh");
/// Writes the requests that the server knew no answer to.
const UNKNOWN: &str = r#"
curl -sf -H "Authorization: Bearer $VSTS_MOCK_ADMIN_TOKEN" "$VSTS_MOCK_HTTP/_mock/journal?unknown=true" > unknown.json
"#;

/// The folder of what is installed, which later runs find.
pub(crate) fn cache() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
}

/// A file beside this one.
pub(crate) fn beside(name: &str) -> String {
    format!("{}/tests/programs/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// A `PATH` with the programs of a package of npm's before the system's.
pub(crate) fn from_npm(program: &Program) -> String {
    let modules = npm::with_package(cache(), &program.package("@")).join("node_modules");
    format!("{}:{SYSTEM_PATH}", modules.join(".bin").display())
}

/// The interpreter of an environment with a package of PyPI's, and with others.
pub(crate) fn from_pypi(program: &Program, more: &[&str]) -> PathBuf {
    let package = program.package("==");
    venv::with_packages(cache(), &[&[package.as_str()], more].concat()).join("bin/python")
}

/// A folder to run in, and what stands in its `unknown.json` afterwards.
pub(crate) struct Site {
    pub(crate) dir: TempDir,
}

impl Site {
    pub(crate) fn new() -> Self {
        let dir = TempDir::new().expect("a folder");
        std::fs::write(dir.path().join("seed.toml"), SEED).expect("a seed");
        Self { dir }
    }

    pub(crate) fn write(&self, name: &str, content: &str) {
        std::fs::write(self.dir.path().join(name), content).expect("a file is written");
    }

    /// Runs the lines of a script in a profile, after the repository has been made; what they print, and whether they succeeded.
    pub(crate) fn run(&self, profile: &str, env: &[(&str, &str)], lines: &str) -> (bool, String) {
        self.write("script.sh", &format!("{START}{lines}{UNKNOWN}"));
        let args = [
            "exec",
            "--intercept",
            "--profile",
            profile,
            "--config",
            "seed.toml",
            "--",
            "sh",
            "-e",
            "script.sh",
        ];
        let output = Command::new(env!("CARGO_BIN_EXE_vsts-mock"))
            .env_clear()
            .env("PATH", SYSTEM_PATH)
            .env("HOME", self.dir.path())
            .env("TMPDIR", self.dir.path())
            .env("RUST_LOG", "error")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .envs(env.iter().copied())
            .current_dir(self.dir.path())
            .args(args)
            .output()
            .expect("the binary runs");
        let said = [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned());
        (output.status.success(), said.concat())
    }

    /// Runs lines that have to succeed, and to ask for nothing but the paths below `unknown` that the server lacks.
    #[track_caller]
    pub(crate) fn succeed(
        &self,
        profile: &str,
        env: &[(&str, &str)],
        lines: &str,
        unknown: &[&str],
    ) -> String {
        let (succeeded, said) = self.run(profile, env, lines);
        assert!(succeeded, "{profile}: {said}");
        let journal = std::fs::read(self.dir.path().join("unknown.json")).expect("a journal");
        let journal: serde_json::Value = serde_json::from_slice(&journal).expect("JSON");
        let entries = journal["entries"].as_array().expect("entries");
        let paths: Vec<_> = entries.iter().filter_map(|entry| entry["path"].as_str()).collect();
        let is_known = |path: &&&str| unknown.iter().any(|known| path.contains(known));
        assert_eq!(paths.iter().find(|path| !is_known(path)), None, "{profile}: {journal}");
        said
    }
}
