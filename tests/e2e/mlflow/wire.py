"""The tracking API without a client of MLflow's: what is served, and what is refused."""
import json
import os
import socket
import sys
import urllib.error
import urllib.request

BASE = os.environ["MLFLOW_TRACKING_URI"]
HOST = BASE.split("/")[2]
RUN = os.environ["AZML_RUN_ID"]


def ask(method, path, body=None, base=BASE, headers={}):
    data = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
    request = urllib.request.Request(base + path, data=data, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def post(path, **body):
    return ask("POST", "/api/2.0/mlflow/" + path, body)


def refused(answer, status, code):
    assert answer[0] == status and answer[1]["error_code"] == code and answer[1]["message"], answer


def main():
    root = "http://" + HOST
    for base in [root, root + "/" + 32 * "0", BASE[:-1]]:
        refused(ask("GET", "/api/2.0/mlflow/runs/get?run_id=" + RUN, base=base), 401, "UNAUTHENTICATED")
    refused(ask("GET", "/api/2.0/mlflow/runs/get?run_id=" + RUN, headers={"Host": "evil.example:80"}), 401, "UNAUTHENTICATED")
    refused(ask("GET", "/api/2.0/mlflow/nothing"), 404, "ENDPOINT_NOT_FOUND")
    refused(ask("GET", "/api/3.0/mlflow/server-info"), 404, "ENDPOINT_NOT_FOUND")
    refused(ask("GET", "/api/2.0/mlflow/runs/get?run_id=other_1"), 404, "RESOURCE_DOES_NOT_EXIST")
    refused(post("runs/log-metric", run_id="other_1", key="a", value=1), 404, "RESOURCE_DOES_NOT_EXIST")
    refused(ask("POST", "/api/2.0/mlflow/runs/log-metric", b"[1,"), 400, "INVALID_PARAMETER_VALUE")
    for key in ["a'b", "../up", "a//b", "", "x" * 251, "a\nb", "a/./b"]:
        refused(post("runs/log-metric", run_id=RUN, key=key, value=1), 400, "INVALID_PARAMETER_VALUE")
    for value in ["much", None, [], {}]:
        refused(post("runs/log-metric", run_id=RUN, key="a", value=value), 400, "INVALID_PARAMETER_VALUE")
    metrics = [{"key": "m", "value": 1, "timestamp": 1, "step": n} for n in range(1001)]
    refused(post("runs/log-batch", run_id=RUN, metrics=metrics), 400, "INVALID_PARAMETER_VALUE")
    refused(post("runs/log-parameter", run_id=RUN, key="long", value="x" * 70000), 400, "INVALID_PARAMETER_VALUE")
    refused(post("runs/search", experiment_ids=["0"], filter="metrics.a > 1 OR metrics.b > 1"), 400, "INVALID_PARAMETER_VALUE")
    refused(post("runs/search", experiment_ids=["0"], max_results=50001), 400, "INVALID_PARAMETER_VALUE")
    refused(ask("GET", "/api/2.0/mlflow/logged-models/m-0"), 404, "RESOURCE_DOES_NOT_EXIST")
    refused(ask("GET", "/api/2.0/mlflow-artifacts/artifacts/../../etc/passwd"), 404, "ENDPOINT_NOT_FOUND")

    # A batch is written whole or not at all.
    params = [{"key": "p", "value": "1"}, {"key": "p", "value": "2"}]
    refused(post("runs/log-batch", run_id=RUN, params=params, metrics=metrics[:1]), 400, "INVALID_PARAMETER_VALUE")
    status, got = ask("GET", "/api/2.0/mlflow/runs/get?run_id=" + RUN)
    assert status == 200 and got["run"]["data"]["params"] == [] and got["run"]["data"]["metrics"] == [], got

    # A body that is longer than any is refused by its head; nobody reads it.
    with socket.create_connection(tuple(HOST.split(":"))) as line:
        prefix = BASE.split(HOST)[1]
        head = "POST %s/api/2.0/mlflow/runs/log-batch HTTP/1.1\r\nHost: %s\r\nContent-Length: 1000000000\r\n\r\n"
        line.sendall((head % (prefix, HOST)).encode())
        assert line.recv(100).startswith(b"HTTP/1.1 413"), "the length is refused"

    # Numbers as text, as the Java client writes them; what JSON lacks.
    for value in [0.5, "NaN", "-Infinity"]:
        assert post("runs/log-metric", run_uuid=RUN, key="m", value=value, timestamp="5", step="3") == (200, {})
    for name in ["run_id", "properties", "parameters"]:
        assert post("runs/log-metric", run_id=RUN, key=name, value=1, timestamp=5) == (200, {})
    status, page = ask("GET", "/api/2.0/mlflow/metrics/get-history?run_id=%s&metric_key=m&max_results=2" % RUN)
    assert [point["value"] for point in page["metrics"]] == [0.5, "NaN"], page
    rest = "/api/2.0/mlflow/metrics/get-history?run_id=%s&metric_key=m&max_results=2&page_token=%s"
    status, page = ask("GET", rest % (RUN, page["next_page_token"]))
    assert [point["value"] for point in page["metrics"]] == ["-Infinity"] and "next_page_token" not in page, page

    # A model's name is no path.
    status, made = post("logged-models", experiment_id="0", name="../../up", source_run_id=RUN)
    assert status == 200 and made["model"]["info"]["artifact_uri"].endswith("/outputs/models/______up"), made
    again = post("logged-models", experiment_id="0", name="../../up")[1]["model"]["info"]
    assert again["artifact_uri"] != made["model"]["info"]["artifact_uri"], again

    # Many runs, in one record each.
    for number in range(int(sys.argv[1])):
        status, made = post("runs/create", experiment_id="0", user_id="me", start_time=number, tags=[])
        assert status == 200, made
        assert post("runs/log-batch", run_id=made["run"]["info"]["run_id"], metrics=metrics[:1])[0] == 200
    print("ended well")


main()
