//! Ray, Spark, and one script on every engine: they install some hundred MB and take minutes.

mod ray;
mod slurm;
mod spark;

use std::path::Path;

use e2e::engines::{Containers, Host, RAY, Ray, Slurm};
use e2e::folder::write;
use e2e::{Actor, Sandbox};

use self::spark::use_spark;

const TRAIN: &str = "import os, sys\nfrom azureml.logging import get_azureml_logger\n\
    if 'PYSPARK_DRIVER_PYTHON' in os.environ:\n  from pyspark.sql import SparkSession\n  \
    spark = SparkSession.builder.getOrCreate()\n  context = spark.sparkContext\n  \
    print('rows', spark.range(100).count(), context.appName, 'on', context.master)\n\
    get_azureml_logger().log('loss', 0.25)\nprint('trained')\nsys.exit(int((sys.argv + ['0'])[1]))\n";

/// An image of this machine's own Python, for podman.
fn python_image(podman: &Containers<'_>) -> &'static str {
    podman.import(
        "localhost/python:1",
        "cd /; L=$(for p in /usr/bin/python3 /bin/sh $(find /usr/lib/python3*/lib-dynload -name '*.so'); do ldd $p; done |\
           grep -o '/[^ ]*' | sort -u)\n\
         tar -ch --hard-dereference usr/bin/python3 bin/sh $L usr/lib/python3.11 2>/dev/null",
    )
}

#[test]
fn one_script_on_every_engine_has_the_same_code_and_metrics() {
    let sandbox = Sandbox::new();
    let host = Host::start(&sandbox);
    host.serve_ssh();
    let slurm = Slurm::start(&sandbox, &host);
    slurm.share();
    let podman = Containers::podman(&sandbox, &host);
    podman.share();
    let _ray = Ray::start(&sandbox, &host, Path::new(env!("CARGO_TARGET_TMPDIR")));
    let (alice, project) = sandbox.project();
    write(&project, "train.py", TRAIN);
    let folder = sandbox.path().join("shared");
    let folder = folder.to_str().expect("UTF-8");
    let image = python_image(&podman);
    for target in [
        &["ssh", "-a", "node1"][..],
        &["slurm", "--folder", folder],
        &["docker", "--runtime", "podman", "--image", image],
        &["ray", "-a", RAY],
    ] {
        let named = [&["computetarget", "attach", target[0], "-n", target[0]], &target[1..]].concat();
        let _attached = alice.azml(&project, &named).ok();
    }
    use_spark(&project, "type: local\n", "local[1]");
    let run = |target: &str| {
        let _ran = alice.azml(&project, &["experiment", "submit", "-c", target, "train.py"]).ok();
        alice.azml_json(&project, &["history", "last"])["run_id"].as_str().expect("a text").to_owned()
    };
    let here = run("local");
    for target in ["ssh", "slurm", "docker", "ray", "spark"] {
        same(&alice, &project, &here, &run(target));
    }
}

/// Compares two runs: they have the same snapshot and metrics.
fn same(alice: &Actor<'_>, project: &Path, one: &str, other: &str) {
    let compared = alice.azml_json(project, &["history", "compare", one, other]);
    let record = |run: &str| alice.azml_json(project, &["history", "info", "-r", run]);
    let (one, other) = (record(one), record(other));
    for key in ["loss", "status", "script_name"] {
        assert_eq!(one[key], other[key], "{key}: {compared}");
    }
    assert_eq!(one["properties"]["CommitId"], other["properties"]["CommitId"]);
    let all = |key: &str| compared[key].as_array().expect("a list").clone();
    assert!(all("metrics").iter().all(|metric| metric["differs"] == false), "{compared}");
    assert!(all("code").iter().all(|code| code["files_changed"] == 0), "{compared}");
}
