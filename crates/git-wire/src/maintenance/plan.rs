//! Decides from numbers alone which packs maintenance rewrites.
//!
//! Small packs are rolled up so that the packs' sizes stay in a progression: whatever is rewritten has at least doubled
//! since it was last, so that any number of pushes costs each object a few rewritings, and lookups meet a few packs. When
//! they have grown to half of what there was when all was made one, that is done again.

/// The work, which names packs by their places in what was given to [`plan()`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Work {
    /// Nothing is due.
    Nothing,
    /// These, and the loose objects, become one pack.
    RollUp(Vec<usize>),
    /// Everything becomes one.
    Everything,
}

/// Decides. `packs` are the numbers of objects of the packs that came since all was made one, `base` is how many there
/// were then.
pub(super) fn plan(packs: &[u32], base: Option<u32>, loose: usize, limits: super::Limits) -> Work {
    if packs.len() < limits.small_packs && loose < limits.loose_objects {
        return Work::Nothing;
    }
    let small: u64 = packs.iter().map(|objects| u64::from(*objects)).sum::<u64>() + loose as u64;
    if base.is_none_or(|base| small.saturating_mul(2) >= u64::from(base)) {
        return Work::Everything;
    }
    let mut order: Vec<usize> = (0..packs.len()).collect();
    order.sort_unstable_by_key(|at| (packs[*at], *at));
    let mut sum = loose as u64;
    let mut taken = 0;
    for (number, at) in order.iter().enumerate() {
        let objects = u64::from(packs[*at]);
        // Half the limit is taken whatever their sizes, or this would be due again at once.
        if number >= limits.small_packs / 2 && objects > sum {
            break;
        }
        sum += objects;
        taken = number + 1;
    }
    order.truncate(taken);
    order.sort_unstable();
    Work::RollUp(order)
}

#[cfg(test)]
mod tests {
    use super::super::Limits;
    use super::*;

    const LIMITS: Limits = Limits { small_packs: 8, loose_objects: 100, commits: 100 };

    #[test]
    fn little_is_left_alone_and_much_is_rolled_up() {
        for (packs, base, loose, expected) in [
            (vec![3; 7], Some(1_000), 99, Work::Nothing),
            (vec![], None, 0, Work::Nothing),
            (vec![3; 8], Some(1_000), 0, Work::RollUp((0..8).collect())),
            (vec![900, 3, 3, 3, 3, 3, 3, 3], Some(10_000), 0, Work::RollUp((1..8).collect())),
            (vec![20, 3, 3, 3, 3, 3, 3, 3], Some(10_000), 0, Work::RollUp((0..8).collect())),
            (vec![], Some(10_000), 100, Work::RollUp(vec![])),
            (vec![500; 8], Some(8_000), 0, Work::Everything),
            (vec![3; 8], None, 0, Work::Everything),
        ] {
            assert_eq!(plan(&packs, base, loose, LIMITS), expected, "{packs:?} {base:?} {loose}");
        }
    }

    /// Any number of pushes: few packs, and each object rewritten a few times.
    #[test]
    fn ten_thousand_pushes_rewrite_each_object_a_few_times() {
        let limits = Limits::default();
        let (mut packs, mut base) = (Vec::new(), None);
        let (mut rewritten, mut most) = (0_u64, 0);
        for _ in 0..10_000 {
            packs.push(4_u32);
            most = most.max(packs.len());
            match plan(&packs, base, 0, limits) {
                Work::Nothing => {}
                Work::RollUp(these) => {
                    let sum: u32 = these.iter().map(|at| packs[*at]).sum();
                    rewritten += u64::from(sum);
                    let mut at = 0;
                    packs.retain(|_| {
                        at += 1;
                        !these.contains(&(at - 1))
                    });
                    packs.push(sum);
                }
                Work::Everything => {
                    let all = packs.drain(..).sum::<u32>() + base.unwrap_or_default();
                    rewritten += u64::from(all);
                    base = Some(all);
                }
            }
        }
        assert!(most <= limits.small_packs, "{most} packs");
        assert!(rewritten < 40_000 * 12, "{rewritten} objects rewritten for 40,000");
    }
}
