//! `azml computetarget attach`.

use std::collections::BTreeMap;

use serde_json::Value;

use super::shown;
use crate::commands::args::ProjectArgs;
use crate::context::Context;
use crate::error::CommandError;
use crate::ops::compute_targets::{self, Kind, Wanted};
use crate::run::parameters::pair;
use crate::ui::Output;

/// Attach a compute target: write its file and a run configuration of its name, and test that it answers
///
/// `azml experiment submit -c NAME` then runs there. KIND is `ssh` for a computer by SSH (the Workbench's `remote` is the
/// same), `slurm` for a Slurm cluster, by its login node (-a) or from it, `docker` for containers on this computer
/// and `remotedocker` for containers on a computer by SSH, `ray` for a Ray cluster by its Jobs API (-a http://HOST:8265), `cluster`
/// for a computer by SSH from which `spark-submit` runs scripts of PySpark. azml uses your own ssh with its configuration, keys and
/// agent, and keeps no passwords.
///
/// The files are aml_config/NAME.compute and aml_config/NAME.runconfig. Attached again, a target keeps every key that is
/// not given.
///
/// Example: `azml computetarget attach slurm -n cluster -a login.example.com --cpus 4 --memory 16GB --time 2h`
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The kind of target
    #[arg(value_enum)]
    kind: KindArg,
    /// The target's name
    #[arg(long, short)]
    name: String,
    /// The host, or what ~/.ssh/config calls it; of Ray, its dashboard's http://HOST:PORT
    #[arg(long, short, value_name = "[USER@]HOST[:PORT]")]
    address: Option<String>,
    /// The user there
    #[arg(long, short, value_name = "USER")]
    username: Option<String>,
    /// Not taken: azml keeps no passwords
    #[arg(long, short = 'w', hide = true)]
    password: Option<String>,
    /// The image of containers
    #[arg(long, value_name = "IMAGE")]
    image: Option<String>,
    /// The program for containers: docker or podman, whichever is there [default: docker, else podman]
    #[arg(long, value_name = "PROGRAM")]
    runtime: Option<String>,
    /// The Python interpreter there
    #[arg(long, value_name = "PATH")]
    python: Option<String>,
    /// Spark's master, such as spark://HOST:7077 or yarn, if not that of its configuration
    #[arg(long, value_name = "MASTER")]
    spark_master: Option<String>,
    /// Make the environment of runs there, from the snapshot's uv.lock, requirements.txt or conda file
    #[arg(long)]
    make_environment: bool,
    /// azml there; without it, azml brings its own program there
    #[arg(long, value_name = "PATH")]
    azml: Option<String>,
    /// The folder for azml's files there, which a cluster's nodes share [default: ~/.azml]
    #[arg(long, value_name = "DIR")]
    folder: Option<String>,
    /// The folder there that runs share, AZUREML_NATIVE_SHARE_DIRECTORY
    #[arg(long, value_name = "DIR")]
    share: Option<String>,
    /// A folder there that every run gets as LINK; may be given several times
    #[arg(long, value_name = "LINK=PATH", value_parser = pair)]
    data: Vec<(String, String)>,
    #[command(flatten)]
    resources: ResourceArgs,
    /// Write the files without asking the target
    #[arg(long)]
    no_test: bool,
    #[command(flatten)]
    project: ProjectArgs,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum KindArg {
    #[value(alias = "remote")]
    Ssh,
    Slurm,
    #[value(alias = "localdocker")]
    Docker,
    #[value(name = "remotedocker")]
    RemoteDocker,
    Ray,
    Cluster,
}

/// The resources that every run on the target asks for.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Resources of a run")]
struct ResourceArgs {
    /// Processors
    #[arg(long, value_name = "NUMBER")]
    cpus: Option<String>,
    /// Memory, such as 16GB
    #[arg(long, value_name = "SIZE")]
    memory: Option<String>,
    /// GPUs: a number, or TYPE:NUMBER
    #[arg(long, value_name = "GPUS")]
    gpus: Option<String>,
    /// The longest time, such as 90m, 12h or 1-06:00:00 (Slurm)
    #[arg(long, value_name = "TIME")]
    time: Option<String>,
    /// The partition (Slurm)
    #[arg(long)]
    partition: Option<String>,
    /// The account (Slurm)
    #[arg(long)]
    account: Option<String>,
    /// An option for sbatch, or for docker's or podman's `create`, as it is; may be given several times
    #[arg(long, value_name = "OPTION", allow_hyphen_values = true)]
    extra: Vec<String>,
    /// Start a run again by itself when its node fails; outputs that are there stay (Slurm)
    #[arg(long)]
    requeue: bool,
}

/// Writes the files.
pub fn run(ctx: &Context, args: &Args) -> Result<Output, CommandError> {
    if args.password.is_some() {
        return Err(CommandError::usage("azml keeps no passwords of hosts")
            .hint("a key instead: {azml} sshkey generate, then ssh-copy-id USER@HOST"));
    }
    let opened = args.project.open(ctx)?;
    let root = opened.project.root();
    let kind = match args.kind {
        KindArg::Ssh => Kind::Ssh,
        KindArg::Slurm => Kind::Slurm,
        KindArg::Docker => Kind::Docker,
        KindArg::RemoteDocker => Kind::RemoteDocker,
        KindArg::Ray => Kind::Ray,
        KindArg::Cluster => Kind::Cluster,
    };
    let attached = compute_targets::plan(root, kind, &args.wanted())?;
    if !args.no_test {
        compute_targets::test(ctx, &attached.target)?;
    }
    compute_targets::attach(root, &attached)?;
    let verb = if attached.is_new { "Attached" } else { "Changed" };
    let file = attached.target.path.strip_prefix(root).unwrap_or(&attached.target.path);
    ctx.notices.status(&format!("{verb} {} ({})", args.name, file.display()));
    ctx.notices.hint(&format!("{{azml}} experiment submit -c {} SCRIPT", args.name));
    Ok(Output::Value(shown(&attached.target)))
}

impl Args {
    fn wanted(&self) -> Wanted {
        let texts = [
            ("baseDockerImage", &self.image),
            ("containerRuntime", &self.runtime),
            ("pythonLocation", &self.python),
            ("sparkMaster", &self.spark_master),
            ("azmlLocation", &self.azml),
            ("nodeDirectory", &self.folder),
            ("nativeSharedDirectory", &self.share),
        ];
        let mut keys = given(texts);
        if self.make_environment {
            keys.insert(compute_targets::OWN_ENVIRONMENT, false.into());
        }
        if self.resources.requeue {
            keys.insert("requeue", true.into());
        }
        let ResourceArgs { cpus, memory, gpus, time, partition, account, extra, requeue: _ } =
            &self.resources;
        let mut resources = given([
            ("memory", memory),
            ("gpus", gpus),
            ("time", time),
            ("partition", partition),
            ("account", account),
        ]);
        if let Some(cpus) = cpus {
            resources.insert("cpus", cpus.parse::<u32>().map_or_else(|_| cpus.as_str().into(), Value::from));
        }
        if !extra.is_empty() {
            resources.insert("extra", extra.clone().into());
        }
        Wanted {
            name: self.name.clone(),
            address: self.address.clone(),
            username: self.username.clone(),
            keys,
            resources,
            data: self.data.iter().cloned().collect(),
        }
    }
}

fn given<const N: usize>(texts: [(&'static str, &Option<String>); N]) -> BTreeMap<&'static str, Value> {
    texts.into_iter().filter_map(|(key, text)| Some((key, text.as_deref()?.into()))).collect()
}
