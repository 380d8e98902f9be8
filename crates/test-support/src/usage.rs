//! The resources of a process, by the kernel's own accounting: memory, descriptors, threads, processor time.

use std::fs;

/// Figures of one process at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Bytes in memory now (`VmRSS`).
    pub resident: u64,
    /// The most bytes that were in memory at once (`VmHWM`).
    pub peak: u64,
    /// Threads.
    pub threads: u64,
    /// Open descriptors.
    pub descriptors: usize,
    /// Processor time in clock ticks, of which Linux has 100 a second.
    pub ticks: u64,
}

impl Usage {
    /// Reads the figures of a living process from `/proc`.
    ///
    /// # Panics
    /// If there is no such process.
    #[must_use]
    pub fn of(pid: u32) -> Self {
        let read = |name: &str| {
            let path = format!("/proc/{pid}/{name}");
            fs::read_to_string(&path).unwrap_or_else(|error| panic!("read {path}: {error}"))
        };
        let status = read("status");
        let field = |name: &str| {
            let line =
                status.lines().find_map(|line| line.strip_prefix(name)).expect("Linux tells each field");
            line.trim_start_matches(':').split_whitespace().next().and_then(|word| word.parse::<u64>().ok())
        };
        let number = |name: &str| field(name).expect("the field is a number");
        let stat = read("stat");
        // The name of the program, in parentheses, may hold anything; fields 14 and 15 count from before it.
        let times =
            stat.rsplit_once(')').expect("stat names the program").1.split_whitespace().skip(11).take(2);
        Self {
            resident: number("VmRSS") << 10,
            peak: number("VmHWM") << 10,
            threads: number("Threads"),
            descriptors: fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count),
            ticks: times.map(|time| time.parse::<u64>().expect("times are numbers")).sum(),
        }
    }
}
