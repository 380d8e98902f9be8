//! `cargo xtask demo --engines`: one script on each engine that this machine has, and a table of what came of it.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::{Outcome, machine, workspace};

const TRAIN: &str = "import os, socket\nfrom azureml.logging import get_azureml_logger\n\
    get_azureml_logger().log('loss', 0.25)\nprint('trained on', socket.gethostname())\n";
/// The script where an image may have no Python.
const SHELL: &str = "echo trained in a container\n";

/// An engine: its name, a line of shell that succeeds where it is there, the arguments of attach, and the script.
struct Engine {
    name: &'static str,
    test: &'static str,
    attach: &'static str,
    script: &'static str,
}

const ENGINES: [Engine; 6] = [
    Engine { name: "local", test: "true", attach: "", script: "train.py" },
    Engine {
        name: "ssh",
        test: "ssh -o BatchMode=yes -o ConnectTimeout=3 localhost true",
        attach: "ssh -a localhost --folder \"$PWD/../node\"",
        script: "train.py",
    },
    Engine {
        name: "slurm",
        test: "sinfo --noheader",
        attach: "slurm --folder \"$PWD/../node\"",
        script: "train.py",
    },
    Engine {
        name: "containers",
        test: "$(command -v docker podman | head -n 1) image ls --quiet | grep -q .",
        attach: "docker --image $($(command -v docker podman | head -n 1) image ls --quiet | head -n 1)",
        script: "train.sh",
    },
    Engine {
        name: "ray",
        test: "python3 -c 'import urllib.request as u; u.urlopen(\"http://127.0.0.1:8265/api/version\", timeout=3)'",
        attach: "ray -a http://127.0.0.1:8265",
        script: "train.py",
    },
    // Spark comes by an environment that azml makes of it.
    Engine { name: "spark", test: "java -version", attach: "", script: "train.py" },
];

/// Runs the demo.
pub(crate) fn run() -> Outcome {
    machine::require_git()?;
    println!("== building azml");
    let binaries = workspace::build_binaries(workspace::Purpose::Demo)?;
    let folder = tempfile::Builder::new().prefix("azml-engines-").tempdir()?;
    let home = folder.path().join("home");
    std::fs::create_dir(&home)?;
    std::fs::write(home.join(".gitconfig"), "[user]\n\tname = Alice\n\temail = alice@example.com\n")?;
    let shell = |dir: &Path, line: &str, shown: bool| -> Outcome<bool> {
        let path = format!("{}:{}", binaries.dir.display(), std::env::var("PATH").unwrap_or_default());
        let mut command = Command::new("sh");
        command
            .args(["-c", line])
            .current_dir(dir)
            .stdin(Stdio::null())
            .env("PATH", path)
            .env("AZML_STATE_DIR", &home);
        command.env("AZML_CONFIG_DIR", &home).env("GIT_CONFIG_GLOBAL", home.join(".gitconfig"));
        if !shown {
            command.stdout(Stdio::null()).stderr(Stdio::null());
        }
        Ok(command.status()?.success())
    };
    if !shell(folder.path(), "azml project create -n iris -o none", true)? {
        return Err("the project could not be made".into());
    }
    let project = folder.path().join("iris");
    std::fs::write(project.join("train.py"), TRAIN)?;
    std::fs::write(project.join("train.sh"), SHELL)?;
    let config = project.join("aml_config");
    std::fs::write(config.join("spark.runconfig"), "Target: spark\nFramework: PySpark\n")?;
    std::fs::write(
        config.join("spark.compute"),
        "type: local\nuserManagedEnvironment: false\nsparkMaster: local[1]\n",
    )?;
    let mut rows = Vec::new();
    for engine in &ENGINES {
        if !shell(&project, engine.test, false)? {
            rows.push((engine.name, "not on this machine".to_owned(), String::new()));
            continue;
        }
        println!("== {}", engine.name);
        let name = engine.name;
        if name == "spark" {
            std::fs::write(project.join("requirements.txt"), "pyspark\n")?;
        }
        let attach = format!("azml computetarget attach {} -n {name} -o none", engine.attach);
        let begun = Instant::now();
        let submit = format!("azml experiment submit -c {name} {}", engine.script);
        let attached = engine.attach.is_empty() || shell(&project, &attach, true)?;
        let ran = attached && shell(&project, &submit, true)?;
        let result = if ran { "Completed" } else { "Failed" };
        rows.push((name, result.to_owned(), format!("{:.1} s", begun.elapsed().as_secs_f64())));
    }
    println!("\n{:<12} {:<22} took", "engine", "result");
    for (name, result, took) in &rows {
        println!("{name:<12} {result:<22} {took}");
    }
    println!();
    if !shell(&project, "azml history list -o table", true)?
        || rows.iter().any(|(_, result, _)| result == "Failed")
    {
        return Err("a run failed".into());
    }
    Ok(())
}
