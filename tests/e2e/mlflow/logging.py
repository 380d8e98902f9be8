"""Logs in every way that needs no other library, with an unmodified client."""
import math
import os

import mlflow

mlflow.set_experiment("demo")
with mlflow.start_run(run_name="first", description="a note") as run:
    mlflow.log_param("depth", 3)
    mlflow.log_params({"lr": 0.1, "kernel": "größe"})
    for step in range(5):
        mlflow.log_metric("loss", 1.0 / (step + 1), step=step)
    mlflow.log_metrics({"acc": 0.9, "nan": float("nan"), "inf": math.inf, "status": 7})
    mlflow.set_tags({"kind": "baseline", "gone": "soon"})
    mlflow.delete_tag("gone")
    mlflow.log_text("hello", "notes/a #1 ü.txt")
    mlflow.log_dict({"a": 1}, "d.json")
    with mlflow.start_run(run_name="child", nested=True) as child:
        mlflow.log_params({"depth": 5})
        mlflow.log_metric("loss", 5.0)
        mlflow.log_metric("loss", 4.0, step=1)
        mlflow.log_text("of the child", "c.txt")
    try:
        mlflow.log_param("depth", 4)
        raise SystemExit("another value was taken")
    except mlflow.exceptions.MlflowException as error:
        assert "Changing param values is not allowed" in str(error), error

client = mlflow.MlflowClient()
got = client.get_run(run.info.run_id)
assert got.info.run_id == os.environ["AZML_RUN_ID"], got.info
assert got.info.run_name == "first" and got.info.status == "FINISHED", got.info
assert got.data.params == {"depth": "3", "lr": "0.1", "kernel": "größe"}, got.data.params
assert math.isnan(got.data.metrics["nan"]) and got.data.metrics["inf"] == math.inf, got.data.metrics
assert got.data.metrics["loss"] == 0.2, got.data.metrics
points = client.get_metric_history(run.info.run_id, "loss")
assert [(point.step, point.value) for point in points][:2] == [(0, 1.0), (1, 0.5)], points

found = client.search_runs(["0"], "metrics.loss < 4.5 and params.depth = '3'")
assert [run.info.run_name for run in found] == ["first"], found
found = client.search_runs(["0"], "", order_by=["metrics.loss DESC"], max_results=1)
assert [run.info.run_name for run in found] == ["child"] and found.token, found
assert mlflow.artifacts.load_dict(run.info.artifact_uri + "/d.json") == {"a": 1}
names = [file.path for file in client.list_artifacts(child.info.run_id)]
assert names == ["c.txt"], names

unended = client.create_run("0", tags={"mlflow.parentRunId": run.info.run_id}, run_name="unended")
client.log_metric(unended.info.run_id, "loss", 1.0)
trashed = client.create_run("0", run_name="trashed")
client.set_terminated(trashed.info.run_id, "FAILED")
client.delete_run(trashed.info.run_id)
print("logged with", mlflow.__version__)
