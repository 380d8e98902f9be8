//! Commands that come before the script: their output is in the log of preparing, and is shown as errors are, for standard output
//! is the script's.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::address_mask::AddressMask;
use super::process::{self, Ended, Spec};
use super::signals::Cancel;
use super::streams::{Stream, Watch};

/// Runs such commands.
pub(super) struct Aside<'a> {
    pub(super) cwd: &'a Path,
    pub(super) env: BTreeMap<OsString, OsString>,
    pub(super) log: &'a Path,
    pub(super) address: Option<&'a AddressMask>,
    pub(super) watch: &'a Arc<dyn Watch>,
    pub(super) cancel: &'a Cancel,
}

impl Aside<'_> {
    /// Runs one to its end.
    pub(super) fn run(&self, program: &Path, args: Vec<OsString>) -> io::Result<Ended> {
        let spec = Spec {
            program: program.to_owned(),
            args,
            cwd: self.cwd.to_owned(),
            env: self.env.clone(),
            reads_stdin: false,
            log: self.log.to_owned(),
            address: self.address.cloned(),
        };
        let watch: Arc<dyn Watch> = Arc::new(AsErrors(Arc::clone(self.watch)));
        process::run(&spec, &watch, self.cancel)
    }

    /// Runs a line of shell to its end.
    pub(super) fn shell(&self, line: &str) -> (PathBuf, io::Result<Ended>) {
        let program = PathBuf::from("/bin/sh");
        let ended = self.run(&program, vec!["-c".into(), line.into()]);
        (program, ended)
    }
}

/// Shows all output as if it were errors.
struct AsErrors(Arc<dyn Watch>);

impl Watch for AsErrors {
    fn started(&self, pid: u32) {
        self.0.started(pid);
    }

    fn output(&self, _: Stream, bytes: &[u8]) {
        self.0.output(Stream::Err, bytes);
    }
}
