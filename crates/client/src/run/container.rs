//! Runs a program in a container, by docker's or podman's own command line.
//!
//! A container is made with a name of the run's, started, waited for, asked how it ended, and removed. It sees the run's folder and
//! what belongs to the run at the same paths as this computer; its files belong to the user. Variables are in a file that only
//! the user can read: whoever may ask the runtime about a container reads all that it was given.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::process::{self, Ended, Exit, Spec};
use super::python::find_program;
use super::resources::Resources;
use super::signals::Cancel;
use super::streams::{Stream, Watch};
use super::target::{Job, TargetError};
use crate::env::{AZML_ATTACHMENTS_DIR, AZML_METRICS_FILE, AZUREML_NATIVE_SHARE_DIRECTORY, PATH, PYTHONPATH};

/// The programs that run containers, in the order in which they are tried.
const RUNTIMES: [&str; 2] = ["docker", "podman"];
/// The file of variables, in the container.
const VARIABLES: &str = "/run/azml/variables";
/// azml itself, in the container.
const PROGRAM: &str = "/run/azml/bin/azml";
/// The label that names the run.
const LABEL: &str = "azml.run";
/// The exit code of a process that was killed, as shells have it.
const KILLED: i32 = 128 + 9;
/// The container that a run configuration asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Container {
    /// The image: a name, with a tag or a digest.
    pub image: String,
    /// The program that runs containers; the first that answers if none is named.
    pub runtime: Option<String>,
    /// The most that the container may use.
    pub resources: Resources,
    /// Folders of this computer that it sees.
    pub folders: Vec<PathBuf>,
}

/// docker or podman.
#[derive(Clone, Debug)]
pub(super) struct Runtime {
    program: PathBuf,
    env: BTreeMap<OsString, OsString>,
    is_podman: bool,
}

/// A program to run in a container.
pub(super) struct Contained<'a> {
    pub(super) container: &'a Container,
    pub(super) job: &'a Job,
    /// The words of the command.
    pub(super) words: Vec<OsString>,
    /// The variables that it gets, over the image's own.
    pub(super) env: BTreeMap<OsString, OsString>,
    /// The run's folder.
    pub(super) work: &'a Path,
    /// The project's folder, to which links of the run's folder lead.
    pub(super) root: &'a Path,
    pub(super) watch: &'a Arc<dyn Watch>,
    pub(super) cancel: &'a Cancel,
}

impl Runtime {
    /// Finds the runtime that a container asks for. It has to answer, unless there is no other to take in its place.
    pub(super) fn find(
        container: &Container,
        cwd: &Path,
        env: &BTreeMap<OsString, OsString>,
    ) -> Result<Self, TargetError> {
        let named: Vec<&str> = container.runtime.as_deref().map_or(RUNTIMES.to_vec(), |named| vec![named]);
        let path = env.get(OsStr::new(PATH)).map(OsString::as_os_str);
        let mut found = named.iter().filter_map(|name| {
            let program = find_program(name, cwd, path)?;
            let is_podman = program.file_name().is_some_and(|name| name.as_bytes().starts_with(b"podman"));
            Some(Self { program, env: env.clone(), is_podman })
        });
        let first = found.next().ok_or_else(|| TargetError::NoRuntime { names: named.join(", ") })?;
        let Some(second) = found.next() else { return Ok(first) };
        first.answers().map(|()| first).or_else(|why| second.answers().map(|()| second).map_err(|_| why))
    }

    /// Asks for a sign of life of its daemon; podman has none.
    pub(super) fn answers(&self) -> Result<(), TargetError> {
        if self.is_podman { Ok(()) } else { self.ask(&["version"]).map(drop) }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.env_clear().envs(&self.env).stdin(Stdio::null());
        command
    }

    fn name(&self) -> String {
        self.program.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Asks for something short; gives what it prints.
    fn ask(&self, words: &[&str]) -> Result<String, TargetError> {
        let output = self.command().args(words).output();
        let output = output.map_err(|source| TargetError::Start { program: self.program.clone(), source })?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
        }
        let said = crate::text::clean(String::from_utf8_lossy(&output.stderr).trim());
        let what = format!("{} {}", self.name(), words[0]);
        Err(TargetError::Runtime { what, said })
    }

    /// Brings the image here if it is not; returns whether nobody has cancelled that.
    fn bring_image(&self, contained: &Contained<'_>) -> Result<bool, TargetError> {
        let name = contained.container.image.as_str();
        if self.ask(&["image", "inspect", name]).is_ok() {
            return Ok(true);
        }
        self.answers()?;
        let pulled =
            self.run(contained, vec!["pull".into(), name.into()], &contained.job.prepare_log, true)?;
        match pulled.exit {
            Exit::Code(0) => Ok(true),
            Exit::Canceled => Ok(false),
            _ => Err(TargetError::Image { image: name.to_owned(), runtime: self.name() }),
        }
    }

    /// The user that the program is in the container, so that its files are the user's outside.
    fn user(&self) -> Vec<String> {
        let (user, group) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
        let as_outside = format!("--user={user}:{group}");
        if user == 0 {
            return vec![as_outside];
        }
        // Debian's podman-docker is podman by docker's name.
        let about = if self.is_podman { None } else { self.ask(&["info", "--format", "{{json .}}"]).ok() };
        let about: Value = about.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        let is_rootless = about["SecurityOptions"].as_array().is_some_and(|all| {
            all.iter()
                .filter_map(Value::as_str)
                .any(|option| option.split(',').any(|word| word == "name=rootless"))
        });
        if self.is_podman || about["host"].is_object() {
            vec!["--userns=keep-id".to_owned(), as_outside]
        } else if is_rootless {
            // The container's root is the user of a daemon that is no root.
            vec!["--user=0:0".to_owned()]
        } else {
            vec![as_outside]
        }
    }

    /// An image as records have it.
    fn about(&self, name: &str, id: &str) -> Value {
        let digests = self.ask(&["image", "inspect", "--format", "{{json .RepoDigests}}", id]).ok();
        let digests: Value = digests.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
        let id = if id.contains(':') { id.to_owned() } else { format!("sha256:{id}") };
        json!({"image": name, "id": id, "digests": digests, "runtime": self.name()})
    }

    /// Runs one of the runtime's commands that may take long, and logs its output; `is_aside`: it is none of the script's.
    fn run(
        &self,
        contained: &Contained<'_>,
        args: Vec<OsString>,
        log: &Path,
        is_aside: bool,
    ) -> Result<Ended, TargetError> {
        let spec = Spec {
            program: self.program.clone(),
            args,
            cwd: contained.work.to_owned(),
            env: self.env.clone(),
            reads_stdin: false,
            log: log.to_owned(),
            address: contained.job.address.clone(),
        };
        let watch: Arc<dyn Watch> = Arc::new(NoTerminal { of: Arc::clone(contained.watch), is_aside });
        process::run(&spec, &watch, contained.cancel)
            .map_err(|source| TargetError::Start { program: self.program.clone(), source })
    }
}

impl Contained<'_> {
    /// Runs the program to its end; gives what a record says of the container, too.
    pub(super) fn run(&self, runtime: &Runtime) -> Result<(Ended, Value), TargetError> {
        let name = self.name();
        let args = self.create(runtime, &name)?;
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        if runtime.ask(&args).is_err() {
            // The image is not here, or a container of an earlier attempt at the run is, which must not go on beside this one.
            if !runtime.bring_image(self)? {
                return Ok((Ended::by(Exit::Canceled), Value::Null));
            }
            drop(runtime.ask(&["rm", "--force", &name]));
            runtime.ask(&args)?;
        }
        let log = &self.job.driver_log;
        let attached = vec!["start".into(), "--attach".into(), name.as_str().into()];
        let started = runtime.run(self, attached, log, false)?;
        let canceled = started.exit == Exit::Canceled;
        if canceled {
            // The client may have gone before the container.
            drop(runtime.ask(&["stop", "-t", "1", &name]));
        }
        let ended = runtime.end_of(&name, started);
        drop(runtime.ask(&["rm", "--force", &name]));
        match ended {
            Ok((ended, image)) => {
                let about = runtime.about(&self.container.image, &image);
                Ok((if canceled { Ended::by(Exit::Canceled) } else { ended }, about))
            }
            Err(_) if canceled => Ok((Ended::by(Exit::Canceled), Value::Null)),
            Err(error) => Err(error),
        }
    }

    /// The container's name: letters, digits, `_`, `.` and `-` alone can be in it.
    fn name(&self) -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() || "_.-".contains(c) { c } else { '_' };
        format!("azml-{}", self.job.run_id.as_str().chars().map(plain).collect::<String>())
    }

    /// The words that make the container.
    fn create(&self, runtime: &Runtime, name: &str) -> Result<Vec<String>, TargetError> {
        let text = |word: &OsStr| {
            let text = word.to_str().map(str::to_owned);
            text.ok_or_else(|| TargetError::NotText { what: word.to_string_lossy().into_owned() })
        };
        let label = format!("{LABEL}={}", self.job.run_id);
        let mut words: Vec<String> =
            ["create", "--name", name, "--label", &label, "--init", "--pull=never"].map(str::to_owned).into();
        words.extend(["--workdir".to_owned(), text(self.work.as_os_str())?]);
        words.extend(runtime.user());
        let resources = self.container.resources.for_container(runtime.is_podman);
        // Servers of the run, such as MLflow's, are on this computer.
        if !resources.iter().any(|word| word.starts_with("--net")) {
            words.push("--network=host".to_owned());
        }
        words.extend(resources);
        for (from, to, mode) in self.mounts()? {
            let (from, to) = (text(from.as_os_str())?, text(to.as_os_str())?);
            // What docker's and podman's form of a mount can't say.
            if from.contains([':', ',']) || to.contains([':', ',']) {
                return Err(TargetError::NotText { what: from });
            }
            words.push(format!("--volume={from}:{to}:{mode}"));
        }
        words.push("--entrypoint=/bin/sh".to_owned());
        words.extend([self.container.image.clone(), "-c".to_owned(), self.line(), "sh".to_owned()]);
        for word in &self.words {
            words.push(text(word)?);
        }
        Ok(words)
    }

    /// The line of shell that the container runs; the command is its arguments.
    fn line(&self) -> String {
        let log = crate::text::shell_word(&self.job.prepare_log.to_string_lossy());
        let prepared = self.job.prepare.iter().map(|command| {
            format!("{{ {command}\n}} >> {log} 2>&1 || {{ echo \"azml: a command of PrepareEnvironment failed\" >&2; exit 1; }}\n")
        });
        format!(". {VARIABLES}\n{}exec \"$@\"", prepared.collect::<String>())
    }

    /// The files and folders of this computer that the container sees, where, and whether it may write.
    fn mounts(&self) -> Result<Vec<(PathBuf, PathBuf, &'static str)>, TargetError> {
        let variables = self.write_variables()?;
        let place = |name: &str| self.env.get(OsStr::new(name)).map(PathBuf::from);
        let mut mounts = vec![(variables, VARIABLES.into(), "ro")];
        if let Ok(own) = std::env::current_exe() {
            mounts.push((own, PROGRAM.into(), "ro"));
        }
        let mut at_its_path = |path: PathBuf, mode| {
            if path.exists() && !mounts.iter().any(|(_, known, _)| *known == path) {
                mounts.push((path.clone(), path, mode));
            }
        };
        if let Some(metrics) = place(AZML_METRICS_FILE) {
            // A file has to be there to be seen.
            let made = OpenOptions::new().create(true).append(true).open(&metrics);
            made.map_err(TargetError::file("create", &metrics))?;
            at_its_path(metrics, "rw");
        }
        for name in [AZML_ATTACHMENTS_DIR, AZUREML_NATIVE_SHARE_DIRECTORY] {
            if let Some(path) = place(name) {
                at_its_path(path, "rw");
            }
        }
        let module =
            self.env.get(OsStr::new(PYTHONPATH)).and_then(|paths| std::env::split_paths(paths).next());
        if let Some(module) = module {
            at_its_path(module, "ro");
        }
        at_its_path(self.root.to_owned(), "ro");
        for folder in &self.container.folders {
            at_its_path(folder.clone(), "rw");
        }
        at_its_path(self.work.to_owned(), "rw");
        Ok(mounts)
    }

    /// Writes the file of variables, beside the run's folder.
    fn write_variables(&self) -> Result<PathBuf, TargetError> {
        let path = self.work.with_file_name("variables");
        let failed = || TargetError::file("write", &path);
        let mut text = Vec::new();
        for (name, value) in self.env.iter().filter(|(name, _)| *name != PATH && is_variable(name)) {
            text.extend([b"export ", name.as_bytes(), b"="].concat());
            text.extend(quoted(value.as_bytes()));
            text.push(b'\n');
        }
        let folder = Path::new(PROGRAM).parent().unwrap_or(Path::new("/")).display();
        text.extend(format!("export PATH=\"$PATH:{folder}\"\n").into_bytes());
        text.extend(b"export HOME=\"${AZML_CONTAINER_HOME:-/tmp}\"\n");
        let mut file: File = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)
            .map_err(failed())?;
        file.write_all(&text).map_err(failed())?;
        Ok(path)
    }
}

impl Runtime {
    /// The end of a container, of which its client says too little (podman's may say 0 for a script that failed), and the image
    /// that it was made of.
    fn end_of(&self, name: &str, started: Ended) -> Result<(Ended, String), TargetError> {
        let inspect = || {
            let text = self.ask(&["inspect", "--type", "container", name])?;
            let mut found: Value = serde_json::from_str(&text).unwrap_or_default();
            Ok::<_, TargetError>(found[0].take())
        };
        let mut found = inspect()?;
        let is_over = |found: &Value| found["State"]["Status"] == "exited";
        let is_new = |found: &Value| found["State"]["Status"] == "created";
        if !is_over(&found) && !is_new(&found) {
            // A client that was cut off is no end.
            self.ask(&["wait", name])?;
            found = inspect()?;
        }
        let state = &found["State"];
        let code = state["ExitCode"].as_i64().and_then(|code| i32::try_from(code).ok()).unwrap_or_default();
        let out_of_memory = state["OOMKilled"] == true || (code == KILLED && started.out_of_memory);
        let said = state["Error"].as_str().unwrap_or_default();
        if is_new(&found) && started.exit != Exit::Canceled {
            let said = if said.is_empty() { "its reason is in the log of the run" } else { said };
            return Err(TargetError::Runtime {
                what: format!("{} start", self.name()),
                said: said.to_owned(),
            });
        }
        let exit = if code == KILLED { Exit::Signal(code - 128) } else { Exit::Code(code) };
        let image = found["Image"].as_str().unwrap_or_default().to_owned();
        Ok((Ended { out_of_memory, ..Ended::by(exit) }, image))
    }
}

/// A watch whose output is in pipes: the runtime's client has no terminal to give to a script.
struct NoTerminal {
    of: Arc<dyn Watch>,
    /// True if standard output is not the script's.
    is_aside: bool,
}

impl Watch for NoTerminal {
    fn started(&self, pid: u32) {
        self.of.started(pid);
    }

    fn output(&self, stream: Stream, bytes: &[u8]) {
        self.of.output(if self.is_aside { Stream::Err } else { stream }, bytes);
    }
}

/// Returns whether a shell takes this for the name of a variable.
fn is_variable(name: &OsStr) -> bool {
    let name = name.as_bytes();
    name.first().is_some_and(|first| !first.is_ascii_digit())
        && name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}

/// A word of shell that stands for these bytes.
fn quoted(bytes: &[u8]) -> Vec<u8> {
    let mut word = vec![b'\''];
    for byte in bytes {
        match byte {
            b'\'' => word.extend(b"'\\''"),
            byte => word.push(*byte),
        }
    }
    word.push(b'\'');
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_words_that_a_shell_reads_back() {
        let words = [&b"plain"[..], b"it's", b"a\nb $HOME `x` \\", b"\xff\x01"];
        let script: Vec<u8> =
            words.iter().flat_map(|word| [b"printf %s ", &quoted(word)[..], b";"].concat()).collect();
        let output =
            Command::new("/bin/sh").arg("-c").arg(OsStr::from_bytes(&script)).output().expect("a shell");
        assert_eq!(output.stdout, words.concat());
        assert!(is_variable(OsStr::new("AZML_X1")) && !is_variable(OsStr::new("1A")));
        assert!(!is_variable(OsStr::new("BASH_FUNC_x%%")) && !is_variable(OsStr::new("")));
    }
}
