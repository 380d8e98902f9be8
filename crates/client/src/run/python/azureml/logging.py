"""Logging of metrics and files to the run that the script is part of.

    from azureml.logging import get_azureml_logger
    log = get_azureml_logger()
    log.log("Accuracy", 0.97)
    log.upload("outputs/note.txt", "some text")

Outside a run both do nothing, so that a script also works on its own.
"""
from __future__ import absolute_import

import json
import math
import os
import threading
import warnings

__all__ = ["get_azureml_logger"]


class _Done(object):
    """What `log` gives back: the value is written already."""

    def wait(self, timeout=None):
        return self


def _plain(value):
    """A value as JSON can say it: numpy and pandas values become plain ones."""
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
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset, range)):
        return [_plain(item) for item in value]
    if hasattr(value, "to_dict"):
        return _plain(value.to_dict())
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if hasattr(value, "item"):
        return _plain(value.item())
    return str(value)


def _line(name, value):
    """The line of a value; None, with a warning, where JSON has no way to say it."""
    # What is no text: a half of a pair, as in names of files that are no UTF-8 (os.fsdecode).
    try:
        line = json.dumps({"name": str(name), "value": _plain(value)}, ensure_ascii=False) + "\n"
        return line.encode("utf-8")
    except UnicodeEncodeError:
        warnings.warn(
            "the metric %a is not logged: its name or value holds bytes that are no text (a lone surrogate)"
            % (str(name),),
            stacklevel=3,
        )
        return None


class _Logger(object):
    def __init__(self):
        self._metrics = os.environ.get("AZML_METRICS_FILE")
        self._attachments = os.environ.get("AZML_ATTACHMENTS_DIR")
        self._lock = threading.Lock()

    def log(self, name, value):
        """Logs a number, a text or a list under a name; the last value of a name counts."""
        if self._metrics:
            line = _line(name, value)
            if line is None:
                return _Done()
            with self._lock:
                # One write of one line: processes of one run may log at the same time.
                fd = os.open(self._metrics, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
                try:
                    os.write(fd, line)
                finally:
                    os.close(fd)
        return _Done()

    def upload(self, path, content):
        """Adds a file with this content (text or bytes) to the run."""
        if self._attachments:
            root = os.path.realpath(self._attachments)
            target = os.path.realpath(os.path.join(root, str(path)))
            if not target.startswith(root + os.sep):
                raise ValueError("the path leaves the run's folder: %r" % (path,))
            folder = os.path.dirname(target)
            if not os.path.isdir(folder):
                os.makedirs(folder)
            data = content if isinstance(content, bytes) else str(content).encode("utf-8")
            with open(target, "wb") as out:
                out.write(data)
        return _Done()


_logger = _Logger()


def get_azureml_logger():
    """The logger of this run."""
    return _logger
