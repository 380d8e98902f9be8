"""The cell magic ``%%azml_run``: the execution of a notebook cell as a run.

The cell runs in the notebook's own kernel, so that it sees the notebook's variables and leaves its own. Meanwhile azml runs
`azml._session`, which stands for the cell: azml takes the snapshot, gives it the environment of a run, and records output,
exit code and duration. The text of the cell is kept with the run as ``cell.py``.
"""

import contextlib
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import tempfile

from IPython.core.error import UsageError
from IPython.core.magic import Magics, cell_magic, magics_class

from . import _run
from ._history import AzmlError, program
from ._session import SESSION

POLL_SECONDS = 0.1


@magics_class
class AzmlMagics(Magics):
    """The magics that ``%load_ext azml`` adds."""

    @cell_magic
    def azml_run(self, line, cell):
        """%%azml_run [OPTIONS]: runs the cell as a run of the project in the current folder.

        The options are those of ``azml run``, for example ``--name baseline --tag kind=notebook``.
        """
        try:
            session = _Session(shlex.split(line))
        except AzmlError as error:
            # Shown without a traceback: nothing is wrong with the cell.
            raise UsageError(str(error)) from None
        with session:
            _run.log_text(cell, "cell.py")
            with session.echo("stdout"), session.echo("stderr"):
                result = self.shell.run_cell(cell)
            session.end(result.error_before_exec or result.error_in_exec)
        print("RunId: " + session.run_id)


class _Session:
    """One run of azml around code in this process. Until its end, the environment is that of the run."""

    def __init__(self, options):
        """Starts azml and waits for the run; raises `AzmlError` if there is none."""
        self.cleanup = contextlib.ExitStack()
        try:
            self._start(options)
        except BaseException:
            self.cleanup.close()
            raise

    def _start(self, options):
        folder = self.cleanup.enter_context(tempfile.TemporaryDirectory(prefix="azml-"))
        address = os.path.join(folder, "kernel")
        listener = self.cleanup.enter_context(socket.socket(socket.AF_UNIX))
        listener.bind(address)
        listener.listen(1)
        listener.settimeout(POLL_SECONDS)
        package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        search_path = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
        errors = self.cleanup.enter_context(tempfile.TemporaryFile())
        command = [program(), "run", "--in-place"] + options
        command += ["--", sys.executable, "-m", "azml._session"]
        try:
            # A session of its own: an interrupt of the kernel is for the cell, which then cancels the run.
            self.process = subprocess.Popen(
                command,
                env=dict(os.environ, PYTHONPATH=search_path, **{SESSION: address}),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                start_new_session=True,
            )
        except FileNotFoundError:
            raise AzmlError("the program azml is not on the PATH; install it, or set AZML_PROGRAM to its path") from None
        self.cleanup.callback(self.process.wait)
        connection = self._accept(listener, errors)
        self.stream = self.cleanup.enter_context(
            connection.makefile("rw", encoding="utf-8", errors="surrogateescape")
        )
        connection.close()
        variables = json.loads(self.stream.readline() or "{}")
        self.run_id = variables.get("AZML_RUN_ID")
        before = dict(os.environ)
        self.cleanup.callback(_restore_environment, before)
        os.environ.update(variables)

    def _accept(self, listener, errors):
        """Waits for the command of the run; raises `AzmlError` with azml's message if azml ends before it."""
        while True:
            try:
                return listener.accept()[0]
            except socket.timeout:
                if self.process.poll() is not None:
                    errors.seek(0)
                    raise AzmlError(errors.read().decode("utf-8", "replace").strip()) from None

    def send(self, **message):
        self.stream.write(json.dumps(message) + "\n")
        self.stream.flush()

    @contextlib.contextmanager
    def echo(self, name):
        """Copies what is written to ``sys.stdout`` or ``sys.stderr`` into the log of the run."""
        before = getattr(sys, name)
        setattr(sys, name, _Tee(before, lambda text: self.send(stream=name, text=text)))
        try:
            yield
        finally:
            setattr(sys, name, before)

    def end(self, error):
        """Ends the run: completed, failed, or canceled by an interrupt."""
        _end_mlflow_run()
        if isinstance(error, KeyboardInterrupt):
            self.process.send_signal(signal.SIGINT)
        else:
            if error is not None:
                self.send(stream="stderr", text="%s: %s\n" % (type(error).__name__, error))
            self.send(exit=0 if error is None else 1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.cleanup.close()


class _Tee:
    """A text stream that also passes what is written to a function."""

    def __init__(self, stream, also):
        self._stream, self._also = stream, also

    def write(self, text):
        self._also(text)
        return self._stream.write(text)

    def writelines(self, lines):
        for line in lines:
            self.write(line)

    def __getattr__(self, name):
        return getattr(self._stream, name)


def _end_mlflow_run():
    """Ends the active run of MLflow: it belongs to this run's server, which ends with the run."""
    mlflow = sys.modules.get("mlflow")
    if mlflow is not None and mlflow.active_run() is not None:
        mlflow.end_run()


def _restore_environment(before):
    for name in set(os.environ) - set(before):
        del os.environ[name]
    os.environ.update(before)
