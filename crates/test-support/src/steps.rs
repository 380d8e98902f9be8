//! The steps of a program at which a test kills it, with strace (SIGKILL, which nothing can answer).
//!
//! strace counts the calls of each name in each thread by themselves. A kill at the nth call of a list of names would
//! therefore come at whichever name is called most often, and pass over the rest: a step names one call.

/// The system calls that change a folder. A `?`: not every machine has every call.
pub const FOLDERS: [&str; 12] = [
    "?rename",
    "?renameat",
    "?renameat2",
    "?link",
    "?linkat",
    "?symlink",
    "?symlinkat",
    "?unlink",
    "?unlinkat",
    "?rmdir",
    "?mkdir",
    "?mkdirat",
];

/// The system calls that change a file, or put it on the disk.
pub const FILES: [&str; 7] =
    ["?write", "?pwrite64", "?writev", "?fsync", "?fdatasync", "?ftruncate", "?fchmod"];

/// A program is about to make a system call for the nth time in one of its threads.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    /// Its name, as strace has it.
    pub call: &'static str,
    /// From 1 on.
    pub nth: usize,
}

impl Step {
    /// strace's options that kill the program at this step.
    pub fn options(self) -> [String; 4] {
        let Self { call, nth } = self;
        [
            "-e".into(),
            format!("trace={call}"),
            "-e".into(),
            format!("inject={call}:signal=SIGKILL:when={nth}"),
        ]
    }
}

/// The numbers of a call at which a test kills.
#[derive(Debug, Clone, Copy)]
pub enum Numbers {
    /// From the first to the last.
    All,
    /// The first, then fewer and fewer.
    Some,
}

/// The calls at which a test kills, and the numbers of each.
pub type Plan = &'static [(Numbers, &'static [&'static str])];

/// Every step of a program: minutes, for tests in `heavy`.
pub const EVERY: Plan = &[(Numbers::All, &FOLDERS), (Numbers::All, &FILES)];

/// A few steps of every kind.
pub const SOME: Plan = &[(Numbers::Some, &["?renameat", "?unlinkat", "?write", "?fsync"])];

/// A few steps of every kind and every write, of which the last are what the program says at its end.
pub const SOME_AND_EVERY_WRITE: Plan =
    &[(Numbers::Some, &["?renameat", "?unlinkat", "?fsync"]), (Numbers::All, &["?write"])];

/// Works at the steps of a plan. The work returns whether the kill came; after one that did not, the next call is tried. Returns
/// the number of kills.
///
/// # Panics
///
/// If a call still comes after thousands of kills: the program then never gets to its end.
pub fn each(plan: Plan, mut work: impl FnMut(Step) -> bool) -> usize {
    let mut kills = 0;
    for (numbers, calls) in plan {
        for call in *calls {
            let mut step = Step { call, nth: 1 };
            while work(step) {
                assert!(step.nth < 3_000, "{step:?}: it never gets to its end");
                kills += 1;
                step.nth = match numbers {
                    Numbers::All => step.nth + 1,
                    Numbers::Some => 2 * step.nth + 2,
                };
            }
        }
    }
    kills
}
