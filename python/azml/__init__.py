"""Records what a run does, and reads the run history of a project.

    import azml

    azml.log_param("alpha", 0.1)
    azml.log_metric("accuracy", 0.97, step=3)
    azml.log_artifact("model.pkl")
    azml.run_id                          # the id of this run; None outside a run

    for run in azml.runs():              # the runs of this project, newest first
        print(run["run_id"], run.get("accuracy"))

Outside a run the ``log_`` functions do nothing, so that a script also works on its own. In Jupyter, ``%load_ext azml``
adds the cell magic ``%%azml_run``, which records the execution of a cell as a run.

azml puts this package on the path of every run. It needs the standard library alone.
"""

from ._history import AzmlError, runs
from ._run import (
    log_artifact,
    log_metric,
    log_metrics,
    log_param,
    log_params,
    log_text,
    set_tag,
    set_tags,
)

__all__ = [
    "AzmlError",
    "log_artifact",
    "log_metric",
    "log_metrics",
    "log_param",
    "log_params",
    "log_text",
    "run_id",
    "runs",
    "set_tag",
    "set_tags",
]


def __getattr__(name):
    # The notebook magic begins and ends runs in one process, so the id is read when it is asked for.
    if name == "run_id":
        import os

        return os.environ.get("AZML_RUN_ID")
    raise AttributeError("module 'azml' has no attribute %r" % (name,))


def load_ipython_extension(ipython):
    """Adds ``%%azml_run`` to IPython (``%load_ext azml``)."""
    from ._notebook import AzmlMagics

    ipython.register_magics(AzmlMagics)
