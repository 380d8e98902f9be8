"""Reads the run history of a project through the program `azml`."""

import json
import os
import subprocess


class AzmlError(Exception):
    """`azml` could not do what was asked; the text is its message."""


def runs(project=None, last=None, pandas=False):
    """Returns the runs of a project, newest first, as dictionaries with the keys of ``azml history list -o json``.

    ``project`` is the project's folder (default: the current one), ``last`` bounds the number of runs. With
    ``pandas=True`` the result is a ``pandas.DataFrame`` with a row for each run. Raises `AzmlError` if azml fails.
    """
    arguments = ["history", "list", "-o", "json"]
    if project is not None:
        arguments += ["--path", os.fspath(project)]
    if last is not None:
        arguments += ["--last", str(int(last))]
    found = json.loads(azml(arguments) or "[]")
    if not pandas:
        return found
    from pandas import DataFrame

    return DataFrame(found)


def azml(arguments):
    """Runs the program and returns its output."""
    try:
        done = subprocess.run(
            [program()] + arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
    except FileNotFoundError:
        raise AzmlError(
            "the program azml is not on the PATH; install it, or set AZML_PROGRAM to its path"
        ) from None
    if done.returncode != 0:
        raise AzmlError(done.stderr.decode("utf-8", "replace").strip())
    return done.stdout.decode("utf-8")


def program():
    """Returns the name or path of the program azml."""
    return os.environ.get("AZML_PROGRAM", "azml")
