//! The rows about one folder: snapshots, restores, and a run that does nothing.

use std::time::Duration;

use super::report::{Goal, Report};
use super::side::{Side, Testbed, turns};
use super::{Effort, floor, folder};
use crate::Outcome;

const FIVE: Duration = Duration::from_millis(5);

type Sides<'a> = [Box<dyn Side + 'a>];

/// Measures the rows that are wanted.
pub(super) fn measure(
    testbed: &Testbed,
    wants: &dyn Fn(&str) -> bool,
    effort: Effort,
    report: &mut Report,
) -> Outcome {
    let sides = testbed.sides(effort.peers, report);
    let files = testbed.files;
    let title = |work: &str| format!("{files} files: {work}");
    // A hundred thousand files take minutes a turn.
    let few = if files > 20_000 { 1 } else { effort.few };
    let many = if files > 20_000 { effort.many.div_ceil(3) } else { effort.many };
    report.note(format!("{files} files are {} MB", testbed.bytes / 1_000_000));

    if wants("first") {
        let paths: Vec<_> = (0..files).map(|n| sides[0].folder().join(folder::path(n))).collect();
        let mut times = all(
            &sides,
            few,
            true,
            |side, _| {
                side.reset()?;
                side.snapshot()
            },
            || floor::read_hash_compress(&paths),
        )?;
        // What DVC calls a first save is of a folder that its user has committed before.
        times.retain(|(name, _)| *name != "DVC");
        report.times(
            title("first snapshot"),
            times,
            &[Goal::Times(0.15, "plain git"), Goal::Times(1.5, "floor")],
        );
    }
    for side in &sides {
        side.reset()?;
        side.snapshot()?;
    }
    let walk = || floor::walk(sides[0].folder(), files);
    if wants("unchanged") {
        // An index as old as its files has to doubt them.
        for side in &sides {
            side.snapshot()?;
        }
        let times = all(&sides, many, true, |side, _| side.snapshot(), walk)?;
        report.times(
            title("unchanged"),
            times,
            &[Goal::Plus(1.3, "floor", FIVE), Goal::Times(1.0, "tuned git")],
        );
    }
    for (row, count, most) in [("one", 1, 0.5), ("percent", files / 100, 0.4)] {
        if wants(row) {
            let times = all(
                &sides,
                if row == "one" { many } else { many.div_ceil(2) },
                false,
                |side, turn| {
                    folder::edit(side.folder(), files, count, &format!("{row} {} {turn}", side.name()))?;
                    side.snapshot()
                },
                walk,
            )?;
            let work = if row == "one" { "one file changed" } else { "1 % changed" };
            report.times(title(work), times, &[Goal::Times(most, "plain git")]);
        }
    }
    if wants("restore") || wants("empty") {
        restores(testbed, wants, (few, many.div_ceil(3)), &sides, report)?;
    }
    if wants("submit") {
        submits(&sides, many, title("a run that does nothing"), report)?;
    }
    Ok(())
}

/// Times each side in turns, and the floor last if it has a column here.
fn all(
    sides: &Sides<'_>,
    repetitions: usize,
    with_floor: bool,
    mut work: impl FnMut(&dyn Side, usize) -> Outcome<Duration>,
    floor: impl Fn() -> Outcome<Duration>,
) -> Outcome<Vec<(&'static str, Duration)>> {
    let count = sides.len() + usize::from(with_floor);
    let times = turns(count, repetitions, |number, turn| match sides.get(number) {
        Some(side) => work(side.as_ref(), turn),
        None => floor(),
    })?;
    Ok(sides.iter().map(|side| side.name()).chain(["floor"]).zip(times).collect())
}

fn restores(
    testbed: &Testbed,
    wants: &dyn Fn(&str) -> bool,
    (few, many): (usize, usize),
    sides: &Sides<'_>,
    report: &mut Report,
) -> Outcome {
    let files = testbed.files;
    let count = (files / 100).max(1);
    let marks = sides.iter().map(|side| side.mark()).collect::<Outcome<Vec<_>>>()?;
    let wanted = std::fs::read(sides[0].folder().join(folder::path(0)))?;
    let proven = |side: &dyn Side, time| {
        let found = std::fs::read(side.folder().join(folder::path(0)))?;
        let is_ours = side.folder() == sides[0].folder();
        if is_ours && found != wanted {
            return Err(format!("{} did not restore the folder", side.name()).into());
        }
        Ok(time)
    };
    if wants("restore") {
        let times = turns(sides.len(), many, |number, turn| {
            let side = sides[number].as_ref();
            folder::edit(side.folder(), files, count, &format!("away {} {turn}", side.name()))?;
            side.snapshot()?;
            proven(side, side.restore(&marks[number])?)
        })?;
        let times = sides.iter().map(|side| side.name()).zip(times).collect();
        report.times(format!("{files} files: restore of 1 %"), times, &[Goal::Times(0.6, "plain git")]);
    }
    if wants("empty") {
        // Neither DVC nor jj is asked: the one restores only what it keeps as data, the other is as in the row above.
        let sides = &sides[..3];
        let aside = tempfile::tempdir_in(testbed.home())?;
        let times = turns(sides.len(), few, |number, turn| {
            let side = sides[number].as_ref();
            folder::set_aside(side.folder(), &aside.path().join(format!("{number}-{turn}")))?;
            side.emptied()?;
            proven(side, side.restore(&marks[number])?)
        })?;
        let times = sides.iter().map(|side| side.name()).zip(times).collect();
        report.times(
            format!("{files} files: restore into an empty folder"),
            times,
            &[Goal::Times(0.8, "tuned git")],
        );
    }
    Ok(())
}

fn submits(sides: &Sides<'_>, repetitions: usize, title: String, report: &mut Report) -> Outcome {
    // DVC takes seconds a run; what runs no script has no column.
    let runners: Vec<&dyn Side> =
        sides.iter().map(AsRef::as_ref).filter(|side| ["azml", "DVC"].contains(&side.name())).collect();
    for runner in &runners {
        runner.snapshot()?;
    }
    let times = turns(runners.len(), repetitions.min(9), |number, _| {
        runners[number].submit().ok_or("it runs no scripts")?
    })?;
    let times: Vec<_> = runners.iter().map(|side| side.name()).zip(times).collect();
    report.times(title, times, &[Goal::AtMost(Duration::from_millis(60)), Goal::Times(1.0 / 30.0, "DVC")]);
    Ok(())
}
