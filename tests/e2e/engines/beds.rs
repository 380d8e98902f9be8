//! The machines and engines of these tests do what their stock programs say, and leave nothing behind.

use e2e::Sandbox;
use e2e::engines::{Containers, Host, Runtime, Slurm, until};

#[test]
fn an_ssh_host_answers_and_its_line_can_be_cut() {
    let sandbox = Sandbox::new();
    let host = Host::start(&sandbox);
    host.serve_ssh();
    let alice = sandbox.stranger("alice");
    let ssh = |options: &str, command: &str| {
        alice.sh(alice.home(), &format!("ssh -o ConnectTimeout=2 {options} node1 '{command}'"))
    };
    let answer = ssh("", "hostname; pwd; echo kept > file; exit 7").exits(7);
    assert_eq!(answer.stdout, "node1\n/root\n");
    assert_eq!(std::fs::read_to_string(host.home().join("file")).expect("the host's file"), "kept\n");

    host.cut();
    let _nobody = ssh("", "true").exits(255);
    host.mend();
    let _there = ssh("-o ConnectTimeout=60", "true").ok();
}

#[test]
fn a_slurm_cluster_runs_jobs_on_both_nodes_and_kills_them() {
    let sandbox = Sandbox::new();
    let host = Host::start(&sandbox);
    let slurm = Slurm::start(&sandbox, &host);
    slurm.share();
    let alice = sandbox.stranger("alice");
    let home = alice.home();
    let both = "sbatch --parsable --wait --array 0-1 -o out-%a --wrap 'hostname; echo $SLURM_ARRAY_TASK_ID; echo $SECRET' --export=NONE";
    let _ran = alice.clone().with_env("SECRET", "hidden").sh(home, both).ok();
    for task in 0..2 {
        let output = std::fs::read_to_string(home.join(format!("out-{task}"))).expect("the task's output");
        assert_eq!(output, format!("node1\n{task}\n\n"));
    }
    let id = alice.sh(home, "sbatch --parsable -o slow --wrap 'exec sleep 1000'").ok();
    let _running = until(&alice, home, &format!("squeue -h -o %T -j {}", id.text()), "RUNNING");
    let _canceled = alice.run("scancel", home, &[id.text()]).ok();
    let shown = until(&alice, home, &format!("scontrol -o show job {}", id.text()), "*CANCELLED*");
    assert!(shown.text().contains("JobState=CANCELLED"), "{shown}");
}

#[test]
fn podman_and_docker_run_a_container_with_a_limit_and_say_how_it_ended() {
    let sandbox = Sandbox::new();
    let host = Host::start(&sandbox);
    let alice = sandbox.stranger("alice");
    for runtime in [Runtime::Podman, Runtime::Docker] {
        let containers = Containers::start(&sandbox, &host, runtime);
        containers.share();
        let run = |options: &str, command: &str| {
            let (name, image) = (containers.name(), containers.image());
            alice.sh(alice.home(), &format!("{name} run --rm {options} {image} {command}"))
        };
        let _code = run("", "sh -c 'exit 6'").exits(6);
        let _missing = run("", "nothing-of-this-name").exits(127);
        let _limited =
            run("--memory 16m --memory-swap 16m", "dd if=/dev/zero of=/dev/null bs=64M count=1").exits(137);
        let home = alice.home().display();
        let _written = run(&format!("-v {home}:{home} -w {home} -u 1234:1234"), "true").ok();
    }
}

#[test]
fn a_machine_ends_with_its_test() {
    let sandbox = Sandbox::new();
    let host = Host::start(&sandbox);
    let script = host.home().join("stay.sh");
    std::fs::write(&script, "touch started; sleep 9413; true\n").expect("a script is written");
    let script = script.to_str().expect("UTF-8");
    let _started = host.sh(&format!(
        "setsid -f sh {script} < /dev/null > /dev/null 2>&1; until [ -e started ]; do sleep 0.05; done"
    ));
    let alice = sandbox.stranger("alice");
    let _alive = alice.run("pgrep", alice.home(), &["-f", script]).ok();
    drop(host);
    let _dead = alice.run("pgrep", alice.home(), &["-f", script]).fails();
}
