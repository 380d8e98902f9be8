//! The bounds of what azml takes from files, programs and hosts that it does not control, each with its unit.

use std::time::Duration;

use jiff::SignedDuration;

/// The largest file of stored logins that is read, in bytes.
pub const TOKEN_FILE: u64 = 1 << 20;
/// The largest `.netrc` that is read, in bytes.
pub const NETRC_FILE: u64 = 1 << 20;
/// The longest answer of a credential helper or an askpass program, in bytes.
pub const HELPER_ANSWER: u64 = 1 << 20;
/// The time that a push goes on while others push first again and again.
pub const PUSH_CONTENTION: Duration = Duration::from_mins(3);
/// The least and the most of the range in which such a push waits before it looks again.
pub const PUSH_PAUSE_LEAST: Duration = Duration::from_millis(50);
/// See [`PUSH_PAUSE_LEAST`].
pub const PUSH_PAUSE_MOST: Duration = Duration::from_secs(8);
/// Tries of a push that met another's lock.
pub const PUSH_LOCK_TRIES: usize = 10;
/// The longest answer of an Experimentation service that is read, in bytes.
pub const SERVICE_ANSWER: u64 = 8 << 20;
/// Projects, accounts or keys of one list, over all of its pages.
pub const SERVICE_ITEMS: usize = 100_000;
/// The longest time between two questions whether somebody has signed in, in seconds.
pub const SIGN_IN_INTERVAL: u64 = 60;
/// The longest time that a code to sign in by is waited for, in seconds.
pub const SIGN_IN_LIFETIME: u64 = 3600;
/// The longest answer of a Git LFS server about objects that is read, in bytes.
pub const LFS_ANSWER: u64 = 8 << 20;
/// Large files that one request asks a Git LFS server about, as stock git-lfs does.
pub const LFS_BATCH: usize = 100;
/// Large files that are sent or received at once, as stock git-lfs does.
pub const LFS_AT_ONCE: usize = 8;
/// Conversations at once with a server that transfers large files over SSH: some take no more connections than ten.
pub const LFS_SSH_AT_ONCE: usize = 4;
/// Lines before the content of an answer of such a server.
pub const LFS_SSH_LINES: usize = 64;
/// The time for which the end of `ssh`'s stderr is waited for when its output has ended.
pub const SSH_LAST_WORDS: Duration = Duration::from_secs(5);
/// The least bytes of a large file that have to come in each [`LFS_TIMEOUT`]; else the transfer is given up.
pub const LFS_LEAST: u64 = 16 << 10;
/// See [`LFS_LEAST`].
pub const LFS_TIMEOUT: Duration = Duration::from_mins(2);
/// Redirects in a row that are followed.
pub const REDIRECTS: usize = 5;
/// The text of a host's error that is read, in bytes.
pub const ERROR_TEXT: u64 = 64 << 10;
/// The largest file of cookies that is read, in bytes.
pub const COOKIE_FILE: u64 = 1 << 20;
/// Bytes of the list of a run's kept files: some 100 for each that the run changed or deleted.
pub const KEPT_LIST: u64 = 256 << 20;

/// Bytes of the file to which a script logs metrics that are read; later lines are not recorded.
pub const METRICS_FILE: u64 = 1 << 30;
/// Bytes that are read of it before a summary is kept, so that the next reader need not read them again.
pub const METRICS_SUMMARY_AFTER: u64 = 1 << 20;
/// Bytes of that summary.
pub const METRICS_SUMMARY: u64 = 64 << 20;
/// Metrics of one run whose curves can be drawn.
pub const METRICS_CURVES: usize = 256;
/// Bytes of one line of it.
pub const METRIC_LINE: u64 = 1 << 20;
/// Bytes of the names and values that a record takes of it.
pub const METRICS: usize = 4 << 20;
/// Lines that could not be recorded and are told one by one.
pub const METRICS_REFUSED: usize = 20;

/// Runs of one sweep.
pub const SWEEP_MEMBERS: u64 = 10_000;
/// Runs of one sweep that go on at once.
pub const SWEEP_PARALLEL: u64 = 256;
/// Bytes of a process's environment in which a run's variable is looked for: the most that Linux hands to a program.
pub const ENVIRONMENT: u64 = 8 << 20;

/// Bytes of a job that a node is given: the record is the largest part.
pub const JOB_SPEC: u64 = 64 << 20;
/// Bytes of what a command on a node prints: those of a piece of a log are most of it.
pub const NODE_ANSWER: u64 = 4 << 20;
/// Large files that a node is asked about at once: a list of them fits into an answer.
pub const NODE_LARGE_FILES: usize = 20_000;
/// Time after its last use in which nothing is removed from a project's store on a node: a run may be on its way there.
pub const NODE_STORE_REST: Duration = Duration::from_hours(1);
/// Bytes of one piece of a run's log that a node gives.
pub const NODE_LOG: u64 = 1 << 20;
/// Time that a node waits for new bytes of a log before it says that there are none.
pub const NODE_LOG_WAIT: Duration = Duration::from_secs(5);
/// Time that the start of a job is waited for.
pub const NODE_START: Duration = Duration::from_secs(30);
/// Time between two looks of a running job at whether it is to end.
pub const NODE_LOOK: Duration = Duration::from_millis(500);
/// The longest time that a connection to a node is waited for.
pub const NODE_CONNECT: Duration = Duration::from_secs(5);
/// Bytes that have to be free on the disk of a node before a run is sent there.
pub const NODE_FREE: u64 = 100 << 20;
/// Bytes of its disk that a run on a node keeps free for its record and its logs, which are written at its end.
pub const NODE_RESERVE: u64 = 8 << 20;
/// Seconds after which a lock of a ref on a node is taken for a killed push's.
pub const NODE_LOCK_SECONDS: u32 = 10;
/// The largest file of settings of a run that is read, in bytes.
pub const CONFIG_FILE: u64 = 1 << 20;
/// The largest file that describes an environment, in bytes: uv's locks grow to some megabytes.
pub const LOCK_FILE: u64 = 64 << 20;
/// Lists of packages that one list names, with what these name.
pub const LOCK_FILES: usize = 100;
/// Environments of one computer that are kept, beside those that runs use.
pub const ENVIRONMENTS_KEPT: usize = 10;
/// Packages of an environment that a run's list has.
pub const INSTALLED_PACKAGES: usize = 10_000;
/// Lines of a log that the error of an environment shows.
pub const ENVIRONMENT_ERROR_LINES: usize = 3;
/// Time between two looks at an environment that another run makes.
pub const ENVIRONMENT_LOOK: Duration = Duration::from_millis(100);
/// Time between two looks of the Workbench's pages at runs elsewhere.
pub const PAGES_LOOK: Duration = Duration::from_secs(2);
/// The longest answer of Ray's API about a job that is read, in bytes.
pub const RAY_ANSWER: u64 = 8 << 20;
/// Bytes of a job's log that are read from Ray's API, which gives the whole at once: the run's results are at its end.
pub const RAY_LOG: u64 = 512 << 20;
/// Bytes of a package that Ray takes.
pub const RAY_PACKAGE: u64 = 500 << 20;
/// Bytes of large files that a run on Ray leaves and that come back in its log.
pub const RAY_LARGE_OUTPUTS: u64 = 64 << 20;
/// Looks at the log of a Ray job take one part of so many of the time, and one more.
pub const RAY_LOOK_SHARE: u32 = 4;
/// Time between two looks at the log of a Ray job, at least.
pub const RAY_LOOK: Duration = Duration::from_millis(500);
/// Times that a run is offered to an engine that can't be reached.
pub const SUBMIT_TRIES: u32 = 5;
/// The pause after the first of these times; each further one is twice as long.
pub const SUBMIT_PAUSE: Duration = Duration::from_millis(500);
/// The longest time that a submit on another computer may take to send a run.
pub const SUBMIT_TIME: SignedDuration = SignedDuration::from_mins(10);
/// The newest runs among which a sync looks for those that go on elsewhere.
pub const RUNS_LOOKED: usize = 1000;
/// Hosts that are asked at once about their runs.
pub const HOSTS_ASKED: usize = 8;
/// Time that a host which did not answer is left alone by commands that ask about all runs.
pub const UNREACHABLE_REST: SignedDuration = SignedDuration::from_mins(1);
/// Times that an engine is asked again for the end of a run that has written its last record, and the pause between two.
pub const ENDING_LOOKS: u32 = 50;
/// See [`ENDING_LOOKS`].
pub const ENDING_PAUSE: Duration = Duration::from_millis(100);
/// Time between two looks at a run elsewhere that is waited for: the first, and the most.
pub const REMOTE_LOOK: (Duration, Duration) = (Duration::from_millis(300), Duration::from_secs(5));

/// Bytes of a line of a program's output at a terminal that are held until its end is there.
pub const LOG_LINE: usize = 64 << 10;
/// Time between two looks at the size of the terminal while a program writes to it.
pub const WINDOW_SIZE_LOOK: Duration = Duration::from_millis(200);
/// Bytes of a script's output that are passed on at once.
pub const STREAM_CHUNK: usize = 16 << 10;
/// The time in which what a script has written comes out of a pipe or a terminal.
pub const STREAM_PAUSE: Duration = Duration::from_millis(20);
/// The number of times that azml waits for that before a script that was stopped is suspended with azml.
pub const STREAM_TURNS: usize = 50;

/// Files and folders that differ between two snapshots which are compared.
pub const COMPARED_ENTRIES: usize = 400_000;
/// Bytes of the paths of all of them.
pub const COMPARED_PATHS: usize = 128 << 20;
/// Bytes of a file whose lines are compared.
pub const COMPARED_FILE: u64 = 4_000_000;
/// Bytes of all files whose lines are compared with each other.
pub const COMPARED_BYTES: u64 = 256 << 20;
/// Time that comparing lines may take; the files after that are only named.
pub const COMPARED_TIME: Duration = Duration::from_secs(20);

/// Time that the head and the body of a request may take, each.
pub const LOOPBACK_REQUEST: Duration = Duration::from_secs(15);
/// Time that the end of a server waits for work that is under way.
pub const LOOPBACK_FINISH: Duration = Duration::from_secs(5);
/// Bytes of a request's head, and of a part of a file that is sent.
pub const LOOPBACK_BUFFER: usize = 64 << 10;
/// Connections to the tracking server of a run at once: each process that logs keeps some.
pub const MLFLOW_CONNECTIONS: usize = 256;
/// Bytes of a request to it.
pub const MLFLOW_BODY: usize = 8 << 20;
/// Bytes of all that a run tells it beside metrics.
pub const MLFLOW_JOURNAL: u64 = 256 << 20;
/// Files of points that are open at once.
pub const MLFLOW_OPEN_FILES: usize = 64;
/// Runs of one azml run.
pub const MLFLOW_RUNS: usize = 10_000;
/// Models, data sets or registered models of one run.
pub const MLFLOW_MODELS: usize = 10_000;
/// Bytes of a key; as MLflow has it.
pub const MLFLOW_KEY: usize = 250;
/// Bytes of the value of a parameter or tag; MLflow cuts them off at 6,000 and 8,000 letters.
pub const MLFLOW_VALUE: usize = 64 << 10;
/// Bytes of the name of an experiment.
pub const MLFLOW_NAME: usize = 500;
/// Values of one batch, and its parameters or tags; as MLflow has it.
pub const MLFLOW_BATCH: usize = 1000;
/// See [`MLFLOW_BATCH`].
pub const MLFLOW_BATCH_PAIRS: usize = 100;
/// Runs that one search gives.
pub const MLFLOW_SEARCH: usize = 50_000;
/// Points of a metric that one answer has.
pub const MLFLOW_HISTORY: usize = 25_000;
/// Points of one run among which a curve is sampled.
pub const MLFLOW_CURVE: usize = 4_000_000;
/// Points of one run that a sampled curve has; as MLflow has it.
pub const MLFLOW_INTERVAL: usize = 2_500;
/// Runs whose curves are asked for at once; as MLflow has it.
pub const MLFLOW_INTERVAL_RUNS: usize = 100;
/// Connections that the Workbench serves at once; a browser opens six.
pub const WORKBENCH_CONNECTIONS: usize = 64;
/// Bytes of a form.
pub const WORKBENCH_FORM: usize = 64 << 10;
/// Bytes of a snapshot's file that the Workbench holds in memory to send it; a larger one goes by way of a file.
pub const WORKBENCH_IN_MEMORY: u64 = 4 << 20;
/// Runs that the charts of many runs draw.
pub const CHARTED_RUNS: usize = 500;
/// Axes of parallel coordinates.
pub const CHARTED_COLUMNS: usize = 12;
/// Columns that charts offer to choose from.
pub const CHART_COLUMNS: usize = 200;
/// Different texts that an axis or a legend tells apart; it draws the rest as one.
pub const CHARTED_TEXTS: usize = 12;

/// Time between two looks at a folder whose changes the system does not tell, at least.
pub const WATCH_POLL: Duration = Duration::from_secs(2);
/// Such a look may take this share of the time: one part of so many.
pub const WATCH_POLL_SHARE: u32 = 20;
/// Times the wanted quiet after which a snapshot is taken though changes go on.
pub const WATCH_DEBOUNCES: u32 = 15;
/// Changes that wait to be looked at; the system keeps more, and tells when it has lost some.
pub const WATCH_EVENTS: usize = 4096;
/// Paths of which it is kept whether their changes are of any interest.
pub const WATCH_PATHS: usize = 10_000;
/// Changed paths that one line about a snapshot names.
pub const WATCH_NAMED: usize = 20;

/// Runs of a store of MLflow's that is read, and its experiments.
pub const MLFLOW_STORE_RUNS: usize = 1_000_000;
/// Bytes of a description of a run or an experiment in a store.
pub const MLFLOW_META: u64 = 1 << 20;
/// Parameters, tags or metrics of one run of a store; as many data sets and models.
pub const MLFLOW_STORE_VALUES: usize = 20_000;
/// Bytes of a line of a store's file of points.
pub const MLFLOW_POINT: u64 = 4 << 10;
/// Artifacts of one run of a store.
pub const MLFLOW_ARTIFACTS: usize = 100_000;
/// Folders in each other among a run's artifacts.
pub const MLFLOW_ARTIFACT_DEPTH: usize = 64;
/// Things that could not be taken from a store or put into one, and are told one by one.
pub const MLFLOW_REFUSED: usize = 20;
/// Runs that are imported by one commit.
pub const MLFLOW_BATCH_RUNS: usize = 500;
/// Bytes of points that wait to be written into the files of a store.
pub const MLFLOW_UNWRITTEN: usize = 8 << 20;
/// Bytes of a row of a store's database.
pub const MLFLOW_ROW: i32 = 4 << 20;
/// Bytes of an answer of a tracking server.
pub const MLFLOW_ANSWER: u64 = 64 << 20;
/// Runs or points that one answer of a tracking server is asked for.
pub const MLFLOW_PAGE: usize = 1000;
/// Characters of a parameter that a tracking server takes, and of a tag.
pub const MLFLOW_PARAM_TEXT: usize = 6000;
/// See [`MLFLOW_PARAM_TEXT`].
pub const MLFLOW_TAG_TEXT: usize = 8000;
