//! S11: no secret leaves the computer with a snapshot, an output, a log or a record, and what is left out is said.
//!
//! Tokens are made when a test runs: nothing in this file looks like one.

use std::path::{Path, PathBuf};

use e2e::folder::write;
use e2e::{Actor, Sandbox, Server, git};
use serde_json::json;

/// A made-up token of Hugging Face: its prefix and so many letters.
fn token(letter: char) -> String {
    let letters: String = ('a'..='q').chain('A'..='Q').collect();
    format!("hf{}{}", "_", letters.replace('d', &letter.to_string()))
}

/// The content of every object of every repository of a server.
fn everything_at(actor: &Actor<'_>, server: &Server) -> String {
    let all = server.repositories().into_iter().map(|repository| {
        let refs = actor.git(&repository, &["for-each-ref"]).ok().stdout;
        refs + &actor.git(&repository, &["cat-file", "--batch-all-objects", "--batch"]).ok().stdout
    });
    all.collect()
}

fn project<'s>(sandbox: &'s Sandbox, server: &Server) -> (Actor<'s>, PathBuf) {
    let alice = sandbox.actor("alice", "alicepat").with_env("MY_API_KEY", "value-of-a-variable");
    let project = alice.create_linked_project(&sandbox.dir("work"), "iris", &server.repo("iris"));
    (alice, project)
}

fn key() -> String {
    let body = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJzdHV2".repeat(4);
    format!("-----BEGIN {0}-----\n{body}\n-----END {0}-----\n", "OPENSSH PRIVATE KEY")
}

#[test]
fn nothing_secret_of_a_run_reaches_the_remote() {
    let sandbox = Sandbox::new();
    let server = sandbox.server();
    let (alice, project) = project(&sandbox, &server);
    let (printed, logged, written, metric) = (token('1'), token('2'), token('3'), token('4'));
    let script = format!(
        "import os, sys\n\
         from azureml.logging import get_azureml_logger\n\
         print('args', sys.argv[1:])\n\
         print('begin {0}' + '{1} end')\n\
         print(os.environ['MY_API_KEY'])\n\
         os.makedirs('outputs'); os.makedirs('logs')\n\
         open('outputs/.env', 'w').write('DB=env-of' + '-the-run')\n\
         open('outputs/id_rsa', 'w').write('name-of-a' + '-key-file')\n\
         open('outputs/config.json', 'w').write('{{\"token\": \"{2}' + '{3}\"}}')\n\
         open('outputs/arguments.json', 'w').write(str(sys.argv))\n\
         open('outputs/model.txt', 'w').write('a-harmless' + '-output')\n\
         open('logs/own.log', 'w').write('a line\\nlogged {4}' + '{5}\\n')\n\
         log = get_azureml_logger()\n\
         log.log('note', 'x {6}' + '{7}')\n\
         log.log('loss', 0.5)\n",
        &printed[..9],
        &printed[9..],
        &written[..9],
        &written[9..],
        &logged[..9],
        &logged[9..],
        &metric[..9],
        &metric[9..],
    );
    write(&project, "train.py", &script);
    write(
        &project,
        "aml_config/local.runconfig",
        "Target: local\nEnvironmentVariables:\n  DB_PASSWORD: password-of-the-configuration\n",
    );
    write(&project, "keys/work", key());
    let arguments = [
        "--alpha",
        "0.1",
        "--password",
        "hunter2-of-alice",
        "--api-key=key-of-alice",
        "https://u:password-in-a-url@h/x",
        "--max_tokens",
        "5",
        &token('5'),
    ];
    let submit = [&["experiment", "submit", "-c", "local", "train.py"][..], &arguments].concat();
    let output = alice.azml(&project, &submit).ok();
    let run = output.run_id();

    let there = everything_at(&alice, &server);
    assert!(there.contains("a-harmless-output") && there.contains("begin ***"), "{output}");
    for secret in [
        &printed,
        &logged,
        &written,
        &metric,
        "env-of-the-run",
        "name-of-a-key-file",
        "hunter2-of-alice",
        "key-of-alice",
        "password-in-a-url",
        &token('5'),
        "value-of-a-variable",
        "password-of-the-configuration",
        &key()[40..80],
    ] {
        assert!(!there.contains(secret), "{secret}");
        let shown = format!(
            "{}{}",
            output.stderr,
            output.stdout.split("Execution Details").nth(1).unwrap_or_default()
        );
        assert!(!shown.contains(secret), "{secret} is shown: {output}");
    }
    // The script had them, and this computer keeps them.
    for secret in ["hunter2-of-alice", "key-of-alice", "password-in-a-url", &printed, "value-of-a-variable"] {
        assert!(output.stdout.contains(secret), "{secret}: {output}");
    }
    let here = alice.azml(&project, &["history", "info", "-r", &run, "-a", "driver_log.txt"]).ok();
    assert!(here.stdout.contains(&printed) && here.stdout.contains("hunter2-of-alice"), "{here}");
    let env = alice.azml(&project, &["history", "info", "-r", &run, "-a", "outputs/.env"]).ok();
    assert_eq!(env.stdout, "DB=env-of-the-run");

    // It is said what was left out, why, and what takes it back.
    for words in [
        "aml_config/local.runconfig (a secret by its name, line 3)",
        "keys/work (a private key, line 1)",
        "outputs/.env (a file of environment variables)",
        "outputs/id_rsa (a private key)",
        "outputs/config.json (a Hugging Face token, line 1)",
        "outputs/arguments.json (",
        "driver_log.txt (a password in a URL, line 1)",
        "logs/own.log (a Hugging Face token, line 2)",
        "--password (a secret by its name)",
        "argument 6 (a password in a URL)",
    ] {
        assert!(output.stdout.contains(words) || output.stderr.contains(words), "{words}: {output}");
    }
    for line in ["echo '!/outputs/.env' >> .amlignore", "config set plain_arguments 'password'"] {
        assert!(output.stderr.contains(line), "{line}: {output}");
    }

    let record = alice.azml_json(&project, &["history", "info", "-r", &run]);
    let expected = [
        "--alpha",
        "0.1",
        "--password",
        "***",
        "--api-key=***",
        "https://u:***@h/x",
        "--max_tokens",
        "5",
        "***",
    ];
    assert_eq!(record["arguments"], json!(expected));
    assert_eq!((&record["note"], &record["loss"]), (&json!("x ***"), &json!(0.5)));
    let left: Vec<&str> = record["properties"]["AttachmentsLeft"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|name| name.as_str())
        .collect();
    assert_eq!(left, ["outputs/.env", "outputs/arguments.json", "outputs/config.json", "outputs/id_rsa"]);

    // Another computer has the rest, and is told why it lacks these.
    let laptop = sandbox.actor_at("laptop", "alice", "alicepat");
    let dir = sandbox.dir("laptop");
    let _cloned = laptop.azml(&dir, &["project", "clone", &server.repo("iris"), "iris"]).ok();
    let roamed = dir.join("iris");
    let log = laptop.azml(&roamed, &["history", "info", "-r", &run, "-a", "driver_log.txt"]).ok();
    assert!(log.stdout.contains("begin *** end\n***\n"), "{log}");
    let control = laptop.azml(&roamed, &["history", "info", "-r", &run, "-a", "control_log.txt"]).ok();
    assert!(control.stdout.contains("running train.py --alpha 0.1 --password ***"), "{control}");
    let absent = laptop.azml(&roamed, &["history", "info", "-r", &run, "-a", "outputs/.env"]).exits(3);
    assert!(absent.stderr.contains("it looks like a secret (a file of environment variables)"), "{absent}");

    // The archive for a report of a problem has none of it either.
    let zip = project.join("../report.zip");
    let _made = alice
        .azml(&project, &["experiment", "diagnostics", "-r", &run, "--output-file", &zip.to_string_lossy()]);
    assert_no_secret_in_zip(&alice, &zip, &[&printed, "env-of-the-run", &written]);
}

#[track_caller]
fn assert_no_secret_in_zip(actor: &Actor<'_>, zip: &Path, secrets: &[&str]) {
    let script = "import sys, zipfile\nz = zipfile.ZipFile(sys.argv[1])\nprint(b''.join(z.read(n) for n in z.namelist()).decode('utf-8', 'replace'))";
    let all = actor.sh(Path::new("/"), &format!("python3 -c \"{script}\" '{}'", zip.display())).ok().stdout;
    assert!(all.contains("a-harmless-output"), "{all}");
    for secret in secrets {
        assert!(!all.contains(secret), "{secret}");
    }
}

#[test]
fn false_alarms_are_taken_back_by_the_lines_that_the_messages_give() {
    let sandbox = Sandbox::new();
    let server = sandbox.server();
    let (alice, project) = project(&sandbox, &server);
    let (file, printed) = (token('1'), token('2'));
    write(&project, "notes.txt", format!("about\n{file}\n"));
    let script = format!(
        "import os, sys\nprint('{}' + '{}')\nos.makedirs('outputs')\nopen('outputs/prod.env', 'w').write('taken-back' + '-output')\n",
        &printed[..9],
        &printed[9..]
    );
    write(&project, "train.py", &script);
    let submit = ["experiment", "submit", "-c", "local", "train.py", "--token", "plain-argument"];
    let first = alice.azml(&project, &submit).ok();
    assert!(first.stderr.contains("notes.txt (a Hugging Face token, line 2)"), "{first}");
    let before = everything_at(&alice, &server);
    for secret in [&file, &printed, "taken-back-output", "plain-argument"] {
        assert!(!before.contains(secret), "{secret}");
    }
    // Each command that a hint gives is run as it stands.
    let mut commands = 0;
    for line in first.stderr.lines().filter(|line| line.starts_with("hint: if ")) {
        let (_, command) =
            line.split_once(": ").and_then(|(_, rest)| rest.split_once(": ")).expect("a command");
        let azml = alice.azml_path();
        let _done = alice.sh(&project, &command.replacen("azml ", &format!("{azml} "), 1)).ok();
        commands += 1;
    }
    assert_eq!(commands, 4, "{first}");
    let second = alice.azml(&project, &submit).ok();
    assert!(!second.stderr.contains("secret") && !second.stdout.contains("secret"), "{second}");
    let after = everything_at(&alice, &server);
    for text in [&file, &printed, "taken-back-output", "plain-argument"] {
        assert!(after.contains(text), "{text}: {second}");
    }
    git::assert_sound(&alice, &git::history_of(&project));
}

#[test]
fn secrets_in_large_files_and_in_utf_16_stay_out_of_a_snapshot() {
    let sandbox = Sandbox::new();
    let server = sandbox.server();
    let (alice, project) = project(&sandbox, &server);
    write(&project, "train.py", "print('trained')\n");
    let (large, wide) = (token('1'), token('2'));
    write(&project, "run.ipynb", format!("{}\\n{large}\\n", "a cell's output\\n\n".repeat(400_000)));
    let text = format!("\u{feff}A key that an editor saved\r\n{wide}\r\n");
    write(&project, "key.txt", text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>());
    let output = alice.azml(&project, &["experiment", "submit", "-c", "local", "train.py"]).ok();
    for words in ["run.ipynb (a Hugging Face token, line 400001)", "key.txt (a Hugging Face token, line 2)"] {
        assert!(output.stderr.contains(words), "{words}: {output}");
    }
    let there = everything_at(&alice, &server);
    assert!(there.contains("print('trained')") && !there.contains(&large), "{output}");
    // The same is said as long as they are there, and a change elsewhere does not take them in.
    write(&project, "train.py", "print('again')\n");
    let again = alice.azml(&project, &["project", "snapshot"]).ok();
    assert!(again.stderr.contains("run.ipynb (a Hugging Face token, line 400001)"), "{again}");
    let tree = alice
        .git(&git::history_of(&project), &["ls-tree", "-r", "--name-only", &git::history_branch(&project)])
        .ok();
    assert!(!tree.stdout.contains("run.ipynb") && !tree.stdout.contains("key.txt"), "{tree}");
}

#[test]
fn a_run_whose_azml_dies_keeps_its_secrets_to_itself() {
    let sandbox = Sandbox::new();
    let server = sandbox.server();
    let (alice, project) = project(&sandbox, &server);
    let printed = token('1');
    let script = format!(
        "import os, sys\nprint(sys.argv[1:], '{}' + '{}', os.environ['MY_API_KEY'])\nos.makedirs('outputs')\n\
         open('outputs/prod.env', 'w').write('env-of' + '-the-run')\n",
        &printed[..9],
        &printed[9..]
    );
    write(&project, "train.py", &script);
    // Before anything is put into Git of what the script left.
    let mortal = sandbox
        .actor("alice", "alicepat")
        .with_env("MY_API_KEY", "value-of-a-variable")
        .with_env("AZML_FAULT", "submit:2");
    let submit = ["experiment", "submit", "-c", "local", "train.py", "--password", "hunter2-of-alice"];
    let died = mortal.azml(&project, &submit);
    assert_eq!(died.code, None, "it was killed: {died}");
    let run = alice.azml_json(&project, &["history", "last"]);
    assert_eq!((&run["status"], &run["arguments"]), (&json!("NotResponding"), &json!(["--password", "***"])));
    let _synced = alice.azml(&project, &["history", "sync"]).ok();
    let there = everything_at(&alice, &server);
    assert!(there.contains("['--password', '***'] *** ***"), "the log is there");
    for secret in [&printed, "value-of-a-variable", "hunter2-of-alice", "env-of-the-run"] {
        assert!(!there.contains(secret), "{secret}");
    }
}
