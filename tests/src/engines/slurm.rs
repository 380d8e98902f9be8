//! A Slurm cluster on one machine: munge, the controller, and two nodes with a processor each.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use super::Host;
use super::host::NAME;
use crate::Sandbox;

/// The clients of Slurm that people start.
const CLIENTS: [&str; 6] = ["sbatch", "squeue", "scancel", "scontrol", "sinfo", "sacct"];

/// A cluster, which goes with its machine.
#[derive(Debug)]
pub struct Slurm<'h> {
    host: &'h Host<'h>,
    dir: PathBuf,
    has_cgroups: bool,
}

impl<'h> Slurm<'h> {
    /// Starts a cluster on the machine, and waits for its nodes.
    pub fn start(sandbox: &Sandbox, host: &'h Host<'h>) -> Self {
        Self::start_with(sandbox, host, "")
    }

    /// The same with further lines of its configuration.
    pub fn start_with(sandbox: &Sandbox, host: &'h Host<'h>, more: &str) -> Self {
        Self::start_after(sandbox, host, more, "true")
    }

    /// The same; before the controller these lines of shell are run.
    fn start_after(sandbox: &Sandbox, host: &'h Host<'h>, more: &str, before: &str) -> Self {
        let dir = sandbox.dir("slurm");
        // The machine's own /etc/slurm is this folder: no client needs a variable.
        let config = sandbox.dir("slurm/etc");
        for name in ["state", "munge", "log", "spool-n1", "spool-n2"] {
            sandbox.dir(&format!("slurm/{name}"));
        }
        // munged refuses a folder for its socket that others can't enter, and a key that others can read.
        for folder in [sandbox.path(), &dir, &dir.join("munge")] {
            fs::set_permissions(folder, Permissions::from_mode(0o755)).expect("a mode is set");
        }
        let key = dir.join("munge/key");
        fs::write(&key, [7; 1024]).expect("a key is written");
        fs::set_permissions(&key, Permissions::from_mode(0o400)).expect("a mode is set");
        let place = dir.display().to_string();
        fs::write(config.join("slurm.conf"), configuration(more, &place)).expect("a file is written");
        let slurm = Self { host, dir, has_cgroups: false };
        let _up = host
            .sh(&format!(
                "mkdir -p /etc/slurm; mount --bind {place}/etc /etc/slurm\n\
                 munged --socket={place}/munge/sock --key-file={place}/munge/key --pid-file={place}/munge/pid \
                 --log-file={place}/munge/log --seed-file={place}/munge/seed --num-threads=2\n\
                 {before}\n\
                 slurmctld; slurmd -N n1; slurmd -N n2\n\
                 timeout 60 sh -c 'until test \"$(sinfo -h -o %T)\" = idle; do sleep 0.1; done'"
            ))
            .ok();
        slurm
    }

    /// Starts a cluster that keeps accounts of its jobs in a database, for `sacct`, and ends jobs that take too much memory by the
    /// kernel's control groups. Control groups are the kernel's, not the machine's: one of these at a time.
    pub fn start_with_accounting(sandbox: &Sandbox, host: &'h Host<'h>) -> Self {
        let config = sandbox.dir("slurm/etc");
        for name in ["db", "log", "munge"] {
            sandbox.dir(&format!("slurm/{name}"));
        }
        let place = sandbox.dir("slurm").display().to_string();
        let put = |name: &str, text: &str| {
            fs::write(config.join(name), text.replace("DIR", &place)).expect("a file is written");
        };
        put("cgroup.conf", CGROUPS);
        put("slurmdbd.conf", ACCOUNTING);
        fs::set_permissions(config.join("slurmdbd.conf"), Permissions::from_mode(0o600))
            .expect("a mode is set");
        let database = format!(
            "mariadb-install-db --no-defaults --datadir={place}/db --auth-root-authentication-method=normal --skip-test-db \
             --user=root > {place}/log/install 2>&1\n\
             setsid -f mariadbd --no-defaults --user=root --datadir={place}/db --socket={place}/db.sock --bind-address=127.0.0.1 \
             --port=3306 --skip-grant-tables --innodb-buffer-pool-size=16M --innodb-flush-log-at-trx-commit=0 \
             > {place}/log/db 2>&1 < /dev/null\n\
             timeout 60 sh -c 'until mariadb --no-defaults -S {place}/db.sock -e \"select 1\" > /dev/null 2>&1; do sleep 0.1; done'"
        );
        let _up = host.sh(&database).ok();
        let mut slurm = Self::start_after(
            sandbox,
            host,
            MORE_FOR_ACCOUNTING,
            "slurmdbd; timeout 60 sh -c 'until sacctmgr -i add cluster azml > /dev/null 2>&1; do sleep 0.1; done'",
        );
        slurm.has_cgroups = true;
        slurm
    }

    /// Has the controller forget all jobs, as it does some minutes after their ends.
    pub fn forget_jobs(&self) {
        let place = self.dir.display();
        let _forgotten = self
            .host
            .sh(&format!(
                "pid=$(cat {place}/slurmctld.pid); kill $pid; while kill -0 $pid 2> /dev/null; do sleep 0.1; done; slurmctld -c\n\
                 timeout 60 sh -c 'until sinfo -h -o %T | grep -q idle; do sleep 0.1; done'"
            ))
            .ok();
    }

    /// Puts Slurm's clients on the PATH of the sandbox's people: their computer is the login node.
    pub fn share(&self) {
        for client in CLIENTS {
            self.host.share(client);
        }
    }

    /// Ends a node's daemon at once. What it has started lives on, as after a cut line.
    pub fn kill_node(&self, node: &str) {
        let _killed = self.host.sh(&format!("kill -9 $(cat {}/slurmd-{node}.pid)", self.dir.display())).ok();
    }
}

impl Drop for Slurm<'_> {
    fn drop(&mut self) {
        if !self.has_cgroups {
            return;
        }
        // The kernel ends the processes with their machine; the groups stay.
        drop(self.host.command("sh").args(["-c", END_CGROUPS]).output());
    }
}

/// Ends what runs in Slurm's control groups, and removes them.
const END_CGROUPS: &str = "for group in /sys/fs/cgroup/*/slurm_n[12]; do
[ -d $group ] || continue
for pid in $(find $group -name cgroup.procs -exec cat {} +); do kill -9 $pid; done
for try in 1 2 3 4 5 6 7 8 9 10; do find $group -depth -type d -exec rmdir {} + 2> /dev/null && break; sleep 0.1; done
done";
/// The configuration of control groups.
const CGROUPS: &str = "CgroupPlugin=cgroup/v1\nCgroupMountpoint=/sys/fs/cgroup\nConstrainRAMSpace=yes\n";
/// The configuration of the accounting daemon.
const ACCOUNTING: &str = "AuthType=auth/munge
AuthInfo=socket=DIR/munge/sock
DbdHost=localhost
DbdPort=16819
SlurmUser=root
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StorageUser=root
StorageLoc=acct
LogFile=DIR/log/dbd
PidFile=DIR/dbd.pid
";
/// The additions of a cluster with accounting and control groups.
const MORE_FOR_ACCOUNTING: &str = "ProctrackType=proctrack/cgroup
TaskPlugin=task/cgroup
JobAcctGatherParams=UsePss
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=localhost
AccountingStoragePort=16819
AccountingStoragePass=DIR/munge/sock
";

/// The configuration of a cluster in a folder, with further lines in the place of those that it has of the same names.
fn configuration(more: &str, place: &str) -> String {
    let name = |line: &str| line.split('=').next().map(str::to_owned);
    let is_kept =
        |line: &&str| line.starts_with("NodeName") || !more.lines().any(|other| name(other) == name(line));
    let kept: Vec<&str> = CONFIG.lines().filter(is_kept).collect();
    format!("{}\n{more}", kept.join("\n")).replace("HOST", NAME).replace("DIR", place)
}

/// Slurm's configuration. Without `DefMemPerCPU` a job takes all memory of a node, without `SchedulerParameters` a start takes
/// up to 3 s.
const CONFIG: &str = "ClusterName=azml
SlurmctldHost=HOST(127.0.0.1)
SlurmUser=root
SlurmdUser=root
SlurmctldPort=16817
AuthType=auth/munge
AuthInfo=socket=DIR/munge/sock
CredType=cred/munge
StateSaveLocation=DIR/state
SlurmdSpoolDir=DIR/spool-%n
SlurmctldPidFile=DIR/slurmctld.pid
SlurmdPidFile=DIR/slurmd-%n.pid
SlurmctldLogFile=DIR/log/ctld
SlurmdLogFile=DIR/log/d-%n
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
JobAcctGatherParams=OverMemoryKill
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerCPU=400
EnforcePartLimits=ANY
MpiDefault=none
ReturnToService=2
KillWait=5
SlurmdTimeout=30
SchedulerParameters=batch_sched_delay=0,sched_min_interval=0,sched_interval=1,bf_interval=1
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
NodeName=n1 NodeHostname=HOST NodeAddr=127.0.0.1 Port=16821 CPUs=1 RealMemory=2000
NodeName=n2 NodeHostname=HOST NodeAddr=127.0.0.1 Port=16822 CPUs=1 RealMemory=2000
PartitionName=p Nodes=n[1-2] Default=YES MaxTime=INFINITE State=UP
";
