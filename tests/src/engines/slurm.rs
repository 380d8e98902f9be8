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
}

impl<'h> Slurm<'h> {
    /// Starts a cluster on the machine, and waits for its nodes.
    pub fn start(sandbox: &Sandbox, host: &'h Host<'h>) -> Self {
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
        fs::write(config.join("slurm.conf"), CONFIG.replace("HOST", NAME).replace("DIR", &place))
            .expect("a file is written");
        let slurm = Self { host, dir };
        let _up = host
            .sh(&format!(
                "mkdir -p /etc/slurm; mount --bind {place}/etc /etc/slurm\n\
                 munged --socket={place}/munge/sock --key-file={place}/munge/key --pid-file={place}/munge/pid \
                 --log-file={place}/munge/log --seed-file={place}/munge/seed --num-threads=2\n\
                 slurmctld; slurmd -N n1; slurmd -N n2\n\
                 timeout 60 sh -c 'until test \"$(sinfo -h -o %T)\" = idle; do sleep 0.1; done'"
            ))
            .ok();
        slurm
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
