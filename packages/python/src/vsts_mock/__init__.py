"""Starts vsts-mock, an offline stand-in for Azure DevOps, and talks to it.

    with vsts_mock.start(seed={"users": [{"name": "alice", "tokens": [{"name": "ci"}]}]}) as server:
        print(server.url, server.token("alice", "ci"))

Needs nothing but the standard library and the program ``vsts-mock``, which the wheel brings.
"""

import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request
import uuid

__all__ = ["DEFAULT_SEED", "Refused", "Repo", "Server", "start"]

#: What a server begins with if no seed is given: alice owns the account acme and its project iris, bob may read it.
DEFAULT_SEED = {
    "users": [
        {"name": "alice", "email": "alice@example.com", "tokens": [{"name": "test"}]},
        {"name": "bob", "email": "bob@example.com", "tokens": [{"name": "test"}]},
    ],
    "accounts": [{"name": "acme", "owner": "alice", "projects": [{"name": "iris", "readers": ["bob"]}]}],
}


class Refused(Exception):
    """The server refused a request. ``status`` is the HTTP status, ``body`` the decoded answer."""

    def __init__(self, method, url, status, body):
        message = body.get("message") if isinstance(body, dict) else body
        super().__init__("%s %s: %s %s" % (method, url, status, message))
        self.status = status
        self.body = body


def start(seed=None, *, profile=None, intercept=False, data_dir=None, binary=None):
    """Starts a server on free ports of loopback and returns it once it answers.

    ``seed`` is a dictionary with the keys of a seed file (``vsts-mock init`` prints one), or the path of such a file.
    ``profile`` is ``permissive``, ``vsts`` or ``azure-devops``. With ``intercept``, ``Server.environment`` has the
    variables by which programs reach the server as ``dev.azure.com``. Without ``data_dir`` the state goes with the server.
    """
    seed = DEFAULT_SEED if seed is None else seed
    folder = None
    if isinstance(seed, dict):
        folder = tempfile.mkdtemp(prefix="vsts-mock-seed-")
        path = os.path.join(folder, "seed.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(seed, file)
    else:
        path = os.fspath(seed)
    command = [binary or find_binary(), "serve", "--config", path, "--http", "127.0.0.1:0", "--ssh", "127.0.0.1:0"]
    command += ["--https", "127.0.0.1:0"]
    command += ["--profile", profile] if profile else []
    command += ["--intercept"] if intercept else []
    command += ["--data-dir", os.fspath(data_dir)] if data_dir else []
    errors = tempfile.TemporaryFile()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors)
    line = process.stdout.readline()
    if folder:
        shutil.rmtree(folder, ignore_errors=True)
    if not line:
        process.wait()
        errors.seek(0)
        raise RuntimeError("vsts-mock did not start: " + errors.read().decode(errors="replace").strip())
    return Server(process, json.loads(line), errors)


def find_binary():
    """The program: ``VSTS_MOCK_BIN``, beside this Python (where a wheel puts it), or on the PATH."""
    named = os.environ.get("VSTS_MOCK_BIN")
    if named:
        return named
    beside = os.path.join(os.path.dirname(sys.executable), "vsts-mock")
    found = beside if os.access(beside, os.X_OK) else shutil.which("vsts-mock")
    if not found:
        raise FileNotFoundError("the program vsts-mock is not installed: pip install ./packages/python, or set VSTS_MOCK_BIN to it")
    return found


class Server:
    """A running server; a context manager that stops it."""

    def __init__(self, process, ready, errors):
        self._process = process
        self._errors = errors
        #: The ready line: addresses, host key, certificate authority, tokens.
        self.ready = ready
        #: ``http://127.0.0.1:PORT``, and the same for HTTPS and SSH.
        self.url, self.https_url, self.ssh_url = ready["http"], ready["https"], ready["ssh"]
        #: The certificate authority of HTTPS, as PEM.
        self.ca_pem = ready["ca_pem"]
        #: Variables for programs that shall reach the server as ``dev.azure.com``; empty without ``intercept``.
        self.environment = ready.get("environment", {})

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self.stop()

    def stop(self):
        """Stops the server."""
        self._process.terminate()
        self._process.wait()
        self._process.stdout.close()
        self._errors.close()

    @property
    def log(self):
        """What the server has logged so far."""
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace")

    def token(self, user, name="test"):
        """A token that the seed had generated."""
        return self.ready["tokens"][user][name]

    def reset(self):
        """Goes back to the seed: everything else is gone. Tokens without a value in the seed are new."""
        self.ready["tokens"] = self.admin("POST", "/reset")["tokens"]

    def snapshot(self, name):
        """Saves the whole state under a name, in the place of the one that has the name; gives its size and counts."""
        return self.admin("POST", "/snapshots/" + urllib.parse.quote(name, safe=""))

    def restore(self, name):
        """Goes back to a saved state, within milliseconds. The journal is empty then, and tokens are those of that state."""
        tokens = self.admin("POST", "/snapshots/%s/restore" % urllib.parse.quote(name, safe=""))["tokens"]
        self.ready["tokens"] = tokens

    def snapshots(self):
        """The saved states, by name."""
        return self.admin("GET", "/snapshots")["snapshots"]

    def remove_snapshot(self, name):
        """Removes a saved state."""
        self.admin("DELETE", "/snapshots/" + urllib.parse.quote(name, safe=""))

    def admin(self, method, path, body=None):
        """A request to the admin API, below ``/_mock``; the decoded answer."""
        return _send(method, self.url + "/_mock" + path, "Bearer " + self.ready["admin_token"], body)

    def journal(self, **query):
        """The requests and changes of refs so far, oldest first; ``unknown="true"`` for those that nothing answers."""
        query = "?" + urllib.parse.urlencode(query) if query else ""
        return self.admin("GET", "/journal" + query)["entries"]

    def deliveries(self):
        """The events that were sent to service hooks, oldest first, with each attempt."""
        return self.admin("GET", "/deliveries")["deliveries"]

    def fault(self, kind, **fields):
        """Makes some requests go wrong on purpose; gives the fault's number."""
        return self.admin("POST", "/faults", dict(fields, kind=kind))

    def move_clock(self, seconds):
        """Sets the server's clock so many seconds ahead, until the next reset: tokens expire."""
        return self.admin("PUT", "/clock", {"ahead": seconds})

    def rest(self, method, path, body=None, *, account="acme", user="alice", token=None):
        """A request to the REST API of an account, by a user of the seed; the decoded answer."""
        token = token or self.token(user)
        return _send(method, "%s/%s/%s" % (self.url, account, path.lstrip("/")), _basic(token), body)

    def repo(self, name=None, *, account="acme", project="iris", user="alice"):
        """Makes a repository, by default with a name of its own."""
        name = name or "repo-" + uuid.uuid4().hex[:8]
        made = self.rest("POST", project + "/_apis/git/repositories?api-version=4.1", {"name": name}, account=account, user=user)
        return Repo(self, account, project, made)


class Repo:
    """A repository on a server."""

    def __init__(self, server, account, project, made):
        self._server = server
        self.account, self.project = account, project
        self.id, self.name = made["id"], made["name"]
        path = "/%s/%s/_git/%s" % tuple(urllib.parse.quote(part, safe="") for part in (account, project, self.name))
        #: The address for Git, without credentials; and the one of the service, which needs ``intercept``.
        self.url, self.service_url = server.url + path, "https://dev.azure.com" + path

    def url_for(self, user="alice", base=None):
        """The address with a user's token in it."""
        scheme, rest = (base or self.url).split("://", 1)
        return "%s://%s:%s@%s" % (scheme, user, self._server.token(user), rest)

    def rest(self, method, path="", body=None, **by):
        """A request about the repository to the REST API, for example ``repo.rest("GET", "refs")``."""
        base = "%s/_apis/git/repositories/%s" % (urllib.parse.quote(self.project), self.id)
        return self._server.rest(method, base + ("" if not path or path.startswith("?") else "/") + path, body, account=self.account, **by)

    def commit(self, files, message="A change", branch="main", user="alice"):
        """Commits files (path: text or bytes) to a branch; the commit's id. The first branch becomes the default one."""
        ref = "refs/heads/" + branch
        found = [one for one in self.rest("GET", "refs?filter=heads/" + urllib.parse.quote(branch))["value"] if one["name"] == ref]
        old = found[0]["objectId"] if found else "0" * 40
        known = self._paths(branch) if found else set()
        changes = []
        for path, content in files.items():
            path = "/" + path.lstrip("/")
            raw = content.encode() if isinstance(content, str) else content
            changes.append({
                "changeType": "edit" if path in known else "add",
                "item": {"path": path},
                "newContent": {"content": base64.b64encode(raw).decode(), "contentType": "base64encoded"},
            })
        push = {"refUpdates": [{"name": ref, "oldObjectId": old}], "commits": [{"comment": message, "changes": changes}]}
        return self.rest("POST", "pushes?api-version=4.1", push, user=user)["commits"][0]["commitId"]

    def _paths(self, branch):
        query = "items?recursionLevel=full&versionDescriptor.versionType=branch&versionDescriptor.version="
        return {item["path"] for item in self.rest("GET", query + urllib.parse.quote(branch, safe=""))["value"]}


def _basic(token):
    return "Basic " + base64.b64encode((":" + token).encode()).decode()


def _send(method, url, authorization, body):
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": authorization, "Content-Type": "application/json"}
    request = urllib.request.Request(url, data=data, headers=headers, method=method)
    # The server is on this computer, whatever proxy the environment names.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request) as answer:
            return _decode(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            raise Refused(method, url, error.code, _decode(error.read())) from None


def _decode(raw):
    text = raw.decode("utf-8-sig")
    try:
        return json.loads(text) if text else None
    except ValueError:
        return text
