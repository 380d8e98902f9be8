//! `azml history compare`.

pub(crate) mod code;
pub(crate) mod records;
mod text;

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use azml_core::run::RunRecord;
use gix::ObjectId;
use serde_json::{Value, json};

use self::code::Code;
use self::records::Line;
use crate::commands::runs;
use crate::context::{Context, Opened};
use crate::error::CommandError;
use crate::ops::open::open_and_recover;
use crate::ui::{Output, Ui};

/// How many runs can be compared at once.
pub(crate) const MOST: usize = 5;

/// What is shown of the code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum CodeView {
    /// Which files differ and by how many lines, then the lines
    #[default]
    Patch,
    /// Which files differ and by how many lines
    Stat,
    /// Nothing
    None,
}

/// Compare runs: properties, metrics and code
///
/// Shows what differs; as JSON everything is there, with what differs marked. The code compared is what ran: the runs'
/// snapshots, fetched from the remote if they are not here. Of more than two runs the code of each is compared with the
/// first's.
///
/// Example: `azml history compare RUN_A RUN_B --code stat`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The runs: their ids, or unambiguous beginnings of them or of their numbers
    #[arg(value_name = "RUN_ID", required = true, num_args = 2..=MOST)]
    runs: Vec<String>,
    /// What to show of the code
    #[arg(long, value_enum, value_name = "WHAT", default_value_t)]
    code: CodeView,
    /// Show also what is the same
    #[arg(long)]
    all: bool,
    /// A personal access token for the remote
    #[arg(long, value_name = "TOKEN")]
    vststoken: Option<String>,
    /// The project's folder, instead of the current one
    #[arg(long, value_name = "DIR", alias = "project")]
    path: Option<PathBuf>,
}

/// Compares the records, and the snapshots that they name.
pub fn run(ui: &Ui, ctx: &Context, args: &Args) -> Result<Output, CommandError> {
    let opened = open_and_recover(ctx, args.path.as_deref())?;
    let records = args.runs.iter().map(|text| runs::resolve(ctx, &opened, text));
    let records = runs::with_live_in_place(ctx, &opened, records.collect::<Result<Vec<_>, _>>()?)?;
    let (properties, metrics) = (records::properties(&records), records::metrics(&records));
    let codes = match args.code {
        CodeView::None => Vec::new(),
        view => compare_code(ctx, &opened, &records, view, args.vststoken.as_deref())?,
    };
    let value = json!({
        "runs": records.iter().map(|record| record.run_id.as_str()).collect::<Vec<_>>(),
        "properties": properties.iter().map(Line::to_value).collect::<Vec<_>>(),
        "metrics": metrics.iter().map(Line::to_value).collect::<Vec<_>>(),
        "code": codes.iter().map(Code::to_value).collect::<Vec<_>>(),
    });
    let look = text::Look { all: args.all, colors: ui.colors_output(), clean: ctx.env.stdout_is_terminal };
    let text = text::render(&records, &properties, &metrics, &codes, look);
    Ok(Output::WithText { value, text })
}

fn compare_code(
    ctx: &Context,
    opened: &Opened,
    records: &[RunRecord],
    view: CodeView,
    token: Option<&str>,
) -> Result<Vec<Code>, CommandError> {
    let commits = records.iter().map(snapshot_of).collect::<Result<Vec<_>, _>>()?;
    runs::fetch_snapshots(ctx, opened, &commits, token)?;
    let git = opened.history.git();
    let tree = |commit: ObjectId| {
        let tree = git.find_commit(commit).and_then(|commit| commit.tree_id());
        tree.map(gix::Id::detach).map_err(CommandError::failed)
    };
    let first = tree(commits[0])?;
    let mut codes = Vec::new();
    for (record, commit) in records.iter().zip(&commits).skip(1) {
        let never = AtomicBool::new(false);
        let files = code::changes(git, first, tree(*commit)?, view == CodeView::Patch, &never)?
            .ok_or_else(code::too_much)?;
        codes.push(Code {
            from: records[0].run_id.to_string(),
            to: record.run_id.to_string(),
            commits: (commits[0], *commit),
            files,
            with_lines: view == CodeView::Patch,
        });
    }
    Ok(codes)
}

fn snapshot_of(record: &RunRecord) -> Result<ObjectId, CommandError> {
    record.commit_id().ok_or_else(|| {
        CommandError::failed(format!("the record of run {} names no snapshot", record.run_id))
            .hint("compare the rest with: --code none")
    })
}

impl Code {
    fn to_value(&self) -> Value {
        json!({
            "from": self.from,
            "to": self.to,
            "from_commit": self.commits.0.to_string(),
            "to_commit": self.commits.1.to_string(),
            "files_changed": self.files.len(),
            "insertions": self.files.iter().map(|file| file.added).sum::<u64>(),
            "deletions": self.files.iter().map(|file| file.removed).sum::<u64>(),
            "files": self.files.iter().map(code::Change::to_value).collect::<Vec<_>>(),
        })
    }
}
