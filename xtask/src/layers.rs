//! The layers inside each crate: one table says which module may import which, and `cargo xtask tidy` compares it with the
//! paths in the sources. ARCHITECTURE.md shows the same table.
//!
//! A row may name rows below it alone, so that no circle of modules can come about.

use std::path::Path;

/// The layers of one crate.
pub(crate) struct Layers {
    /// The crate's folder.
    pub(crate) folder: &'static str,
    /// The rows, from the top layer to the bottom one.
    pub(crate) rows: &'static [Row],
    /// Modules at the bottom that every row above them may import.
    pub(crate) ground: &'static [&'static str],
}

/// Modules (`name`, or `outer::name`), and the modules that they may import. Modules of one row do not import each other; a
/// module that has no row of its own belongs to the row of the module around it.
pub(crate) type Row = (&'static [&'static str], &'static [&'static str]);

/// The table.
pub(crate) const LAYERS: &[Layers] = &[
    Layers {
        folder: "crates/client",
        rows: &[
            (&["cli"], &["commands", "ui"]),
            (
                &["workbench", "mlflow_ui"],
                &[
                    "serve", "ops", "run", "context", "settings", "hints", "ui", "metrics", "mlflow",
                    "loopback",
                ],
            ),
            (
                &["commands"],
                &["ops", "engine", "run", "service", "context", "credentials", "settings", "ui", "metrics"],
            ),
            (
                &["error::from"],
                &["ops", "engine", "run", "sync", "credentials", "settings", "git_config", "query"],
            ),
            (
                &["ops"],
                &[
                    "engine",
                    "run",
                    "sync",
                    "service",
                    "context",
                    "transport",
                    "credentials",
                    "settings",
                    "metrics",
                    "mlflow",
                ],
            ),
            (&["engine"], &["run", "context", "transport"]),
            (&["serve"], &["run", "context", "ui", "loopback"]),
            (&["service"], &["context", "transport", "credentials"]),
            (&["run", "sync"], &["context", "transport", "metrics", "mlflow"]),
            (&["context"], &["transport", "credentials", "settings", "git_config"]),
            (&["transport"], &["credentials", "git_config"]),
            (&["credentials"], &["git_config"]),
            (&["mlflow"], &["metrics", "loopback"]),
            (&["settings"], &["ui"]),
            (&["ui"], &["query"]),
            (&["git_config", "query", "hints", "metrics", "loopback"], &[]),
            (&["error", "notices", "invoked", "text", "limits"], &[]),
            (&["env"], &["home"]),
            (&["home"], &[]),
        ],
        ground: &["error", "notices", "invoked", "text", "limits", "env"],
    },
    Layers {
        folder: "crates/core",
        rows: &[
            (&["fsck"], &["restore", "snapshot", "run", "history", "stat_index", "remote_url"]),
            (
                &["restore"],
                &["snapshot", "checkout", "join", "history", "ignore", "user_repo", "git_files", "secret"],
            ),
            (
                &["snapshot"],
                &[
                    "project",
                    "checkout",
                    "history",
                    "ignore",
                    "user_repo",
                    "git_files",
                    "stat_index",
                    "secret",
                ],
            ),
            (&["revision"], &["run", "history"]),
            (&["run"], &["checkout", "join", "history"]),
            (&["project"], &["history"]),
            (&["history"], &["ignore", "user_repo", "git_files", "remote_url"]),
            (&["user_repo"], &["ignore", "git_files", "remote_url"]),
            (&["ignore"], &["git_files"]),
            (&["checkout", "join", "stat_index", "secret", "git_files", "remote_url", "beneath"], &[]),
            (&["dir", "small_file", "quote", "refs", "parallel", "large"], &[]),
            (&["io_error", "id", "limits"], &[]),
        ],
        ground: &["dir", "small_file", "quote", "refs", "parallel", "large", "io_error", "id", "limits"],
    },
    Layers {
        folder: "crates/git-wire",
        rows: &[
            (&["server"], &["upload", "receive", "context"]),
            (&["upload", "receive"], &["context", "refs", "capability"]),
            (&["client"], &["capability"]),
            (&["maintenance"], &["history"]),
            (&["context", "content", "history"], &[]),
            (&["refs"], &["packed_refs"]),
            (&["capability", "packed_refs"], &[]),
            (&["refusal"], &[]),
            (&["error"], &[]),
            (&["repository"], &["readers", "head", "format"]),
            (&["readers", "head", "format"], &[]),
            (&["pack"], &[]),
            (&["options"], &[]),
            (&["policy", "pktline", "service", "interrupt"], &[]),
            (&["limits"], &[]),
        ],
        ground: &[
            "refusal",
            "error",
            "repository",
            "pack",
            "options",
            "policy",
            "pktline",
            "service",
            "interrupt",
            "limits",
        ],
    },
    Layers {
        folder: "crates/vsts-mock",
        rows: &[
            (&["cli"], &["builder", "server", "intercept"]),
            (&["builder"], &["server", "http", "intercept", "ssh", "tls", "operations", "listening"]),
            (&["intercept"], &["server", "tls", "listening"]),
            (&["server"], &["admin", "ssh", "tls"]),
            (&["admin"], &["operations"]),
            (
                &["http"],
                &[
                    "http::admin",
                    "http::faults",
                    "http::arm",
                    "http::git",
                    "http::inside",
                    "http::lfs",
                    "http::oauth",
                    "http::pages",
                    "http::rest",
                    "http::serve",
                    "http::auth",
                    "http::address",
                    "http::host",
                    "http::peer",
                    "http::web",
                ],
            ),
            (
                &["http::faults"],
                &["http::lfs", "http::rest", "http::auth", "http::address", "http::peer", "http::web"],
            ),
            (
                &["http::arm", "http::lfs", "http::oauth", "http::pages", "http::rest"],
                &[
                    "operations",
                    "hosting",
                    "tls",
                    "http::refusals",
                    "http::auth",
                    "http::host",
                    "http::web",
                    "http::address",
                    "http::body",
                    "http::dates",
                    "http::peer",
                ],
            ),
            (
                &["http::admin"],
                &[
                    "operations",
                    "http::refusals",
                    "http::host",
                    "http::web",
                    "http::body",
                    "http::dates",
                    "http::peer",
                ],
            ),
            (
                &["http::git"],
                &[
                    "hosting",
                    "http::auth",
                    "http::host",
                    "http::web",
                    "http::address",
                    "http::body",
                    "http::bridge",
                    "http::peer",
                ],
            ),
            (&["http::serve"], &["tls", "listening", "http::body", "http::peer", "http::stall"]),
            (&["http::refusals"], &["operations"]),
            (&["http::auth", "http::host", "http::inside"], &["http::peer", "http::web"]),
            (&["http::web"], &["http::body"]),
            (
                &["http::address", "http::body", "http::bridge", "http::dates", "http::peer", "http::stall"],
                &[],
            ),
            (&["ssh"], &["operations", "hosting", "listening"]),
            (&["tls", "listening"], &[]),
            (&["operations"], &["hosting"]),
            (&["hosting"], &[]),
            (&["app"], &[]),
            (&["config"], &[]),
            (&["registry"], &[]),
            (&["identity"], &[]),
            (&["access"], &[]),
            (&["state", "maintenance"], &[]),
            (&["events"], &[]),
            (&["directory"], &[]),
            (
                &[
                    "conversations",
                    "deliveries",
                    "faults",
                    "gate",
                    "histories",
                    "jobs",
                    "journal",
                    "merge_queue",
                ],
                &[],
            ),
            (&["admission", "budget", "clock", "default_branch", "disk_full", "service_hosts"], &[]),
            (&["limits"], &[]),
        ],
        ground: &[
            "app",
            "config",
            "registry",
            "identity",
            "access",
            "state",
            "maintenance",
            "directory",
            "conversations",
            "deliveries",
            "events",
            "faults",
            "gate",
            "histories",
            "jobs",
            "journal",
            "merge_queue",
            "admission",
            "budget",
            "clock",
            "service_hosts",
            "disk_full",
            "default_branch",
            "limits",
        ],
    },
];

/// Compares the sources of a crate with the table.
pub(crate) fn check<'f>(files: impl Iterator<Item = (&'f str, &'f str)>, found: &mut Vec<String>) {
    for (path, text) in files {
        let Some((layers, module)) =
            LAYERS.iter().find_map(|layers| Some((layers, module_of(layers, path)?)))
        else {
            continue;
        };
        // The root of the crate ties the layers together.
        if module.is_empty() {
            continue;
        }
        let Some(own) = layers.row_of(&module) else {
            found.push(format!("{path}: `{}` is not in the table of xtask/src/layers.rs", module.join("::")));
            continue;
        };
        for (line, imported) in imports(text, &module) {
            let Some(other) = layers.row_of(&imported) else { continue };
            if other != own && !layers.allows(own, other) {
                found.push(format!("{path}:{line}: `{own}` may not import `{other}` (xtask/src/layers.rs)"));
            }
        }
    }
}

/// The lines of ARCHITECTURE.md that show the table of a crate.
pub(crate) fn picture(layers: &Layers) -> Vec<String> {
    let rows = layers.rows.iter().filter(|(_, allowed)| !allowed.is_empty());
    let mut lines: Vec<String> =
        rows.map(|(names, allowed)| format!("{} ──► {}", names.join(", "), allowed.join(", "))).collect();
    lines.push(format!("any ──► {}", layers.ground.join(", ")));
    lines
}

impl Layers {
    /// The name in the table that stands for a module or for an item in it.
    fn row_of(&self, path: &[String]) -> Option<&'static str> {
        let names = self.rows.iter().flat_map(|(names, _)| names.iter().copied());
        let fits = |name: &&str| {
            let mut parts = path.iter();
            name.split("::").all(|part| parts.next().is_some_and(|found| found == part))
        };
        names.filter(fits).max_by_key(|name| name.len())
    }

    fn allows(&self, from: &str, to: &str) -> bool {
        let at = |name: &str| self.rows.iter().position(|(names, _)| names.contains(&name));
        let row = self.rows.iter().find(|(names, _)| names.contains(&from));
        let is_ground = self.ground.contains(&to) && at(from) < at(to);
        is_ground || row.is_some_and(|(_, allowed)| allowed.contains(&to))
    }
}

/// The module that a source file is; empty for the root of the crate. `None` for other files and for tests.
pub(crate) fn module_of(layers: &Layers, path: &str) -> Option<Vec<String>> {
    let inside = path.strip_prefix(layers.folder)?.strip_prefix("/src/")?.strip_suffix(".rs")?;
    let mut module: Vec<String> = inside.split('/').map(str::to_owned).collect();
    if module.iter().any(|part| part == "tests" || part == "bin") {
        return None;
    }
    if module.last().is_some_and(|last| last == "mod") {
        module.pop();
    }
    let is_root = Path::new(inside).parent() == Some(Path::new("")) && ["lib", "main"].contains(&inside);
    Some(if is_root { Vec::new() } else { module })
}

/// Every path into the crate with its line, as parts below `crate`; tests at the end of a file are not looked at.
pub(crate) fn imports(text: &str, module: &[String]) -> Vec<(usize, Vec<String>)> {
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap_or(text);
    // Comments have links, which are no imports. Their lines stay, for the numbers.
    let code: Vec<&str> =
        text.lines().map(|line| if line.trim_start().starts_with("//") { "" } else { line }).collect();
    let code = code.join("\n");
    let mut found = Vec::new();
    for keyword in ["crate::", "super::"] {
        for (at, _) in code.match_indices(keyword) {
            let before = code[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || "_:$".contains(c)) {
                continue;
            }
            let mut base = if keyword == "crate::" { &[][..] } else { module };
            let mut rest = &code[at..];
            while let Some(after) = rest.strip_prefix("super::") {
                base = &base[..base.len().saturating_sub(1)];
                rest = after;
            }
            let rest = rest.strip_prefix("crate::").unwrap_or(rest);
            let line = code[..at].matches('\n').count() + 1;
            let mut paths = Vec::new();
            read_tree(rest, base.to_vec(), &mut paths);
            found.extend(paths.into_iter().map(|path| (line, path)));
        }
    }
    found
}

/// Reads `a::b`, `a::{b, c::d}` and the like; gives what follows it.
pub(crate) fn read_tree<'t>(text: &'t str, mut base: Vec<String>, found: &mut Vec<Vec<String>>) -> &'t str {
    let mut rest = text;
    loop {
        if let Some(group) = rest.strip_prefix('{') {
            rest = group.trim_start();
            while !rest.is_empty() && !rest.starts_with('}') {
                rest = read_tree(rest, base.clone(), found);
                let end = rest.find([',', '}']).unwrap_or(rest.len());
                rest = rest[end..].trim_start_matches(',').trim_start();
            }
            return rest.get(1..).unwrap_or_default();
        }
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        if end > 0 && &rest[..end] != "self" {
            base.push(rest[..end].to_owned());
        }
        match rest[end..].strip_prefix("::") {
            Some(after) if end > 0 => rest = after,
            _ => {
                found.push(base);
                return &rest[end..];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_found_however_they_are_written() {
        let text = "//! See [`crate::no`].\nuse crate::a::{self, b::{C, d}, e as f};\nuse super::g;\nuse super::super::h::I;\n\
                    fn x() { crate::i::j(self::k); my_crate::l(); }\n#[cfg(test)]\nmod tests { use crate::m; }\n";
        let module: Vec<String> = ["outer", "inner", "file"].map(str::to_owned).into();
        let mut paths: Vec<String> = imports(text, &module)
            .into_iter()
            .map(|(line, path)| format!("{line} {}", path.join("::")))
            .collect();
        paths.sort();
        assert_eq!(
            paths,
            ["2 a", "2 a::b::C", "2 a::b::d", "2 a::e", "3 outer::inner::g", "4 outer::h::I", "5 i::j"]
        );
    }

    #[test]
    fn a_row_names_rows_below_it_alone() {
        for Layers { folder, rows, ground } in LAYERS {
            let position = |name: &str| rows.iter().position(|(names, _)| names.contains(&name));
            for (at, (names, allowed)) in rows.iter().enumerate() {
                for name in *allowed {
                    let below = position(name).is_some_and(|other| other > at);
                    assert!(below, "{folder}: {names:?} names `{name}`, which is not below it");
                }
            }
            assert!(ground.iter().all(|name| position(name).is_some()), "{folder}");
        }
    }
}
