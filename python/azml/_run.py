"""Writes metrics, parameters, tags and files of the run that this process is part of."""

import json
import math
import os
import shutil
import time
import warnings

METRICS_FILE = "AZML_METRICS_FILE"
ATTACHMENTS = "AZML_ATTACHMENTS_DIR"


def log_metric(name, value, step=None):
    """Logs a value under a name. All values make the curve of the metric; the last one is its value in lists.

    A value is a number, a text, a list or a dictionary; numpy and pandas values are converted. ``step`` is the position on
    the curve, for example the epoch; without it, values are numbered as they come.
    """
    line = {"name": str(name), "value": plain(value)}
    if step is not None:
        line["step"] = int(step)
    line["time"] = int(time.time() * 1000)
    append(line, "the metric %a" % (str(name),))


def log_metrics(values, step=None):
    """Logs each entry of a dictionary as a metric."""
    for name, value in values.items():
        log_metric(name, value, step)


def log_param(name, value):
    """Records a parameter: an input of the run, such as the learning rate. The last value of a name counts."""
    append({"kind": "parameter", "name": str(name), "value": as_text(value)}, "the parameter %a" % (str(name),))


def log_params(values):
    """Records each entry of a dictionary as a parameter."""
    for name, value in values.items():
        log_param(name, value)


def set_tag(name, value):
    """Sets a tag of the run: a text that describes it. The last value of a name counts."""
    append({"kind": "tag", "name": str(name), "value": as_text(value)}, "the tag %a" % (str(name),))


def set_tags(values):
    """Sets each entry of a dictionary as a tag."""
    for name, value in values.items():
        set_tag(name, value)


def log_artifact(path, name=None):
    """Adds a file, or a folder with all its files, to the run.

    ``name`` is the path in the run; without it, the last part of ``path``. Raises ``OSError`` if the file can't be read.
    """
    path = os.fspath(path)
    target = attachment(name or os.path.basename(os.path.abspath(path)))
    if target is None:
        return
    if os.path.isdir(path):
        shutil.copytree(path, target, dirs_exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copyfile(path, target)


def log_text(content, name):
    """Adds a file with this content (text or bytes) to the run, at the path ``name``."""
    target = attachment(name)
    if target is None:
        return
    os.makedirs(os.path.dirname(target), exist_ok=True)
    with open(target, "wb") as out:
        out.write(content if isinstance(content, bytes) else str(content).encode("utf-8"))


def attachment(name):
    """Returns the path of a file of the run; None outside a run. Raises ``ValueError`` for a path that leaves the run."""
    folder = os.environ.get(ATTACHMENTS)
    if not folder:
        return None
    root = os.path.realpath(folder)
    target = os.path.realpath(os.path.join(root, str(name)))
    if not target.startswith(root + os.sep):
        raise ValueError("the path leaves the run's folder: %r" % (name,))
    return target


def append(line, what):
    """Appends one JSON line to the file of the run; warns if JSON can't represent it."""
    path = os.environ.get(METRICS_FILE)
    if not path:
        return
    try:
        data = (json.dumps(line, ensure_ascii=False) + "\n").encode("utf-8")
    except UnicodeEncodeError:
        # A lone surrogate, as in file names that are not UTF-8 (os.fsdecode).
        warnings.warn(
            "%s is not logged: its name or value holds bytes that are no text (a lone surrogate)" % what,
            stacklevel=3,
        )
        return
    # Processes and threads of one run may log at the same time: a line is one write to a file opened for appending.
    fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        os.write(fd, data)
    finally:
        os.close(fd)


def as_text(value):
    """Returns the text of a parameter or tag."""
    value = plain(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def plain(value):
    """Converts a value to what JSON can represent. NaN and the infinities become texts."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        if math.isnan(value):
            return "NaN"
        if math.isinf(value):
            return "Infinity" if value > 0 else "-Infinity"
        return float(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset, range)):
        return [plain(item) for item in value]
    for convert in ("to_dict", "tolist", "item"):
        if hasattr(value, convert):
            return plain(getattr(value, convert)())
    return str(value)
