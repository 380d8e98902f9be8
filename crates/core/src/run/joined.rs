//! The record of one run that two computers agree on.

use super::{
    edits,
    record::{EDITS, RunRecord},
};

/// The one of two records of a run that stays: it knows more of its end, or has the later end, the later start, or the
/// larger bytes, first without what is edited.
pub(super) fn newer<'a>(one: &'a RunRecord, two: &'a RunRecord) -> &'a RunRecord {
    let key = |r: &RunRecord| (r.status.knowledge(), r.end_time_utc, r.start_time_utc);
    let order = key(one)
        .cmp(&key(two))
        .then_with(|| unedited(one).to_stored().cmp(&unedited(two).to_stored()))
        .then_with(|| one.to_stored().cmp(&two.to_stored()));
    if order.is_ge() { one } else { two }
}

/// The record of one run that two computers agree on: the [`newer`] of theirs, with the last edit of each field. Where they
/// differ in nothing else, it has the tags of both.
pub(super) fn joined(one: &RunRecord, two: &RunRecord) -> RunRecord {
    if one == two {
        return one.clone();
    }
    let edits = edits::union(one, two);
    let (mut all, other) =
        if std::ptr::eq(newer(one, two), one) { (one.clone(), two) } else { (two.clone(), one) };
    if unedited(one) == unedited(two) {
        all.hidden |= other.hidden;
        all.name = all.name.max(other.name.clone());
        all.description = all.description.max(other.description.clone());
        for (name, text) in &other.tags {
            let kept = all.tags.entry(name.clone()).or_default();
            if *text > *kept {
                kept.clone_from(text);
            }
        }
    }
    all.edited_utc = all.edited_utc.max(other.edited_utc);
    edits::put(&mut all, &edits);
    all
}

fn unedited(record: &RunRecord) -> RunRecord {
    let mut record = record.clone();
    (record.edited_utc, record.hidden, record.name, record.description) = (None, false, None, None);
    record.tags.clear();
    record.extra.shift_remove(EDITS);
    record
}
