//! A Ray cluster of one node on a machine: PyPI's, in an environment that is made once.

use std::path::{Path, PathBuf};

use test_support::venv;

use super::Host;
use crate::Sandbox;

/// The release of Ray.
const PACKAGE: &str = "ray[default]==2.60.0";
/// The address of its API, on its machine.
pub const ADDRESS: &str = "http://127.0.0.1:8265";

/// A cluster, which goes with its machine.
#[derive(Debug)]
pub struct Ray<'h> {
    host: &'h Host<'h>,
    bin: PathBuf,
    folder: PathBuf,
}

impl<'h> Ray<'h> {
    /// Starts a cluster on the machine, and has azml of the sandbox's people be on the machine's network. `cache` has the
    /// environments of tests.
    pub fn start(sandbox: &Sandbox, host: &'h Host<'h>, cache: &Path) -> Self {
        let bin = venv::on_system(cache, &[PACKAGE]).join("bin");
        let ray = Self { host, bin, folder: sandbox.dir("ray") };
        ray.up();
        host.lend_network("azml");
        ray
    }

    /// Starts the head, with two processors; again if it does not come up within the 30 s that Ray gives it.
    pub fn up(&self) {
        let _up = self
            .host
            .sh(&format!(
                "export PATH='{}':$PATH RAY_USAGE_STATS_ENABLED=0\n\
                 for try in 1 2 3; do\n\
                   ray start --head --node-ip-address=127.0.0.1 --num-cpus=2 --object-store-memory=80000000 \
                     --temp-dir='{}' --disable-usage-stats > start 2>&1 && exit 0\n\
                   ray stop --force > /dev/null\n\
                 done; cat start >&2; exit 1",
                self.bin.display(),
                self.folder.display()
            ))
            .ok();
    }

    /// The folder of Ray's programs.
    pub fn bin(&self) -> &Path {
        &self.bin
    }

    /// Ends everything of the cluster at once.
    pub fn kill(&self) {
        let _killed = self.host.sh("pkill -9 -f '[g]cs_server|[r]aylet|[d]ashboard'; true").ok();
    }
}
