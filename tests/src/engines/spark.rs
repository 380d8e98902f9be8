//! Spark on a machine: a standalone cluster of one worker, of PyPI's package in an environment that is made once.

use std::path::{Path, PathBuf};

use test_support::venv;

use super::Host;

/// The release of Spark.
const PACKAGE: &str = "pyspark==4.3.0";
/// The address of the cluster's master, on its machine.
pub const MASTER: &str = "spark://127.0.0.1:7077";
/// The pages of the master, which has a table of its applications as JSON.
const PAGES: &str = "http://127.0.0.1:8080/json/";

/// A cluster, which goes with its machine.
#[derive(Debug)]
pub struct Spark<'h> {
    host: &'h Host<'h>,
}

impl<'h> Spark<'h> {
    /// The folder of Spark's programs, and of a Python that has its package. `cache` has the environments of tests.
    pub fn bin(cache: &Path) -> PathBuf {
        venv::on_system(cache, &[PACKAGE]).join("bin")
    }

    /// Starts a master and a worker with two processors on the machine, and has azml of the sandbox's people be on the machine's
    /// network.
    pub fn start(host: &'h Host<'h>, cache: &Path) -> Self {
        let daemon = |class: &str, words: &str| {
            format!(
                "spark-class org.apache.spark.deploy.{class} --host 127.0.0.1 {words} > {} 2>&1 < /dev/null &\n",
                class.rsplit('.').next().unwrap_or(class)
            )
        };
        let begin = format!(
            "export PATH='{}':$PATH SPARK_DAEMON_MEMORY=256m SPARK_LOCAL_IP=127.0.0.1\n{}{}",
            Self::bin(cache).display(),
            daemon("master.Master", "--port 7077 --webui-port 8080"),
            daemon("worker.Worker", &format!("--cores 2 --memory 1g --work-dir work {MASTER}")),
        );
        let _begun = host.sh(&begin).ok();
        let spark = Self { host };
        let _up = spark
            .python("while 'ALIVE' not in [w['state'] for w in master().get('workers', [])]: sleep(0.2)");
        host.lend_network("azml");
        spark
    }

    /// Waits until the cluster runs no application; gives the names and ends of those that were there.
    pub fn ended(&self) -> String {
        self.python(
            "while master()['activeapps']: sleep(0.2)\n\
             print(*[app['name'] + ' ' + app['state'] for app in master()['completedapps']], sep=', ')",
        )
    }

    /// Runs lines of Python on the machine that know what the master says; gives what they print.
    fn python(&self, lines: &str) -> String {
        let program = format!(
            "import json, urllib.request\nfrom time import sleep\n\
             def master():\n  try: return json.load(urllib.request.urlopen('{PAGES}'))\n  except OSError: return {{}}\n{lines}\n"
        );
        let script =
            format!("timeout 120 python3 - <<'END' || {{ cat Master Worker >&2; exit 1; }}\n{program}END\n");
        self.host.sh(&script).ok().text().to_owned()
    }
}
