"""What the matrix asks of dulwich: one conversation a call, the answer as JSON on the last line."""

import json
import sys

from dulwich import porcelain
from dulwich.repo import Repo


def refs_of(url, folder):
    found = porcelain.ls_remote(url)
    found = getattr(found, "refs", found)
    return {name.decode(): value.decode() for name, value in found.items() if value}


def clone(url, folder, depth="", filter_spec="", version=""):
    porcelain.clone(
        url,
        folder,
        depth=int(depth) if depth else None,
        filter_spec=filter_spec or None,
        protocol_version=int(version) if version else None,
        checkout=not filter_spec,
        errstream=porcelain.NoneStream(),
    ).close()


def fetch(url, folder):
    with Repo(folder) as repo:
        porcelain.fetch(repo, url, errstream=porcelain.NoneStream())


def push(url, folder, *refspecs):
    force = any(spec.startswith("+") for spec in refspecs)
    with Repo(folder) as repo:
        porcelain.push(
            repo,
            url,
            refspecs=list(refspecs),
            force=force,
            outstream=porcelain.NoneStream(),
            errstream=porcelain.NoneStream(),
        )


OPERATIONS = {"refs": refs_of, "clone": clone, "fetch": fetch, "push": push}
operation, *arguments = sys.argv[1:]
print(json.dumps(OPERATIONS[operation](*arguments)))
