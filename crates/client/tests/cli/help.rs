//! The help of every command is its manual: a change to it is seen here.

use crate::sandbox::Sandbox;

macro_rules! help_of {
    ($($name:ident: $($word:literal)*;)*) => {
        $(#[test]
        fn $name() {
            let ran = Sandbox::new().azml(&[$($word,)* "--help"]);
            assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
            insta::assert_snapshot!(stringify!($name), ran.stdout);
        })*
    };
}

help_of! {
    azml: ;
    project: "project";
    project_create: "project" "create";
    project_update: "project" "update";
    project_clone: "project" "clone";
    project_show: "project" "show";
    project_consolidate: "project" "consolidate";
    project_restore: "project" "restore";
    project_snapshot: "project" "snapshot";
    project_list: "project" "list";
    project_delete: "project" "delete";
    experiment: "experiment";
    experiment_submit: "experiment" "submit";
    experiment_cancel: "experiment" "cancel";
    experiment_diagnostics: "experiment" "diagnostics";
    history: "history";
    history_list: "history" "list";
    history_last: "history" "last";
    experiment_wait: "experiment" "wait";
    history_edit: "history" "edit";
    history_info: "history" "info";
    history_compare: "history" "compare";
    history_download: "history" "download";
    history_sync: "history" "sync";
    run: "run";
    run_log: "run" "log";
    run_files: "run" "files";
    sweep: "sweep";
    sweep_resume: "sweep" "resume";
    sweep_best: "sweep" "best";
    project_fsck: "project" "fsck";
    config: "config";
    config_set: "config" "set";
    login: "login";
    logout: "logout";
    account: "account";
    account_show: "account" "show";
    account_list: "account" "list";
    sshkey: "sshkey";
    sshkey_generate: "sshkey" "generate";
    sshkey_add: "sshkey" "add";
    sshkey_list: "sshkey" "list";
    sshkey_remove: "sshkey" "remove";
    credential: "credential";
    completion: "completion";
    man: "man";
    ui: "ui";
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
fn every_command_shows_an_example() {
    fn leaves(command: &mut clap::Command, name: &str, found: &mut Vec<(String, String)>) {
        let inner: Vec<String> = command.get_subcommands().map(|inner| inner.get_name().to_owned()).collect();
        if inner.is_empty() {
            found.push((name.to_owned(), command.render_long_help().to_string()));
        }
        for inner in inner {
            let child = command.find_subcommand_mut(&inner).unwrap();
            leaves(child, &format!("{name} {inner}"), found);
        }
    }
    let mut found = Vec::new();
    leaves(&mut azml::cli::command(azml::invoked::Invoked::Azml), "azml", &mut found);
    assert!(found.len() > 15);
    let without: Vec<_> = found
        .iter()
        .filter(|(name, help)| !help.contains(name.as_str()) || !help.contains("xample"))
        .map(|(name, _)| name)
        .collect();
    assert!(without.is_empty(), "no example in the help of {without:?}");
}

#[test]
fn the_version_is_told() {
    let ran = Sandbox::new().azml(&["--version"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, concat!("azml ", env!("CARGO_PKG_VERSION"), "\n")));
}
