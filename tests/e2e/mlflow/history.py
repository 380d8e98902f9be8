"""Reads the history by azml's server, as a notebook does; gets the name of an experiment and the run's id."""
import os
import sys

import mlflow

experiment, run_id = sys.argv[1:3]
client = mlflow.MlflowClient()
names = [found.name for found in client.search_experiments()]
assert experiment in names and names[-1 if names[0] == experiment else 0] == "iris", names
assert client.get_experiment("0").name == "iris", client.get_experiment("0")
found = client.get_experiment_by_name(experiment)
assert found.experiment_id not in ("", "0") and client.get_experiment_by_name("no such") is None

runs = mlflow.search_runs(experiment_names=[experiment], output_format="list")
assert run_id in [run.info.run_id for run in runs], runs
everything = mlflow.search_runs(search_all_experiments=True, output_format="list")
assert len(everything) > len(runs), everything
plain = mlflow.search_runs(["0"], "params.rate = '0.5'", output_format="list")
assert len(plain) == 1 and plain[0].data.metrics["accuracy"] == 0.75, plain
by_start = [run.info.start_time for run in everything]
assert by_start == sorted(by_start, reverse=True), by_start

try:
    import pandas
except ImportError:
    pandas = None
if pandas:
    frame = mlflow.search_runs(search_all_experiments=True)
    assert len(frame) == len(everything) and "metrics.accuracy" in frame.columns, frame

first = client.get_run(run_id)
assert first.info.status == "FINISHED" and first.data.tags["mlflow.source.git.commit"], first
children = client.search_runs([found.experiment_id], "tags.mlflow.parentRunId = '%s'" % run_id)
assert children, "the nested runs"
page = client.search_runs([found.experiment_id], max_results=1)
assert len(page) == 1 and page.token, page
assert client.search_runs([found.experiment_id], max_results=1, page_token=page.token)[0].info.run_id != page[0].info.run_id

for write in [
    lambda: client.log_metric(run_id, "loss", 1.0),
    lambda: client.set_tag(run_id, "a", "b"),
    lambda: client.create_experiment("new"),
    lambda: client.create_run("0"),
    lambda: client.delete_run(run_id),
    lambda: client.log_text(run_id, "text", "a.txt"),
]:
    try:
        write()
    except Exception as error:
        assert "PERMISSION_DENIED" in str(error) and "azml" in str(error), error
    else:
        raise SystemExit("the history was written to")
print("read with", mlflow.__version__)
