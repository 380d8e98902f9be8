//! `cargo xtask package`: wheels for Python, a package for npm, an image for containers; each is built into
//! `target/package` and tried.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use test_support::venv;

use crate::{Outcome, machine, process, workspace};

const MATURIN: &str = "maturin==1.16.0";
const IMAGE: &str = "localhost/vsts-mock";

/// Builds and tries all packages, with the profile `dist` or the one after `--profile`.
pub(crate) fn run(args: &[String]) -> Outcome {
    let profile = match args {
        [] => "dist",
        [flag, profile] if flag == "--profile" => profile,
        _ => return Err("usage: cargo xtask package [--profile NAME]".into()),
    };
    let out = workspace::root().join("target/package");
    if out.exists() {
        fs::remove_dir_all(&out)?;
    }
    fs::create_dir_all(&out)?;
    machine::python()?;
    let python = vsts_mock_wheel(&out, profile)?;
    azml_wheel(&out, profile)?;
    // The wheel has just compiled it.
    let folder = if profile == "dev" { "debug" } else { profile };
    let binary = workspace::root().join("target").join(folder).join("vsts-mock");
    npm(&out, &binary)?;
    image(&out, &binary)?;
    println!("packages in {}:", out.display());
    for entry in fs::read_dir(&out)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            let size = entry.metadata()?.len() / 1_000_000;
            println!("  {} ({size} MB)", entry.file_name().to_string_lossy());
        }
    }
    println!("  the image {IMAGE}; and a Python that has both wheels: {}", python.display());
    Ok(())
}

/// Builds a wheel of a project's folder and installs it into an environment; the environment's Python.
fn wheel(out: &Path, project: &Path, name: &str, profile: &str) -> Outcome<PathBuf> {
    let root = workspace::root();
    let maturin = venv::with_package(&root.join("target/tmp"), MATURIN).join("bin/maturin");
    let mut build = Command::new(maturin);
    build.args(["build", "--profile", profile, "--compatibility", "linux", "--out"]).arg(out);
    process::run(build.current_dir(project))?;
    let found = fs::read_dir(out)?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| {
            path.file_name().is_some_and(|file| file.to_string_lossy().starts_with(&format!("{name}-")))
        })
        .ok_or_else(|| format!("maturin made no wheel of {name}"))?;
    let environment = out.join("environment");
    let python = environment.join("bin/python");
    if !python.exists() {
        process::run(Command::new("python3").args(["-m", "venv"]).arg(&environment))?;
    }
    let install = ["-m", "pip", "install", "-q", "--disable-pip-version-check", "--force-reinstall"];
    process::run(Command::new(&python).args(install).arg(found))?;
    Ok(python)
}

/// The wheel of vsts-mock, tried by pytest with the program that it brings.
fn vsts_mock_wheel(out: &Path, profile: &str) -> Outcome<PathBuf> {
    let python = wheel(out, &workspace::root().join("packages/python"), "vsts_mock", profile)?;
    let install = ["-m", "pip", "install", "-q", "--disable-pip-version-check", "pytest"];
    process::run(Command::new(&python).args(install))?;
    let trial = out.join("trial");
    fs::create_dir_all(&trial)?;
    let test = "import subprocess\n\ndef test_git_clones(vsts_mock, vsts_repo, tmp_path):\n    \
                vsts_repo.commit({'a.txt': 'one'})\n    \
                url = vsts_repo.url_for('alice', vsts_repo.service_url)\n    \
                subprocess.run(['git', 'clone', '-q', url, tmp_path / 'clone'], check=True)\n    \
                assert (tmp_path / 'clone/a.txt').read_text() == 'one'\n";
    fs::write(trial.join("test_trial.py"), test)?;
    let mut pytest = Command::new(&python);
    pytest
        .args(["-m", "pytest", "-q", "-p", "no:cacheprovider", "--vsts-mock-intercept"])
        .env_remove("VSTS_MOCK_BIN");
    process::run(pytest.current_dir(trial))?;
    Ok(python)
}

/// The wheel of azml: its program and the module that reads the history.
fn azml_wheel(out: &Path, profile: &str) -> Outcome {
    // maturin takes the module from below the project alone, and it is in `python`, where runs find it.
    let root = workspace::root();
    let project = out.join("azml");
    fs::create_dir_all(project.join("src"))?;
    let settings = fs::read_to_string(root.join("packages/azml/pyproject.toml"))?;
    let crates = format!("\"{}/crates", root.display());
    fs::write(project.join("pyproject.toml"), settings.replace("\"../../crates", &crates))?;
    fs::copy(root.join("python/README.md"), project.join("README.md"))?;
    copy_folder(&root.join("python/azml"), &project.join("src/azml"))?;
    let python = wheel(out, &project, "azml", profile)?;
    let azml = python.with_file_name("azml");
    process::run(Command::new(azml).arg("--version"))?;
    process::run(Command::new(python).args(["-c", "import azml; azml.runs; azml.log_metric"]))
}

/// Copies the files of a folder.
fn copy_folder(from: &Path, to: &Path) -> Outcome {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}

/// The package for npm, tried in a folder of its own.
fn npm(out: &Path, binary: &Path) -> Outcome {
    let folder = out.join("npm");
    copy_folder(&workspace::root().join("packages/npm"), &folder)?;
    fs::create_dir_all(folder.join("bin"))?;
    fs::copy(binary, folder.join("bin/vsts-mock"))?;
    let pack = ["pack", "--silent", "--pack-destination"];
    process::run(Command::new("npm").args(pack).arg(out).current_dir(&folder))?;
    let trial = out.join("npm-trial");
    fs::create_dir_all(&trial)?;
    fs::write(trial.join("package.json"), "{}")?;
    let archive = out.join(format!("vsts-mock-{}.tgz", env!("CARGO_PKG_VERSION")));
    let install = ["install", "--silent", "--no-audit", "--no-fund", "--offline"];
    process::run(Command::new("npm").args(install).arg(archive).current_dir(&trial))?;
    let script = "require('vsts-mock').start().then(async (server) => { \
                  await (await server.repo()).commit({ 'a.txt': 'one' }); await server.stop(); })";
    process::run(Command::new("node").args(["-e", script]).env_remove("VSTS_MOCK_BIN").current_dir(&trial))?;
    process::run(Command::new("npx").args(["--offline", "vsts-mock", "--version"]).current_dir(&trial))
}

/// The image for containers, tried by its own health check.
fn image(out: &Path, binary: &Path) -> Outcome {
    let engine = ["podman", "docker"]
        .into_iter()
        .find(|engine| process::succeeds(Command::new(engine).arg("--version")))
        .ok_or("neither podman nor docker is installed")?;
    let context = out.join("container");
    let root = context.join("root");
    for folder in ["root/usr/bin", "root/etc/vsts-mock", "owned/data", "owned/tmp"] {
        fs::create_dir_all(context.join(folder))?;
    }
    // It holds hashes of passwords, and private repositories.
    fs::set_permissions(context.join("owned/data"), fs::Permissions::from_mode(0o700))?;
    fs::copy(workspace::root().join("packages/container/Containerfile"), context.join("Containerfile"))?;
    fs::copy(binary, root.join("usr/bin/vsts-mock"))?;
    for library in libraries(binary)? {
        let place = root.join(library.strip_prefix("/").unwrap_or(&library));
        fs::create_dir_all(place.parent().unwrap_or(&root))?;
        fs::copy(&library, place)?;
    }
    let seed = String::from_utf8(process::capture(Command::new(binary).arg("init"))?)?;
    let seed = seed.replace("allow_remote = false", "allow_remote = true");
    fs::write(root.join("etc/vsts-mock/seed.toml"), seed)?;
    // Health checks are part of docker's format alone.
    let format: &[&str] = if engine == "podman" { &["--format", "docker"] } else { &[] };
    let mut build = Command::new(engine);
    build.arg("build").args(format).args(["--quiet", "--tag", IMAGE]).arg(&context);
    process::run(&mut build)?;
    // Modest limits, which a machine that is a container itself can give; its health is asked below.
    let limits = ["--ulimit", "nofile=4096:4096", "--ulimit", "nproc=4096:4096", "--no-healthcheck"];
    let start = [&["run", "--detach", "--rm", "--network", "none"], &limits[..], &[IMAGE]].concat();
    let id = String::from_utf8(process::capture(Command::new(engine).args(start))?)?;
    let healthy = (0..HEALTH_TRIES).any(|_| {
        std::thread::sleep(HEALTH_PAUSE);
        process::succeeds(Command::new(engine).args(["exec", id.trim(), "/usr/bin/vsts-mock", "health"]))
    });
    // Warnings are on its error output.
    let log = Command::new(engine).args(["logs", id.trim()]).output()?;
    process::succeeds(Command::new(engine).args(["stop", id.trim()]));
    let log = format!("{}{}", String::from_utf8_lossy(&log.stdout), String::from_utf8_lossy(&log.stderr));
    if !healthy {
        return Err(format!("the container does not answer: {log}").into());
    }
    if log.contains("WARN") { Err(format!("the container warns: {log}").into()) } else { Ok(()) }
}

/// The number of health checks before a container is given up, and the time before each.
const HEALTH_TRIES: u32 = 40;
const HEALTH_PAUSE: std::time::Duration = std::time::Duration::from_millis(250);

/// The shared libraries that a program needs, with the loader.
fn libraries(binary: &Path) -> Outcome<Vec<PathBuf>> {
    let listed = String::from_utf8(process::capture(Command::new("ldd").arg(binary))?)?;
    Ok(listed.split_whitespace().filter(|word| word.starts_with('/')).map(PathBuf::from).collect())
}
