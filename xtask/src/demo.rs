//! `cargo xtask demo`: the main job from end to end, on real data, told as it happens. A VSTS look-alike starts
//! on free ports, a project is created and linked to a new repo in it, iris is trained at several rates with
//! edits in between, the first run's folder is restored and compared byte for byte, and the project roams to a
//! second computer (a second home folder). Everything lives in one temporary folder; nothing else is touched.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::server::{Server, basic, request};
use crate::{Outcome, machine, process, workspace};

const TOKEN: &str = "demo-token-of-alice";
const SEED: &str = r#"# The demo's VSTS: one user, one account, no project yet.
demo_sign_in = true

[[users]]
name = "alice"
email = "alice@example.com"
password = "alice-password"
tokens = [{ name = "demo", value = "demo-token-of-alice" }]

[[accounts]]
name = "acme"
owner = "alice"
"#;

/// An edit before a further run, and that run's rate.
struct Edit {
    what: &'static str,
    apply: fn(&Path) -> Outcome,
    rate: &'static str,
}

const EDITS: &[Edit] = &[
    Edit { what: "train.py learns twice as long", apply: learn_longer, rate: "0.01" },
    Edit { what: "a note is added, in a folder with a space in its name", apply: add_note, rate: "0.1" },
    Edit { what: "nothing (the same code at another rate: no new snapshot)", apply: |_| Ok(()), rate: "1" },
    Edit { what: "train.py drops the sepal features", apply: drop_sepals, rate: "0.01" },
];

/// Runs the demo. With `--keep` the folder and the server stay.
pub(crate) fn run(args: &[String]) -> Outcome {
    let keep = match args {
        [] => false,
        [flag] if flag == "--keep" => true,
        [flag] if flag == "--engines" => return crate::demo_engines::run(),
        _ => return Err("usage: cargo xtask demo [--keep | --engines]".into()),
    };
    machine::require_git()?;
    let python = machine::python()?;
    say("building azml and vsts-mock, with all that they depend on the first time");
    let binaries = workspace::build_binaries(workspace::Purpose::Demo)?;
    let folder = tempfile::Builder::new().prefix("azml-demo-").tempdir()?;
    let mut demo = Demo::prepare(folder.path(), &binaries.azml, &python)?;

    say("starting vsts-mock with a seed of one user and one account");
    let seed = folder.path().join("seed.toml");
    std::fs::write(&seed, SEED)?;
    let log = folder.path().join("vsts-mock.log");
    let mut server = Server::start(&binaries.vsts_mock, &seed, &folder.path().join("vsts"), &log)?;
    println!("  {}/acme", server.http());
    let url = create_repo(&server)?;

    server.http().clone_into(&mut demo.origin);
    let outcome = demo.main_job(&url);
    if let Err(error) = &outcome {
        let log = std::fs::read_to_string(&log).unwrap_or_default();
        eprintln!("the server's log:\n{log}");
        return Err(error.to_string().into());
    }
    say("what to look at");
    if keep {
        let folder = folder.keep();
        let pid = server.leave_running();
        let signed_in = url.replace("http://", &format!("http://alice:{TOKEN}@"));
        println!("  in a browser         {url} (one click signs alice in), its branch AzureMLHistory/…");
        println!("  the Workbench        azml ui, in one of the folders below");
        println!("  the repo             git clone {signed_in}");
        println!("  the server's journal curl -u :{} {}/_mock/journal", server.admin_token(), server.http());
        println!("  first computer       cd {}", folder.join("first/iris").display());
        println!("  second computer      cd {}", folder.join("second/iris").display());
        println!(
            "  as alice             export PATH={}:$PATH AZML_VSTS_TOKEN={TOKEN} AZML_VSTS_URL={}",
            binaries.dir.display(),
            server.http()
        );
        println!("  then                 azml history list -o table; azml project show; azml history last");
        println!("  every snapshot       git --git-dir=.azuremlhistory_git log --stat --all");
        println!("  clean up             kill {pid} && rm -rf {}", folder.display());
    } else {
        println!("  nothing is left of it; `cargo xtask demo --keep` leaves server and folders to look at");
    }
    Ok(())
}

/// The two computers: a folder with `first/` and `second/` and a home folder each.
struct Demo {
    folder: PathBuf,
    bin: PathBuf,
    /// The server, to which the token may go.
    origin: String,
}

impl Demo {
    fn prepare(folder: &Path, azml: &Path, python: &Path) -> Outcome<Self> {
        let bin = folder.join("bin");
        for name in ["bin", "first", "second", "home-first", "home-second"] {
            std::fs::create_dir(folder.join(name))?;
        }
        std::os::unix::fs::symlink(azml, bin.join("azml"))?;
        std::os::unix::fs::symlink(azml, bin.join("az"))?;
        std::os::unix::fs::symlink(python, bin.join("python3"))?;
        std::os::unix::fs::symlink(python, bin.join("python"))?;
        for home in ["home-first", "home-second"] {
            let config =
                "[user]\n\tname = Alice\n\temail = alice@example.com\n[init]\n\tdefaultBranch = master\n";
            std::fs::write(folder.join(home).join(".gitconfig"), config)?;
        }
        Ok(Self { folder: folder.to_path_buf(), bin, origin: String::new() })
    }

    /// A command on one of the computers: nothing of the caller's environment but the PATH.
    fn command(&self, computer: &str, program: &str, dir: &Path) -> Command {
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", format!("{}:{path}", self.bin.display()))
            .env("HOME", self.folder.join(format!("home-{computer}")))
            .env("LC_ALL", "C.UTF-8")
            .env("TERM", "dumb")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("AZML_VSTS_TOKEN", TOKEN)
            .env("AZML_VSTS_URL", &self.origin)
            .current_dir(dir)
            .stdin(Stdio::null());
        command
    }

    /// Shows an azml command and runs it with its output shown, as a person at a terminal has it.
    fn azml(&self, computer: &str, dir: &Path, args: &[&str]) -> Outcome {
        println!("  {computer} $ azml {}", args.join(" "));
        let azml = self.bin.join("azml");
        let mut command = self.command(computer, azml.to_str().unwrap_or("azml"), dir);
        if !args.contains(&"-o") {
            // Without a terminal the result would be JSON, which says less to a reader than stderr does.
            command.args(["-o", if args.contains(&"--dry-run") { "yaml" } else { "none" }]);
        }
        process::run(command.args(args))
    }

    /// Runs an azml command quietly and parses its JSON.
    fn azml_json(&self, computer: &str, dir: &Path, args: &[&str]) -> Outcome<Value> {
        let azml = self.bin.join("azml");
        let mut command = self.command(computer, azml.to_str().unwrap_or("azml"), dir);
        Ok(serde_json::from_slice(&process::capture(command.args(args).args(["-o", "json"]))?)?)
    }

    fn main_job(&self, url: &str) -> Outcome {
        let (first, second) = (self.folder.join("first"), self.folder.join("second"));
        let project = first.join("iris");
        say("creating the project, linked to the repo");
        self.azml("first", &first, &["project", "create", "-n", "iris", "-r", url])?;
        let example = workspace::root().join("examples/iris");
        for name in ["train.py", "iris.csv", "README.md"] {
            std::fs::copy(example.join(name), project.join(name))?;
        }

        say("run 1: train.py at rate 0.01");
        self.azml("first", &project, &["experiment", "submit", "-c", "local", "train.py", "0.01"])?;
        let of_first_run = contents(&project)?;
        for (place, edit) in EDITS.iter().enumerate() {
            say(&format!("run {}: edited: {}; rate {}", place + 2, edit.what, edit.rate));
            (edit.apply)(&project)?;
            self.azml("first", &project, &["experiment", "submit", "-c", "local", "train.py", edit.rate])?;
        }

        say("the runs");
        self.azml("first", &project, &["history", "list", "-o", "table"])?;
        let runs = self.azml_json("first", &project, &["history", "list"])?;
        let runs = runs.as_array().ok_or("history list gives a list")?;
        if runs.len() != EDITS.len() + 1 {
            return Err(format!("{} runs are listed, {} were made", runs.len(), EDITS.len() + 1).into());
        }
        let run_id =
            runs.last().and_then(|run| run["run_id"].as_str()).ok_or("a run has a run_id")?.to_owned();

        say("restoring the first run's folder, over an edit that is in no snapshot yet");
        let of_last_run = contents(&project)?;
        replace(&project.join("train.py"), "LEARNING_RATE = 0.1", "LEARNING_RATE = 0.2")?;
        let before_restore = contents(&project)?;
        self.azml("first", &project, &["project", "restore", "--run-id", &run_id, "--dry-run"])?;
        self.azml("first", &project, &["project", "restore", "--run-id", &run_id])?;
        same(&of_first_run, &contents(&project)?, "the folder is byte for byte that of run 1")?;
        self.azml("first", &project, &["project", "restore", "--undo"])?;
        same(
            &before_restore,
            &contents(&project)?,
            "and after --undo it is byte for byte what it was before",
        )?;

        say("roaming: another computer, with nothing but the URL and a token");
        self.azml("second", &second, &["project", "clone", url, "iris"])?;
        let roamed = second.join("iris");
        same(&of_last_run, &contents(&roamed)?, "the roamed folder is byte for byte that of the last run")?;
        self.azml("second", &roamed, &["history", "list", "-o", "table"])?;
        self.azml("second", &roamed, &["project", "restore", "--run-id", &run_id])?;
        same(
            &of_first_run,
            &contents(&roamed)?,
            "run 1, restored on the second computer, is byte for byte the same",
        )?;

        say("and stock git sees every snapshot");
        let header = format!("http.extraHeader=Authorization: {}", basic(TOKEN));
        let mut clone = self.command("second", "git", &self.folder);
        process::capture(clone.args(["-c", &header, "clone", "--quiet", "--bare", url, "mirror.git"]))?;
        let mut log = self.command("second", "git", &self.folder.join("mirror.git"));
        process::run(log.args([
            "--no-pager",
            "log",
            "--branches=AzureMLHistory/*",
            "--stat",
            "--format=%n  %h %s",
        ]))?;
        let mut fsck = self.command("second", "git", &self.folder.join("mirror.git"));
        process::run(fsck.args(["fsck", "--strict", "--no-progress"]))
    }
}

/// Creates the project `iris` in the account `acme`; its default repo has the same name.
fn create_repo(server: &Server) -> Outcome<String> {
    say("creating the VSTS project `iris` and its repo, by the admin API");
    let url = format!("{}/_mock/accounts/acme/projects", server.http());
    let bearer = format!("Bearer {}", server.admin_token());
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
    let body = json!({ "name": "iris", "contributors": ["alice"] });
    let answer = request("POST", &url, &headers, body.to_string().as_bytes())?;
    if !(200..300).contains(&answer.status) {
        return Err(format!("POST {url}: {} {}", answer.status, String::from_utf8_lossy(&answer.body)).into());
    }
    let url = format!("{}/acme/_git/iris", server.http());
    println!("  {url}");
    Ok(url)
}

fn say(what: &str) {
    println!("\n== {what}");
}

/// One entry of a folder: its permission to execute and its bytes, or the target of a link.
#[derive(PartialEq, Eq)]
enum Entry {
    File { executable: bool, bytes: Vec<u8> },
    Link(PathBuf),
}

/// The whole folder without `.git` and the history repository, by path.
fn contents(folder: &Path) -> Outcome<BTreeMap<PathBuf, Entry>> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(&dir)? {
            let entry = entry?;
            let (path, kind) = (entry.path(), entry.file_type()?);
            if [&b".git"[..], b".azuremlhistory_git"].contains(&entry.file_name().as_bytes()) {
                continue;
            }
            let name = path.strip_prefix(folder)?.to_path_buf();
            if kind.is_dir() {
                open.push(path);
            } else if kind.is_symlink() {
                found.insert(name, Entry::Link(std::fs::read_link(&path)?));
            } else {
                let executable = entry.metadata()?.permissions().mode() & 0o100 != 0;
                found.insert(name, Entry::File { executable, bytes: std::fs::read(&path)? });
            }
        }
    }
    Ok(found)
}

fn same(expected: &BTreeMap<PathBuf, Entry>, found: &BTreeMap<PathBuf, Entry>, what: &str) -> Outcome {
    if expected == found {
        println!("  checked: {what} ({} files)", found.len());
        return Ok(());
    }
    let names = expected.keys().chain(found.keys());
    let mut differing: Vec<String> = names
        .filter(|name| expected.get(*name) != found.get(*name))
        .map(|name| name.display().to_string())
        .collect();
    differing.dedup();
    Err(format!("not true: {what}; these differ: {}", differing.join(", ")).into())
}

fn replace(path: &Path, from: &str, to: &str) -> Outcome {
    let text = std::fs::read_to_string(path)?;
    if !text.contains(from) {
        return Err(format!("{} does not contain `{from}`", path.display()).into());
    }
    Ok(std::fs::write(path, text.replacen(from, to, 1))?)
}

fn learn_longer(project: &Path) -> Outcome {
    replace(&project.join("train.py"), "EPOCHS = 200", "EPOCHS = 400")
}

fn add_note(project: &Path) -> Outcome {
    std::fs::create_dir(project.join("lab notes"))?;
    Ok(std::fs::write(
        project.join("lab notes/übersicht.md"),
        "Twice the epochs: no better.\r\nNext: more penalty.\r\n",
    )?)
}

fn drop_sepals(project: &Path) -> Outcome {
    replace(
        &project.join("train.py"),
        "FEATURES = [\"sepal_length\", \"sepal_width\", \"petal_length\", \"petal_width\"]",
        "FEATURES = [\"petal_length\", \"petal_width\"]",
    )
}
