"""A registry of packages on loopback, in the forms of npm, PyPI and a plain list: prints its port."""
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def npm(name):
    times = {"1.0.0": "2020-01-01T00:00:00.000Z", "1.1.0": "2021-01-01T00:00:00.000Z"}
    versions = {one: {"name": name, "version": one, "dist": {"tarball": f"http://127.0.0.1/{name}-{one}.tgz"}} for one in times}
    return {"name": name, "dist-tags": {"latest": "1.1.0"}, "versions": versions, "time": times}


def pypi(name):
    releases = {one: [{"filename": f"{name}-{one}.tar.gz", "upload_time": "2021-01-01T00:00:00"}] for one in ("2.0.0", "2.2.0")}
    return {"info": {"name": name, "version": "2.2.0"}, "releases": releases}


def plain(name):
    return {"releases": [{"version": "3.0.0"}, {"version": "3.3.0"}]}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        kind, _, rest = self.path.strip("/").partition("/")
        make = {"npm": npm, "pypi": pypi, "plain": plain}.get(kind)
        if make is None:
            return self.send_error(404)
        body = json.dumps(make(rest.split("/")[0])).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
    print(server.server_port, flush=True)
    server.serve_forever()
