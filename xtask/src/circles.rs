//! Circles of imports: the modules of one folder may not import each other in a circle, neither directly nor by what
//! the modules around them export again. The layers of a crate's outermost modules are `layers.rs`'s; this is the same for
//! every folder below.

use std::collections::{BTreeMap, BTreeSet};

use crate::layers::{self, LAYERS, Layers};

/// The path of a module below its crate.
type Module = Vec<String>;

/// The modules of a folder that each of them imports, with the first place where it does.
type Imports = BTreeMap<String, BTreeMap<String, String>>;

/// Compares the sources of every crate that has layers.
pub(crate) fn check<'f>(files: impl Iterator<Item = (&'f str, &'f str)>, found: &mut Vec<String>) {
    let files: Vec<(&str, &str)> = files.collect();
    for layers in LAYERS {
        check_crate(layers, &files, found);
    }
}

fn check_crate(layers: &Layers, files: &[(&str, &str)], found: &mut Vec<String>) {
    let sources =
        files.iter().filter_map(|(path, text)| Some((layers::module_of(layers, path)?, (*path, *text))));
    let sources: BTreeMap<Module, (&str, &str)> = sources.collect();
    let mut exports = BTreeMap::new();
    for (module, (_, text)) in &sources {
        exports_of(module, text, &sources, &mut exports);
    }
    let mut folders: BTreeMap<Module, Imports> = BTreeMap::new();
    for (module, (path, text)) in &sources {
        for (line, imported) in layers::imports(text, module) {
            let imported = resolved(imported, &sources, &exports);
            let common = module.iter().zip(&imported).take_while(|(one, two)| one == two).count();
            // The outermost modules have their layers.
            let (Some(from), Some(to)) = (module.get(common), imported.get(common)) else { continue };
            if common > 0 {
                let folder = folders.entry(module[..common].to_vec()).or_default();
                let imports = folder.entry(from.clone()).or_default();
                imports.entry(to.clone()).or_insert_with(|| format!("{path}:{line}"));
            }
        }
    }
    for (folder, imports) in folders {
        for (from, to, place) in in_circles(&imports) {
            let folder = folder.join("::");
            found.push(format!(
                "{place}: `{folder}::{from}` imports `{to}`, which imports it, itself or by others"
            ));
        }
    }
}

/// The names that a module exports again, each with the path that it stands for.
fn exports_of(
    module: &[String],
    text: &str,
    sources: &BTreeMap<Module, (&str, &str)>,
    exports: &mut BTreeMap<Module, Module>,
) {
    for (at, _) in text.match_indices("use ") {
        let is_export =
            text[..at].lines().next_back().is_some_and(|line| line.trim_start().starts_with("pub"));
        let statement = text[at + "use ".len()..].split(';').next().unwrap_or_default();
        let statement = statement.strip_prefix("self::").unwrap_or(statement);
        if !is_export || ["crate::", "super::"].iter().any(|outer| statement.starts_with(outer)) {
            continue;
        }
        let mut paths = Vec::new();
        layers::read_tree(statement, module.to_vec(), &mut paths);
        for path in paths {
            let (Some(name), Some(child)) = (path.last(), path.get(..=module.len())) else { continue };
            if sources.contains_key(child) {
                exports.insert([module, std::slice::from_ref(name)].concat(), path);
            }
        }
    }
}

/// The path that an imported path stands for, once every export on the way has been followed.
fn resolved(
    mut path: Module,
    sources: &BTreeMap<Module, (&str, &str)>,
    exports: &BTreeMap<Module, Module>,
) -> Module {
    loop {
        let module = (0..path.len()).rev().find(|length| sources.contains_key(&path[..*length])).unwrap_or(0);
        let Some(export) =
            exports.get(&path[..=module.min(path.len() - 1)]).filter(|export| path != **export)
        else {
            return path;
        };
        path = [export, &path[module + 1..]].concat();
    }
}

/// The imports from which a way leads back, with their places.
fn in_circles(imports: &Imports) -> Vec<(&str, &str, &str)> {
    let leads_back = |from: &str, to: &str| {
        let (mut seen, mut next) = (BTreeSet::new(), vec![to]);
        while let Some(module) = next.pop() {
            if module == from {
                return true;
            }
            if seen.insert(module) {
                next.extend(imports.get(module).into_iter().flat_map(BTreeMap::keys).map(String::as_str));
            }
        }
        false
    };
    let all = imports.iter().flat_map(|(from, all)| {
        all.iter().map(move |(to, place)| (from.as_str(), to.as_str(), place.as_str()))
    });
    all.filter(|(from, to, _)| leads_back(from, to)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaints(files: &[(&str, &str)]) -> Vec<String> {
        let mut found = Vec::new();
        check(files.iter().copied(), &mut found);
        found
    }

    #[test]
    fn modules_that_import_each_other_are_found_however_they_do() {
        let outer = "mod a;\nmod b;\nmod c;\npub use self::{a::One, c::{Three, Four as Fourth}};\npub(crate) use b::Two;\n";
        let files = [
            ("crates/core/src/run/mod.rs", outer),
            ("crates/core/src/run/a.rs", "use super::{Two, c};\n"),
            ("crates/core/src/run/b.rs", "use crate::run::Three;\n"),
            ("crates/core/src/run/c.rs", "use super::b::Two;\nuse crate::history;\n"),
        ];
        let found = complaints(&files);
        assert_eq!(
            found,
            [
                "crates/core/src/run/b.rs:1: `run::b` imports `c`, which imports it, itself or by others",
                "crates/core/src/run/c.rs:1: `run::c` imports `b`, which imports it, itself or by others",
            ]
        );
    }

    #[test]
    fn a_module_may_import_what_is_around_it_and_what_is_in_it() {
        let files = [
            ("crates/core/src/run/mod.rs", "pub mod a;\npub use a::inner::Deep;\n"),
            (
                "crates/core/src/run/a/mod.rs",
                "mod inner;\nuse super::super::history;\nuse self::inner::Deep;\n",
            ),
            ("crates/core/src/run/a/inner.rs", "use super::Outer;\nuse crate::run::Deep;\n"),
        ];
        assert_eq!(complaints(&files), Vec::<String>::new());
    }
}
