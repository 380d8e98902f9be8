//! Comparing runs: what differs in properties, metrics and code, as stock git sees it too.

use e2e::folder::{set_executable, write};
use e2e::{Sandbox, git};

#[test]
fn two_runs_differ_as_git_says() {
    let sandbox = Sandbox::new();
    let (remote, alice, project) = sandbox.project_with_remote();
    let url = remote.to_str().expect("UTF-8").to_owned();
    let script = |value: f64, extra: &str| {
        format!(
            "import sys\nfrom azureml.logging import get_azureml_logger\nlog = get_azureml_logger()\n\
             log.log('Accuracy', {value})\nlog.log('Same', 7)\nlog.log('rate', float(sys.argv[1]))\n{extra}\n"
        )
    };
    write(&project, "train.py", script(0.5, "# old"));
    write(&project, "lib/kept.py", "one\ntwo\nthree\nfour\nfive\n");
    write(&project, "lib/moved.py", (0..50).map(|n| format!("line {n}")).collect::<Vec<_>>().join("\n"));
    write(&project, "gone.txt", "no newline at the end");
    write(&project, "data.bin", [0, 1, 2, 3]);
    write(&project, "huge.csv", "1,2,3\n".repeat(1_000_000));
    let first = alice.submit(&project, &["train.py", "0.1"]);
    write(&project, "train.py", script(0.75, "# new"));
    std::fs::rename(project.join("lib/moved.py"), project.join("lib/there.py")).expect("renamed");
    std::fs::remove_file(project.join("gone.txt")).expect("removed");
    write(&project, "data.bin", [0, 1, 2, 4]);
    write(&project, "huge.csv", "1,2,4\n".repeat(1_000_000));
    write(&project, "fresh.txt", "fresh\n");
    set_executable(&project.join("lib/kept.py"), true);
    let second = alice.submit(&project, &["train.py", "0.2"]);

    let compared = alice.azml_json(&project, &["history", "compare", &first, &second]);
    assert_eq!(compared["runs"], serde_json::json!([first, second]));
    let line = |kind: &str, name: &str| {
        let lines = compared[kind].as_array().expect("a list");
        lines.iter().find(|line| line["name"] == name).cloned().unwrap_or_else(|| panic!("no {name}"))
    };
    assert_eq!(line("metrics", "Accuracy")["values"], serde_json::json!([0.5, 0.75]));
    assert_eq!(line("metrics", "Accuracy")["difference"], 0.25);
    assert_eq!(line("metrics", "Same")["differs"], false);
    assert_eq!(line("properties", "arguments")["values"], serde_json::json!([["0.1"], ["0.2"]]));
    assert_eq!(line("properties", "script_name")["differs"], false);

    // The code: stock git agrees, file by file.
    let code = &compared["code"][0];
    let of = |path: &str| {
        let files = code["files"].as_array().expect("files");
        files.iter().find(|file| file["path"] == path).cloned().unwrap_or_else(|| panic!("no {path}: {code}"))
    };
    assert_eq!(of("lib/there.py")["change"], "renamed");
    assert_eq!(of("lib/there.py")["old_path"], "lib/moved.py");
    assert_eq!(of("data.bin")["opaque"], "no text");
    assert_eq!(of("huge.csv")["opaque"], "too large to compare by lines");
    assert_eq!(of("gone.txt")["change"], "removed");
    let history = git::history_of(&project);
    let (from, to) = (alice.commit_of(&project, &first), alice.commit_of(&project, &second));
    for path in ["train.py", "gone.txt", "fresh.txt"] {
        let args = ["-c", "core.abbrev=7", "diff", "--no-color", &from, &to, "--", path];
        assert_eq!(of(path)["patch"], alice.git(&history, &args).ok().stdout, "{path}");
    }

    // For people: what differs, and with --all the rest.
    let table = alice.azml(&project, &["history", "compare", &first, &second, "-o", "table"]).ok().stdout;
    for output in ["Accuracy", "+0.25", "lib/moved.py => lib/there.py", "+fresh", "-# old", "old mode 100644"]
    {
        assert!(table.contains(output), "{output}: {table}");
    }
    for unsaid in ["\nSame ", "script_name", "\u{1b}["] {
        assert!(!table.contains(unsaid), "{unsaid}: {table}");
    }
    let all = [
        "history", "compare", &first, &second, "-o", "table", "--all", "--code", "stat", "--color", "always",
    ];
    let all = alice.azml(&project, &all).ok().stdout;
    assert!(all.contains("\nSame ") && all.contains("script_name") && all.contains("\u{1b}[32m+"), "{all}");
    assert!(!all.contains("+fresh"), "{all}");
    let same = alice.azml(&project, &["history", "compare", &first, &first, "-o", "table"]).ok().stdout;
    assert_eq!(same, "The code is the same.\n");

    // Another computer fetches what it needs; three runs at once.
    let _cloned = alice.azml(&sandbox.dir("there"), &["project", "clone", &url, "iris"]).ok();
    let there = sandbox.dir("there").join("iris");
    let three = alice.azml_json(&there, &["history", "compare", &first, &second, &first]);
    assert_eq!(three["code"][0]["files_changed"], code["files_changed"]);
    assert_eq!(three["code"][1]["files_changed"], 0);
    let _one = alice.azml(&project, &["history", "compare", &first]).exits(2);
    let _unknown = alice.azml(&project, &["history", "compare", &first, "iris_9"]).exits(3);
}
