//! Arrays: many runs as one job, each a task of it.
//!
//! On the node the folder `arrays/<name>` has a link for each task, whose name is the task's index, to the folder of the run's job.
//! The array's name is that of its job: azml looks for it before it submits.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use azml_core::history::HistoryRepo;

use super::super::{Array, Arrays, Error, Handle, Task};
use super::{SlurmEngine, once, words};
use crate::text::shell_word;

/// The parameter of the cluster that bounds the indexes of tasks.
const MOST: &str = "MaxArraySize";

impl Arrays for SlurmEngine {
    fn end(&self) -> Result<u64, Error> {
        let config = self.shell("scontrol show config", "scontrol show config", "")?;
        let line = config.lines().find(|line| line.trim_start().starts_with(MOST));
        let most = line.and_then(|line| line.split_once('=')?.1.trim().parse().ok());
        most.ok_or_else(|| Error::Answer {
            host: self.node.name(),
            answer: format!("scontrol show config names no {MOST}"),
        })
    }

    fn submit(&self, history: &HistoryRepo, array: &Array<'_>) -> Result<Vec<Handle>, Error> {
        let Some(first) = array.spec.members.values().next() else { return Ok(Vec::new()) };
        let jobs = self.node.bring_array(history, array.spec)?;
        let name = &array.spec.name;
        let indexes: BTreeSet<u64> = array.spec.members.keys().copied().collect();
        let limit = array.at_once.map_or_else(String::new, |most| format!("%{most}"));
        let tasks = format!("--array={}{limit}", ranges(&indexes));
        let mut options = vec![tasks];
        options.extend(array.after.map(|job| format!("--dependency=afterany:{job}")));
        let output = format!("{}/arrays/{name}/%a/log", self.node.folder());
        let line = once(name, &first.config.compute, &words(&options), &output);
        let known = jobs.iter().any(|job| job.is_started);
        // One that is there already, and that Slurm has forgotten, has run.
        let id = if known { self.find(name)? } else { self.id_of(&line, &["run", "--array", name])? };
        let handle = |(index, spec): (&u64, _)| {
            let handle = self.node.handle(spec);
            let id = id.as_ref().map(|id| format!("{id}_{index}"));
            Handle { id, array: Some(Task { name: name.clone(), index: *index }), ..handle }
        };
        Ok(array.spec.members.iter().map(handle).collect())
    }
}

/// The words of `scancel` for tasks of arrays, as lines of shell that set `$tasks`; arrays that Slurm does not know have none.
pub(super) fn cancel_lines<'h>(handles: impl Iterator<Item = &'h Handle>) -> String {
    let mut arrays: BTreeMap<&str, BTreeSet<u64>> = BTreeMap::new();
    for task in handles.filter_map(|handle| handle.array.as_ref()) {
        arrays.entry(&task.name).or_default().insert(task.index);
    }
    let mut lines = String::new();
    for (name, indexes) in arrays {
        let _ = writeln!(
            lines,
            "id=$(squeue --noheader --states=all --user=\"$(id -un)\" --name={} --format=%F </dev/null | head -n 1)\n\
             [ -z \"$id\" ] || scancel --quiet \"${{id}}_[{}]\"",
            shell_word(name),
            ranges(&indexes)
        );
    }
    lines
}

/// `1-3,7`: indexes as Slurm reads them.
fn ranges(indexes: &BTreeSet<u64>) -> String {
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for index in indexes {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == *index => *last = *index,
            _ => ranges.push((*index, *index)),
        }
    }
    let text = |(first, last): &(u64, u64)| match last - first {
        0 => first.to_string(),
        _ => format!("{first}-{last}"),
    };
    ranges.iter().map(text).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexes_are_ranges() {
        for (indexes, text) in [(&[1, 2, 3, 7][..], "1-3,7"), (&[5], "5"), (&[1, 3, 4], "1,3-4"), (&[], "")] {
            assert_eq!(ranges(&indexes.iter().copied().collect()), text);
        }
    }
}
