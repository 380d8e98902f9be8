"""Logging of metrics and files to the run that the script is part of, as the Workbench's scripts do it.

    from azureml.logging import get_azureml_logger
    log = get_azureml_logger()
    log.log("Accuracy", 0.97)
    log.upload("outputs/note.txt", "some text")

Outside a run both do nothing, so that a script also works on its own.
"""

from azml import log_metric, log_text

__all__ = ["get_azureml_logger"]


class _Done:
    """The result of `log`: the value is written already."""

    def wait(self, timeout=None):
        return self


class _Logger:
    def log(self, name, value):
        """Logs a number, a text or a list under a name; the last value of a name counts."""
        log_metric(name, value)
        return _Done()

    def upload(self, path, content):
        """Adds a file with this content (text or bytes) to the run."""
        log_text(content, path)
        return _Done()


_logger = _Logger()


def get_azureml_logger():
    """The logger of this run."""
    return _logger
