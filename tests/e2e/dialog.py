"""Runs a command at a terminal of its own: waits for texts, types answers, prints all that was shown.

Arguments: a JSON list of pairs [text to wait for, keys to type then], and the command. In place of keys, `hang up` closes
the terminal. Ends with the command's exit code; with 99 if a text does not come.
"""

import json
import os
import pty
import select
import sys
import time

steps, command = json.loads(sys.argv[1]), sys.argv[2:]
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(command[0], command)

shown, seen = b"", 0


def more(end):
    """Reads what is shown next; false at the end, or when it takes too long."""
    global shown
    left = end - time.monotonic()
    if left <= 0 or not select.select([terminal], [], [], left)[0]:
        return False
    try:
        read = os.read(terminal, 65536)
    except OSError:
        return False
    shown += read
    return bool(read)


def finish(code):
    sys.stdout.buffer.write(shown)
    sys.stdout.flush()
    os._exit(code)


for text, keys in steps:
    end = time.monotonic() + 60
    while shown.find(text.encode(), seen) < 0:
        if not more(end):
            sys.stderr.write(f"{text!r} did not come\n")
            finish(99)
    seen = shown.find(text.encode(), seen) + len(text.encode())
    if keys == "hang up":
        os.close(terminal)
        finish(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    os.write(terminal, keys.encode())

end = time.monotonic() + 60
while more(end):
    pass
if time.monotonic() >= end:
    sys.stderr.write("it does not end\n")
    finish(99)
finish(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
