//! Scripts that Spark runs: on this computer, on one by SSH, and on a standalone cluster.

use std::path::Path;

use e2e::Sandbox;
use e2e::engines::{Host, SPARK, Spark};
use e2e::folder::write;

use super::TRAIN;

/// Has the target `spark` run scripts by a master, with further lines of its file.
pub(super) fn use_spark(project: &Path, more: &str, master: &str) {
    let bin = Spark::bin(Path::new(env!("CARGO_TARGET_TMPDIR")));
    write(project, "aml_config/spark.runconfig", "Target: spark\nFramework: PySpark\n");
    let text = format!(
        "{more}sparkSubmitLocation: {0}/spark-submit\npythonLocation: {0}/python\nsparkMaster: {master}\n",
        bin.display()
    );
    write(project, "aml_config/spark.compute", text);
    // The mode of Spark's own configuration is none of a run's.
    let dependencies = "configuration:\n  spark.app.name: flowers\n  spark.driver.memory: 512m\n  spark.executor.memory: 512m\n  \
        spark.ui.enabled: false\n  spark.driver.host: 127.0.0.1\n  spark.submit.deployMode: cluster\n";
    write(project, "aml_config/spark_dependencies.yml", dependencies);
}

#[test]
fn spark_runs_a_script_here_and_its_exit_code_comes_through() {
    let sandbox = Sandbox::new();
    let (alice, project) = sandbox.project();
    write(&project, "train.py", TRAIN);
    use_spark(&project, "type: local\n", "local[1]");
    let args = ["experiment", "submit", "-c", "spark", "--propagate-exit-code", "train.py", "3"];
    let ran = alice.azml(&project, &args).exits(3);
    assert!(ran.stdout.contains("rows 100 flowers on local[1]\ntrained\n"), "{ran}");
    assert_eq!(alice.azml_json(&project, &["history", "last"])["loss"], 0.25);
    // Spark says what a master wants, and the run fails with it.
    use_spark(&project, "type: local\n", "yarn");
    let refused = alice.azml(&project, &["experiment", "submit", "-c", "spark", "train.py"]).exits(1);
    assert!(refused.stderr.contains("HADOOP_CONF_DIR"), "{refused}");
}

#[test]
fn a_standalone_cluster_runs_scripts_from_here_and_from_a_computer_by_ssh() {
    let sandbox = Sandbox::new();
    let host = Host::start(&sandbox);
    host.serve_ssh();
    let cluster = Spark::start(&host, Path::new(env!("CARGO_TARGET_TMPDIR")));
    let (alice, project) = sandbox.project();
    write(&project, "train.py", TRAIN);
    for target in ["type: local\n", "type: cluster\naddress: node1\n"] {
        use_spark(&project, target, SPARK);
        let args = ["experiment", "submit", "-c", "spark", "--propagate-exit-code", "train.py", "3"];
        let ran = alice.azml(&project, &args).exits(3);
        assert!(ran.stdout.contains(&format!("rows 100 flowers on {SPARK}\ntrained\n")), "{ran}");
        assert_eq!(alice.azml_json(&project, &["history", "last"])["loss"], 0.25, "{target}");
        assert!(cluster.ended().contains("flowers FINISHED"), "{target}");
    }
}

#[test]
fn the_application_of_a_run_that_is_canceled_ends() {
    let sandbox = Sandbox::new();
    let host = Host::start(&sandbox);
    host.serve_ssh();
    let cluster = Spark::start(&host, Path::new(env!("CARGO_TARGET_TMPDIR")));
    let (alice, project) = sandbox.project();
    use_spark(&project, "type: cluster\naddress: node1\n", SPARK);
    let fifo = sandbox.path().join("fifo");
    let _made = alice.sh(&project, &format!("mkfifo {}", fifo.display())).ok();
    let wait = format!(
        "from pyspark import SparkContext\nimport time\nSparkContext.getOrCreate()\nopen('{}', 'w').close()\ntime.sleep(1000)\n",
        fifo.display()
    );
    write(&project, "wait.py", wait);
    let args = ["experiment", "submit", "-c", "spark", "--detach", "wait.py"];
    let run = alice.azml(&project, &args).ok().run_id();
    let _begun = std::fs::read(&fifo).expect("the script opens it");
    let _asked = alice.azml(&project, &["experiment", "cancel", "-r", &run]).ok();
    let _ended = alice.azml(&project, &["experiment", "wait", &run]).exits(130);
    assert!(cluster.ended().contains("flowers"));
}

#[test]
fn the_session_of_the_page_about_spark_is_true() {
    let sandbox = Sandbox::new();
    let host = Host::start(&sandbox);
    host.serve_ssh();
    let (alice, project) = sandbox.project();
    write(&project, "train.py", TRAIN);
    use_spark(&project, "type: cluster\nengine: cluster\naddress: node1\n", "local[1]");
    crate::readme::check_session(&alice, &project, include_str!("../../../../docs/compute-spark.md"));
    let run = alice.azml_json(&project, &["history", "last"]);
    assert_eq!((&run["loss"], &run["engine"]["kind"]), (&0.25.into(), &"cluster".into()), "{run}");
}
