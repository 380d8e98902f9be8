"""Fills a store as scripts do, prints all that a client reads from one, or serves one: moving.py fill|report|serve URI."""
import json, os, socket, subprocess, sys, tempfile, time, urllib.request

os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
import mlflow
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag, ViewType

what, uri = sys.argv[1:]
mlflow.set_tracking_uri(uri)
client = MlflowClient()


def fill():
    demo = client.create_experiment("demo")
    client.set_experiment_tag(demo, "team", "a")
    mlflow.set_experiment("demo")
    with mlflow.start_run(run_name="first", description="a note", tags={"kind": "baseline"}) as run:
        first = run.info.run_id
        mlflow.log_params({"depth": 3, "lr": 0.1, "kernel": "größe", "a/b": "nested", "none": ""})
        for step in range(5):
            mlflow.log_metric("loss", 1 / (step + 1), step=step)
        mlflow.log_metric("loss", 7, step=2)
        mlflow.log_metrics({"nan": float("nan"), "inf": float("inf"), "val/acc": 0.5, "tiny": 5e-324, "-inf": -float("inf")})
        with tempfile.TemporaryDirectory() as folder:
            for name in ["a 1 ü.txt", "empty"]:
                with open(f"{folder}/{name}", "w") as file:
                    file.write("hello" if name != "empty" else "")
            mlflow.log_artifacts(folder, "notes")
        data = Dataset("iris", "abc123", "local", '{"uri": "x.csv"}', schema="{}", profile='{"rows": 150}')
        client.log_inputs(first, [DatasetInput(data, [InputTag("mlflow.data.context", "train")])])
        with mlflow.start_run(run_name="child", nested=True):
            mlflow.log_metric("loss", 4.0)
    for name, status in [("yes", "FAILED"), ("2020-01-01", "KILLED"), ("unended", "RUNNING"), ("trashed", "FINISHED")]:
        run = client.create_run("0", run_name=name, tags={"mlflow.source.git.commit": "1" * 40}).info.run_id
        client.log_batch(run, [Metric("m", 1.5, 1000, -3)], [Param("p", "two\nlines")], [RunTag("t", "null")])
        if status != "RUNNING":
            client.set_terminated(run, status, end_time=1_900_000_000_000)
        if name == "trashed":
            client.delete_run(run)


def files(run, path=None):
    found = {}
    for file in client.list_artifacts(run, path):
        if file.is_dir:
            found.update(files(run, file.path))
        else:
            with open(client.download_artifacts(run, file.path)) as opened:
                found[file.path] = opened.read()
    return found


def report():
    experiments = client.search_experiments(view_type=ViewType.ALL)
    all = {}
    for experiment in experiments:
        for run in client.search_runs([experiment.experiment_id], run_view_type=ViewType.ALL, max_results=1000):
            id = run.info.run_id
            points = {key: sorted([p.timestamp, p.step, str(p.value)] for p in client.get_metric_history(id, key)) for key in run.data.metrics}
            inputs = [[dict(i.dataset), {tag.key: tag.value for tag in i.tags}] for i in run.inputs.dataset_inputs]
            all[id] = dict(
                name=run.info.run_name, status=run.info.status, user=run.info.user_id, start=run.info.start_time,
                end=run.info.end_time, stage=run.info.lifecycle_stage, params=run.data.params, tags=run.data.tags,
                metrics={key: str(value) for key, value in run.data.metrics.items()}, points=points, inputs=inputs,
                files=files(id), experiment=[experiment.name, experiment.tags],
            )
    print(json.dumps(all))


def serve():
    """Prints the address when the server answers; ends it when standard input ends."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", uri, "--port", str(port), "--workers", "1"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    address = f"http://127.0.0.1:{port}"
    try:
        while server.poll() is None:
            try:
                urllib.request.urlopen(address + "/health").read()
                break
            except OSError:
                time.sleep(0.2)
        print(address, flush=True)
        sys.stdin.read()
    finally:
        os.killpg(server.pid, 15)


{"fill": fill, "report": report, "serve": serve}[what]()
