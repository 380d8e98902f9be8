//! The help of every command is its manual: a change to it is seen here.

use std::fmt::Write as _;

use crate::sandbox::Sandbox;

/// The help of a command and of all commands below it, each with the words that name it.
fn help_of(sandbox: &Sandbox, words: &[&str], found: &mut Vec<(String, String)>) {
    let ran = sandbox.azml(&[words, &["--help"]].concat());
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{words:?}");
    let (_, below) = ran.stdout.split_once("\nCommands:\n").unwrap_or_default();
    let below = below.lines().take_while(|line| !line.is_empty());
    // A command's line is indented by two; the rest of its description by more.
    let below = below.filter_map(|line| line.strip_prefix("  ").filter(|line| !line.starts_with(' ')));
    let names: Vec<&str> = below.filter_map(|line| line.split(' ').next()).collect();
    found.push((["azml"].iter().chain(words).copied().collect::<Vec<_>>().join(" "), ran.stdout.clone()));
    for name in names.into_iter().filter(|name| *name != "help") {
        help_of(sandbox, &[words, &[name]].concat(), found);
    }
}

/// The options of every command are in the text once, with those of azml itself.
#[test]
fn the_help_of_every_command_is_as_before_and_shows_an_example() {
    let mut manual = Vec::new();
    help_of(&Sandbox::new(), &[], &mut manual);
    let (_, top) = manual[0].1.split_once("\nGlobal options:\n").unwrap();
    let (global, _) = top.split_once("\nExit codes:").unwrap();
    let global = format!("\nGlobal options:\n{global}");
    let mut text = String::new();
    for (name, help) in &manual {
        assert!(help.contains(&global), "{name}");
        let is_group = help.contains("\nCommands:\n");
        assert!(is_group || help.contains(name) && help.contains("xample"), "no example: {name}");
        let own = if name == "azml" { help.clone() } else { help.replacen(&global, "", 1) };
        writeln!(text, "=== {name} --help\n\n{own}").unwrap();
    }
    insta::assert_snapshot!("help", text);
}

#[test]
fn a_group_alone_shows_its_help_and_is_no_error() {
    let sandbox = Sandbox::new();
    for args in [&["ml"][..], &["ml", "history"], &[]] {
        let ran = sandbox.az(args);
        assert_eq!(ran.code, 0, "{ran}");
        assert!(ran.stdout.contains("Usage: az ml"), "{ran}");
        assert_eq!(ran.stderr, "");
    }
}

#[test]
fn every_shell_gets_a_completion_script() {
    let sandbox = Sandbox::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let ran = sandbox.azml(&["completion", shell]);
        assert_eq!(ran.code, 0, "{ran}");
        assert!(ran.stdout.contains("experiment"), "{shell}");
    }
}

#[test]
fn every_command_has_a_manual_page_that_man_reads() {
    let sandbox = Sandbox::new();
    let ran = sandbox.azml(&["man", "--dir", "pages"]);
    assert_eq!(ran.code, 0, "{ran}");
    let pages: Vec<_> = std::fs::read_dir(sandbox.work().join("pages")).unwrap().flatten().collect();
    assert!(pages.len() > 20, "{pages:?}");
    for page in ["azml.1", "azml-project-restore.1", "azml-experiment-submit.1", "azml-history-list.1"] {
        let text = std::fs::read_to_string(sandbox.work().join("pages").join(page)).unwrap();
        assert!(text.contains(".TH ") && text.contains(".SH SYNOPSIS"), "{page}");
    }
    let main = sandbox.azml(&["man"]);
    for words in ["SETTINGS", "push_wait", "AZML_VSTS_TOKEN", ".amlignore"] {
        assert!(main.stdout.contains(words), "{words}");
    }
}

#[test]
fn the_version_is_told() {
    let ran = Sandbox::new().azml(&["--version"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, concat!("azml ", env!("CARGO_PKG_VERSION"), "\n")));
}
