//! The first console sessions of README and of other pages, run as it is printed: every command, every line of output. `[..]`
//! stands for what differs from run to run, `...` alone on a line for any lines. And the recipes of that page.

use std::os::unix::fs::symlink;
use std::path::Path;

use e2e::folder::{set_executable, write};
use e2e::{Actor, Sandbox, binaries, git};

/// One command of a session and what README says it prints.
#[derive(Debug, PartialEq, Eq)]
struct Step {
    command: String,
    output: Vec<String>,
}

/// The steps of the first `console` block.
fn session(document: &str) -> Vec<Step> {
    let block = document.split("```console\n").nth(1).expect("README has a console session");
    let mut steps: Vec<Step> = Vec::new();
    for line in block.split("```").next().expect("the block ends").lines() {
        if let Some(command) = line.strip_prefix("$ ") {
            steps.push(Step { command: command.to_owned(), output: Vec::new() });
        } else if let Some(step) = steps.last_mut() {
            step.output.push(line.to_owned());
        }
    }
    steps
}

/// Returns whether a line matches the pattern.
fn matches(pattern: &str, line: &str) -> bool {
    let parts: Vec<&str> = pattern.split("[..]").collect();
    let [first, between @ .., last] = parts.as_slice() else { return pattern == line };
    let Some(mut rest) = line.strip_prefix(first) else { return false };
    for part in between {
        match rest.find(part) {
            Some(place) => rest = &rest[place + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// Returns whether the lines match the patterns.
fn all_match(patterns: &[String], lines: &[&str]) -> bool {
    match patterns.split_first() {
        None => lines.is_empty(),
        Some((pattern, rest)) if pattern == "..." => {
            (0..=lines.len()).any(|skip| all_match(rest, &lines[skip..]))
        }
        Some((pattern, rest)) => lines
            .split_first()
            .is_some_and(|(line, others)| matches(pattern, line) && all_match(rest, others)),
    }
}

#[test]
fn the_session_of_the_readme_is_true() {
    assert_true("README.md");
}

#[test]
fn the_session_of_the_page_about_commands_is_true() {
    assert_true("docs/commands.md");
}

#[test]
fn the_session_of_the_page_about_snapshots_is_true() {
    assert_true("docs/snapshots.md");
}

#[test]
fn the_session_of_the_page_about_large_files_is_true() {
    assert_true("docs/large-files.md");
}

fn read(document: &str) -> String {
    std::fs::read_to_string(binaries::workspace().join(document)).expect("the document is there")
}

#[track_caller]
fn assert_true(document: &str) {
    let page = read(document);
    let steps = session(&page);
    assert!(steps.len() >= 5, "{steps:?}");
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice").with_env("LC_ALL", "C.UTF-8");
    let work = sandbox.dir("work");
    symlink(binaries::workspace().join("examples"), work.join("examples")).expect("a link");

    check_session(&alice, &work, &page);
}

/// Runs the first console session of a page in a folder, and compares what it prints.
pub(crate) fn check_session(alice: &Actor<'_>, folder: &Path, page: &str) {
    let steps = session(page);
    // One shell for all, as a reader has; a mark after each command tells their outputs apart.
    let mut script = String::new();
    for step in &steps {
        script.extend([&step.command, " 2>/dev/null\nprintf '\\036'\n"]);
    }
    let output = alice.sh(folder, &script).ok();
    let parts: Vec<&str> = output.stdout.split('\u{1e}').collect();
    assert_eq!(parts.len(), steps.len() + 1, "{output}");
    for (step, part) in steps.iter().zip(parts) {
        let lines: Vec<&str> = part.lines().collect();
        assert!(
            all_match(&step.output, &lines),
            "the page says of `{}`:\n{}\nit printed:\n{part}",
            step.command,
            step.output.join("\n")
        );
    }
}

/// The first block of a language.
fn block<'d>(document: &'d str, language: &str) -> &'d str {
    let begin = format!("```{language}\n");
    let block = document.split(&begin).nth(1).unwrap_or_else(|| panic!("no block of {language}"));
    block.split("```").next().expect("the block ends")
}

#[test]
fn the_recipes_for_hooks_take_snapshots() {
    let page = read("docs/snapshots.md");
    let sandbox = Sandbox::new();
    let (alice, project) = sandbox.project();
    let history = git::history_of(&project);
    let mut turn = 0;
    let mut takes = |run: &dyn Fn(), subject: &str| {
        turn += 1;
        write(&project, "train.py", format!("print({turn})\n"));
        run();
        assert_eq!(alice.git(&history, &["log", "-1", "--format=%s"]).ok().text(), subject);
        let now = alice.git(&history, &["show", "HEAD:train.py"]).ok().stdout;
        assert_eq!(now, format!("print({turn})\n"));
    };

    let settings: serde_json::Value = serde_json::from_str(block(&page, "json")).expect("the block is JSON");
    for (event, subject) in [("UserPromptSubmit", "before a prompt"), ("PostToolUse", "Claude Code")] {
        let command =
            settings["hooks"][event][0]["hooks"][0]["command"].as_str().expect("a command").to_owned();
        takes(&|| assert_eq!(alice.sh(&project, &command).ok().stdout, ""), subject);
    }
    let notify = block(&page, "toml").trim().strip_prefix("notify = ").expect("the key");
    let notify: Vec<String> = serde_json::from_str(notify).expect("an array of strings is JSON, too");
    takes(
        &|| {
            let mut command = alice.command(&notify[0], &project);
            let status = command
                .args(&notify[1..])
                .arg("{\"type\":\"agent-turn-complete\"}")
                .status()
                .expect("it starts");
            assert!(status.success());
        },
        "Codex",
    );
    let hook = project.join(".git/hooks/pre-commit");
    write(&project, ".git/hooks/pre-commit", block(&page, "sh"));
    set_executable(&hook, true);
    takes(
        &|| {
            write(&project, "committed.txt", "x\n");
            let _added = alice.git(&project, &["add", "committed.txt"]).ok();
            let _committed = alice.git(&project, &["commit", "--quiet", "-m", "mine"]).ok();
        },
        "before a commit",
    );
    let mine = alice.git(&project, &["show", "--name-only", "--format=%s", "HEAD"]).ok();
    assert_eq!(mine.text(), "mine\n\ncommitted.txt");
}

/// The lines of shell about vsts-mock, on free ports, and with a key in the seed as the page says.
#[test]
fn the_lines_about_vsts_mock_work() {
    let page = read("README.md");
    let section = page.split("\n## ").find(|part| part.starts_with("Use vsts-mock")).expect("the section");
    let lines =
        section.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next()).collect::<String>();
    let (serve, clones) = lines.split_once("\nuntil ").expect("the server is waited for");
    let (init, serve) = serve.split_once('\n').expect("a seed, and the server with it");
    let read_address = |name: &str, key: &str, start: &str| {
        format!(
            "{name}=$(python3 -c 'import json; print(json.load(open(\"ready.json\"))[\"{key}\"].removeprefix(\"{start}\"))')\n"
        )
    };
    let script = [
        "ssh-keygen -q -t ed25519 -N '' -f id_ed25519\n",
        init.split(" #").next().expect("a command"),
        "\nsed -i 's/^# \\(ssh_keys = .[{][^}]*}\\).*/\\1]/' seed.toml\n",
        &serve.replace("127.0.0.1:8443", "127.0.0.1:0 --http 127.0.0.1:0 --ssh 127.0.0.1:0"),
        "\ntrap \"kill $!\" EXIT\nuntil ",
        clones.split_once('\n').expect("the loop's line").0,
        "\n",
        &read_address("HTTP", "http", "http://"),
        &read_address("HTTPS", "https", "https://"),
        &read_address("SSH", "ssh", "ssh://"),
        "python3 -c 'import json; print(json.load(open(\"ready.json\"))[\"known_hosts\"])' > known_hosts\n",
        "export GIT_SSH_COMMAND='ssh -F none -i id_ed25519 -o UserKnownHostsFile=known_hosts -o BatchMode=yes'\n",
        &clones
            .split_once('\n')
            .expect("lines after the loop")
            .1
            .replace("127.0.0.1:8080", "$HTTP")
            .replace("127.0.0.1:8443", "$HTTPS")
            .replace("127.0.0.1:2222", "$SSH"),
    ]
    .concat();
    let sandbox = Sandbox::new();
    let work = sandbox.dir("work");
    let _output = sandbox.stranger("alice").sh(&work, &script).ok();
    for clone in ["by-http", "by-https", "by-ssh"] {
        assert!(work.join(clone).join(".git").is_dir(), "{clone}: {script}");
    }
}

#[test]
fn patterns_match_what_they_say() {
    assert!(matches("RunId: iris_[..]", "RunId: iris_15"));
    assert!(matches("a[..]c[..]", "abcd"));
    assert!(!matches("a[..]c", "abd"));
    let patterns = ["x".to_owned(), "...".to_owned(), "y".to_owned()];
    assert!(all_match(&patterns, &["x", "1", "2", "y"]));
    assert!(!all_match(&patterns, &["x", "1"]));
}
