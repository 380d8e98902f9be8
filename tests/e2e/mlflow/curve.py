"""Logs so many points of one curve by azml's package, and of another by MLflow's API, a thousand at once.

Prints by how many KB azml's memory has grown meanwhile.
"""
import json
import os
import re
import sys
import urllib.request

import azml

BASE, RUN, POINTS = os.environ["MLFLOW_TRACKING_URI"], os.environ["AZML_RUN_ID"], int(sys.argv[1])


def peak():
    with open("/proc/%d/status" % os.getppid()) as status:
        return int(re.search(r"VmHWM:\s*(\d+)", status.read())[1])


before = peak()
for step in range(POINTS):
    azml.log_metric("own", 7777 if step == POINTS // 3 else step % 5, step=step)
for first in range(0, POINTS, 1000):
    metrics = [{"key": "loss", "value": 1 / (step + 1), "timestamp": step, "step": step} for step in range(first, first + 1000)]
    body = json.dumps({"run_id": RUN, "metrics": metrics}).encode()
    urllib.request.urlopen(urllib.request.Request(BASE + "/api/2.0/mlflow/runs/log-batch", data=body, method="POST")).read()
print("grown by", peak() - before, "KB", flush=True)
