"""Stands for a notebook in a run: the command that azml runs while the kernel executes a cell (see `_notebook`).

It sends the environment of the run to the kernel, prints what the cell prints, and ends as the cell ends. The kernel's
socket is named by ``AZML_SESSION``. Each message is one line of JSON.
"""

import json
import os
import socket
import sys

SESSION = "AZML_SESSION"
PREFIXES = ("AZML_", "AZUREML_", "MLFLOW_", "NO_PROXY", "no_proxy")


def main():
    """Serves one kernel; returns the exit code of the run."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(os.environ[SESSION])
        variables = {name: value for name, value in os.environ.items() if name.startswith(PREFIXES)}
        del variables[SESSION]
        stream = connection.makefile("rw", encoding="utf-8", errors="surrogateescape")
        stream.write(json.dumps(variables) + "\n")
        stream.flush()
        for line in stream:
            message = json.loads(line)
            if "exit" in message:
                return message["exit"]
            out = sys.stderr if message["stream"] == "stderr" else sys.stdout
            out.write(message["text"])
            out.flush()
    print("the notebook's kernel ended before the cell", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
