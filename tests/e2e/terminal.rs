//! azml at a terminal: tables, colour, the pager and progress, by way of a pseudo-terminal.

use e2e::folder::write;
use e2e::{Actor, Output, Sandbox};

/// Runs a line of shell at a terminal of 12 rows; everything that is shown is stdout.
fn at_terminal(actor: &Actor<'_>, dir: &std::path::Path, line: &str) -> Output {
    let inner = format!("stty rows 12 cols 100; {line}");
    let mut command = actor.command("script", dir);
    command.env("TERM", "xterm-256color").env_remove("NO_COLOR");
    command.args(["--quiet", "--return", "--command", &inner, "/dev/null"]);
    let output = command.output().expect("script is part of every system's base");
    Output::new(line.to_owned(), &output)
}

#[test]
fn a_terminal_gets_tables_colour_and_a_pager_and_a_pipe_gets_json() {
    let sandbox = Sandbox::new();
    let (alice, project) = sandbox.project();
    write(&project, "train.py", "print('trained')\n");
    let _run = alice.submit(&project, &["train.py"]);

    let table = at_terminal(&alice, &project, "azml history list").ok();
    assert!(table.stdout.contains("Run_id") && table.stdout.contains("----"), "{table}");
    let error = at_terminal(&alice, &project, "azml history info -r nothing_1").exits(3);
    assert!(error.stdout.contains("\u{1b}[1;31merror:\u{1b}[0m"), "{error}");
    assert!(error.stdout.contains("\u{1b}[1;36mhint:\u{1b}[0m"), "{error}");
    for plain in ["NO_COLOR=1 azml", "azml --color never", "TERM=dumb azml", "AZML_COLOR=never azml"] {
        let error = at_terminal(&alice, &project, &format!("{plain} history info -r nothing_1")).exits(3);
        assert!(!error.stdout.contains('\u{1b}'), "{plain}: {error}");
    }
    // What fits is printed; what does not goes through the pager.
    let pager = "AZML_PAGER='cat > paged'";
    let _short = at_terminal(&alice, &project, &format!("{pager} azml history list")).ok();
    assert!(!project.join("paged").exists(), "a short table needs no pager");
    for _ in 0..12 {
        let _run = alice.submit(&project, &["train.py"]);
    }
    let long = at_terminal(&alice, &project, &format!("{pager} azml history list")).ok();
    assert_eq!(long.stdout.trim(), "", "the pager has it");
    let paged = std::fs::read_to_string(project.join("paged")).expect("the pager got it");
    assert_eq!(paged.lines().count(), 15, "{paged}");
    let missing = at_terminal(&alice, &project, "AZML_PAGER=no-such-pager azml history list").ok();
    assert!(missing.stdout.contains("Run_id"), "without a pager it is printed: {missing}");
    // A pipe is for programs, whatever the terminal.
    let piped = at_terminal(&alice, &project, "azml history list | head -c 1").ok();
    assert_eq!(piped.stdout.trim(), "[");
}

#[test]
fn settings_hold_for_all_commands_and_say_where_they_are_from() {
    let sandbox = Sandbox::new();
    let alice = sandbox.stranger("alice");
    let dir = sandbox.dir("work");
    let _set = alice.azml(&dir, &["config", "set", "output", "tsv"]).ok();
    let shown = alice.azml(&dir, &["config", "--query", "settings[?name=='output'].[value,source]"]).ok();
    assert_eq!(shown.text(), "tsv\tconfig.toml");
    let shown = alice.clone().with_env("AZML_OUTPUT", "json").azml(&dir, &["config"]).ok().json();
    let output = shown["settings"].as_array().expect("a list").iter().find(|it| it["name"] == "output");
    assert_eq!(output.map(|it| it["source"].clone()), Some("environment".into()));
    let wrong = alice.azml(&dir, &["config", "set", "push_wiat", "3"]).exits(2);
    assert!(wrong.stderr.contains("hint: did you mean `push_wait`?"), "{wrong}");
    let wrong = alice.azml(&dir, &["config", "set", "push_wait", "soon"]).exits(2);
    assert!(wrong.stderr.contains("a number of seconds"), "{wrong}");
    let file = alice.home().join(".config/azml/config.toml");
    write(alice.home(), ".config/azml/config.toml", "push_wait = \n");
    let broken = alice.azml(&dir, &["config"]).exits(1);
    assert!(
        broken.stderr.contains(&file.display().to_string()) && broken.stderr.contains("line 1"),
        "{broken}"
    );
    write(alice.home(), ".config/azml/config.toml", "from_the_future = 1\n");
    let newer = alice.azml(&dir, &["config"]).ok();
    assert!(newer.stderr.contains("hint: azml config unset from_the_future"), "{newer}");
    let _unset = alice.azml(&dir, &["config", "unset", "from_the_future"]).ok();
    assert_eq!(alice.azml(&dir, &["config"]).ok().stderr, "");
}
