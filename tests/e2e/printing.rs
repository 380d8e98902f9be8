//! Formats of output, `--query`, exit codes and the shape of errors.

use e2e::folder::write;
use e2e::{Actor, Sandbox};

fn project_with_two_runs(sandbox: &Sandbox, alice: &Actor<'_>) -> (std::path::PathBuf, [String; 2]) {
    let project = alice.create_project(&sandbox.dir("work"), "iris");
    write(
        &project,
        "train.py",
        "import sys\nfrom azureml.logging import get_azureml_logger\n\
         get_azureml_logger().log('Accuracy', float(sys.argv[1]))\n",
    );
    let runs = ["0.5", "0.75"].map(|accuracy| alice.submit(&project, &["train.py", accuracy]));
    (project, runs)
}

#[test]
fn every_format_says_the_same() {
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice");
    let (project, [first, second]) = project_with_two_runs(&sandbox, &alice);
    let list = |format: &str| alice.azml(&project, &["history", "list", "-o", format]).ok().stdout;

    let json: serde_json::Value = serde_json::from_str(&list("json")).expect("JSON");
    assert_eq!(json[0]["run_id"], second.as_str());
    assert_eq!(json[1]["run_id"], first.as_str());
    assert_eq!(json[0]["Accuracy"], 0.75);
    // Without `-o`, and without a terminal: JSON.
    assert_eq!(alice.azml(&project, &["history", "list"]).ok().json(), json);

    let table = list("table");
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 4, "{table}");
    let columns: Vec<&str> = lines[0].split_whitespace().collect();
    assert_eq!(
        columns,
        ["Accuracy", "Duration", "Run_id", "Script_name", "Start_time_utc", "Status"],
        "{table}"
    );
    assert!(lines[1].chars().all(|c| c == '-' || c == ' '), "{table}");
    assert!(lines[2].contains(&second) && lines[3].contains(&first), "{table}");
    assert!(!table.contains('\u{1b}'), "colour without a terminal");

    let tsv = list("tsv");
    assert_eq!(tsv.lines().count(), 2, "{tsv}");
    assert!(tsv.lines().all(|line| line.contains('\t')), "{tsv}");
    let yaml = list("yaml");
    assert!(yaml.contains(&format!("run_id: {second}")), "{yaml}");
    assert_eq!(list("none"), "");
}

#[test]
fn queries_pick_and_keep_the_order_of_keys() {
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice");
    let (project, [first, second]) = project_with_two_runs(&sandbox, &alice);
    let query = |query: &str, format: &str| {
        alice.azml(&project, &["history", "list", "--query", query, "-o", format]).ok().stdout
    };
    assert_eq!(query("[0].run_id", "tsv").trim_end(), second);
    // The documentation's own.
    assert_eq!(query("@[?Accuracy != null] | max_by(@, &Accuracy).Accuracy", "json").trim_end(), "0.75");
    assert_eq!(query("length([?status=='Completed'])", "json").trim_end(), "2");
    assert_eq!(query("[?Accuracy < `0.6`].run_id", "tsv").trim_end(), first);
    let picked = query("[].{run: run_id, accuracy: Accuracy}", "json");
    let (run, accuracy) =
        (picked.find("\"run\"").expect("a key"), picked.find("\"accuracy\"").expect("a key"));
    assert!(run < accuracy, "{picked}");
    let _usage = alice.azml(&project, &["history", "list", "--query", "[?"]).exits(2);
}

#[test]
fn errors_have_one_shape_and_the_documented_codes() {
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice");
    let (project, _) = project_with_two_runs(&sandbox, &alice);
    let elsewhere = sandbox.dir("elsewhere");
    let cases: &[(&std::path::Path, &[&str], i32)] = &[
        (&project, &["history", "info", "--run", "iris_1234567890123"], 3),
        (&elsewhere, &["history", "list"], 3),
        (&project, &["no-such-command"], 2),
        (&project, &["history", "list", "-o", "xml"], 2),
        (&project, &["project", "restore"], 2),
    ];
    for (dir, args, code) in cases {
        let output = alice.azml(dir, args).exits(*code);
        assert!(output.stderr.starts_with("error: "), "{output}");
        assert_eq!(output.stdout, "", "{output}");
    }
    // Help is a result.
    for args in [&["--help"][..], &["project", "restore", "--help"], &["--version"]] {
        let output = alice.azml(&project, args).ok();
        assert!(!output.stdout.is_empty() && output.stderr.is_empty(), "{output}");
    }
}

#[test]
fn data_goes_to_stdout_and_the_rest_to_stderr() {
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice");
    let (project, _) = project_with_two_runs(&sandbox, &alice);
    // Without a remote there is nothing to talk to.
    let refused = alice.azml(&project, &["history", "sync", "-o", "json"]).fails();
    assert!(refused.stdout.is_empty() && refused.stderr.starts_with("error: "), "{refused}");
    let remote = sandbox.bare_repo("remote.git");
    let _linked = alice.azml(&project, &["project", "update", "-r", &remote.display().to_string()]).ok();
    for args in [
        &["project", "show", "-o", "json"][..],
        &["project", "snapshot", "-o", "json"],
        &["history", "sync", "-o", "json"],
    ] {
        let output = alice.azml(&project, args).ok();
        assert!(output.json().is_object(), "{output}");
    }
    // What a person is told beside the result is no part of it.
    write(&project, ".env", "PASSWORD=secret\n");
    let output = alice.azml(&project, &["project", "snapshot", "-o", "json"]).ok();
    assert!(output.stderr.contains(".env") && output.json().is_object(), "{output}");
    let output = alice.azml(&project, &["history", "list", "--only-show-errors"]).ok();
    assert_eq!(output.stderr, "");
    // A reader that goes away early is no error.
    let _early = alice.sh(&project, "azml history list -o json | head -c 1 > /dev/null").ok();
}
