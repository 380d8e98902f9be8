//! The scenarios: stories told with the built binaries, stock git and python3, each in a testbed of its own.
//!
//! They prove the wiring; cases belong lower, into the crates. No sleeps, no fixed ports, nothing ignored.

/// Permissions: readers, outsiders, tokens that are missing or wrong.
mod access;
/// The article's own commands, step by step, through the link named `az`.
mod article;
/// A run behaves as its script does in the project folder: links, variables, packages, unreadable folders, names.
mod as_project;
/// Outputs of runs, here and on other computers.
mod attachments;
/// Charts of many runs in a browser.
mod charts;
/// A run is any command.
mod commands;
/// Comparing runs.
mod compare;
/// git-lfs' own compliance tool.
mod compliance;
/// Runs on other targets.
mod compute;
/// Restore, killed at every step of its journal.
mod crash;
/// Logins as credentials: for Git, by Git's own protocol, and SSH keys.
mod credentials;
/// Damage to what azml keeps, found and mended.
mod damage;
/// Other machines and engines: SSH hosts, Slurm, containers.
mod engines;
/// Snapshots hold the exact folder, as stock git gives it back; secrets and ignored files stay out.
mod exact;
/// A line that is cut, or falls silent, after any byte.
mod flaky;
/// The user's Git configuration counts as for git: both are compared.
mod git_config;
/// Stock git-lfs and vsts-mock by every transport.
mod git_lfs;
/// Files that were ignored before a restore, and by no rule since.
mod held_back;
/// Long histories, asked about by the REST API.
mod histories;
/// Hostile input: bounded in memory and time, at every way in.
mod hostile;
/// Runs at a terminal, and under signals that are ignored.
mod job_control;
/// Files that runs wrote beside their outputs: kept, listed, copied back.
mod kept;
/// azml killed at every step of submit, sync and restore, also with large files.
mod killed;
/// Large files: Git LFS pointers in snapshots, their bytes at folders and servers.
mod large_files;
mod large_outputs;
/// Linking a project to a repo: the empty-repo rule, all or nothing.
mod linking;
/// Scripts that log with MLflow.
mod mlflow;
/// Names that are no UTF-8, or hold control characters.
mod names;
/// Remotes that are down, and what is owed to them.
mod offline;
/// The portal in a browser.
mod portal;
/// Formats of output, `--query`, exit codes and the shape of errors.
mod printing;
/// Pull requests in a browser.
mod pulls;
/// The Python package: logging, reading the history, notebook cells.
mod python;
/// README's console session.
mod readme;
/// Every kind of URL that stock git takes.
mod remotes;
/// Repositories around the project and in it: monorepos, submodules, shallow and partial clones.
mod repositories;
/// Restoring: exact, undone, shown beforehand, with obstacles.
mod restore;
/// Another computer, with nothing but the URL and a token.
mod roaming;
/// A full disk, folders that can not be written, many at once.
mod rough;
/// Runs themselves: metrics, failing scripts, Ctrl-C.
mod runs;
/// The Experimentation service: signing in, and projects by their names.
mod service;
/// Runs with scikit-learn in a virtual environment of its own.
mod sklearn;
/// Snapshots as things: taken, named, listed, compared, restored and watched.
mod snapshots;
/// Sweeps over parameters: grids, samples, Ctrl-C, kills.
mod sweep;
/// At a terminal: tables, colour, the pager.
mod terminal;
/// Two computers at once.
mod two_computers;
/// The user's own repository, before and after every command.
mod untouched;
mod watch;
/// Work items in a browser.
mod work_items;
/// The Workbench in a browser.
mod workbench;
