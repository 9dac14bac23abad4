"""As much of a Kubernetes API as the commands of the README and the runbook ask for.

That is ``kubectl create job``, ``wait``, ``logs``, ``get``, ``exec``, ``patch``, ``replace``, ``rollout`` and
``delete``. There is no API server to be had here. What it answers is written as the API's reference has it, so that the
commands are run by the real ``kubectl``.
"""

import http.server
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

Plain = dict[str, Any]

NAMESPACE = "leadflow"

RESOURCES = {
    "/api/v1": ("v1", {"pods": "Pod", "configmaps": "ConfigMap", "secrets": "Secret"}),
    "/apis/apps/v1": ("apps/v1", {"deployments": "Deployment", "replicasets": "ReplicaSet"}),
    "/apis/batch/v1": ("batch/v1", {"jobs": "Job", "cronjobs": "CronJob"}),
}
SHORT = {"deployments": ["deploy"]}


@dataclass
class KubeApi:
    """The objects of one namespace, by plural and name."""

    objects: dict[str, dict[str, Plain]]
    ends_as: str = "Complete"
    """The condition of every Job that is made, from the moment that somebody has looked at it once."""
    deleted: list[str] = field(default_factory=list)
    executed: list[tuple[str, list[str]]] = field(default_factory=list)
    """(pod, words) of each command that was to be run in a pod. None is: its stream is refused."""

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: bytes) -> Plain | None:
        """Return what is at the path; None: nothing."""
        if path in RESOURCES:
            version, kinds = RESOURCES[path]
            verbs = ["create", "delete", "get", "list", "patch", "update", "watch"]
            found = [
                {"name": each, "kind": kind, "namespaced": True, "verbs": verbs, "shortNames": SHORT.get(each, [])}
                for each, kind in kinds.items()
            ]
            return {"kind": "APIResourceList", "groupVersion": version, "resources": found}
        if path == "/api":
            return {"kind": "APIVersions", "versions": ["v1"]}
        if path == "/apis":
            versions = [version for version, _ in RESOURCES.values() if "/" in version]
            groups = [_group(version) for version in versions]
            return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}
        _, _, rest = path.partition(f"/namespaces/{NAMESPACE}/")
        plural, _, name = rest.partition("/")
        if plural == "pods" and name.endswith("/exec"):
            self._exec(name.removesuffix("/exec"), query["command"])
            return None
        if plural not in self.objects:
            return None
        return self._object(method, plural, name, query, body)

    def _exec(self, pod: str, words: list[str]) -> None:
        # kubectl asks once more, in an older protocol, when it is refused.
        if (pod, words) not in self.executed:
            self.executed.append((pod, words))

    def _object(self, method: str, plural: str, name: str, query: dict[str, list[str]], body: bytes) -> Plain | None:
        there = self.objects[plural]
        if method == "POST":
            # It comes as protobuf, which nothing here can read; the longest word that begins as its template is called
            # is the Job's name.
            templates = "|".join(self.objects["cronjobs"]).encode()
            made = max(re.findall(rb"\b(?:" + templates + rb")(?:-[\w.-]+)?", body), key=len).decode()
            there[made] = {
                "kind": "Job",
                "apiVersion": "batch/v1",
                "metadata": {"name": made, "namespace": NAMESPACE},
                "spec": {"selector": {"matchLabels": {"job-name": made}}},
            }
            return there[made]
        if method == "DELETE":
            self.deleted.append(name)
            return there.pop(name, None)
        if method == "PUT":
            there[name] = json.loads(body)
        if method == "PATCH":
            there[name] = _patched(there[name], json.loads(body))
        if name:
            return there.get(name)
        [version, kind] = next((version, kinds[plural]) for version, kinds in RESOURCES.values() if plural in kinds)
        [wanted] = query.get("fieldSelector", [""])
        items = [each for own, each in there.items() if not wanted or wanted == f"metadata.name={own}"]
        [labels] = query.get("labelSelector", [""])
        if labels and plural in ("pods", "replicasets"):
            asked = dict(pair.split("=") for pair in labels.split(","))
            items = [each for each in items if asked.items() <= each["metadata"]["labels"].items()]
        listed = json.loads(json.dumps(items))
        if plural == "jobs":
            for job in items:
                # A Job of a real cluster says first that it will fail, then that it has.
                job["status"] = {"conditions": [{"type": self.ends_as, "status": "True"}], "ready": 1}
        return {"kind": f"{kind}List", "apiVersion": version, "metadata": {"resourceVersion": "1"}, "items": listed}


def _patched(stored: Plain, patch: Plain | list[Plain]) -> Plain:
    """Return an object with a patch: of JSON (RFC 6902, ``replace`` alone), or to be merged (RFC 7396).

    A strategic merge is none other where it names no list, as that of ``rollout restart``.
    """
    made: Plain = json.loads(json.dumps(stored))
    if isinstance(patch, dict):
        return _merged(made, patch)
    for step in patch:
        assert step["op"] == "replace", step
        *way, last = (part.replace("~1", "/").replace("~0", "~") for part in step["path"].split("/")[1:])
        place = made
        for part in way:
            place = place[part]
        place[last] = step["value"]
    return made


def _merged(made: Plain, patch: Plain) -> Plain:
    for key, value in patch.items():
        if value is None:
            made.pop(key, None)
        elif isinstance(value, dict):
            made[key] = _merged(made.get(key) or {}, value)
        else:
            made[key] = value
    return made


def _group(version: str) -> Plain:
    preferred = {"groupVersion": version, "version": version.partition("/")[2]}
    return {"name": version.partition("/")[0], "versions": [preferred], "preferredVersion": preferred}


@contextmanager
def serving(api: KubeApi, folder: Path) -> Iterator[Path]:
    """Serve it; yield a kubeconfig that leads there."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def _answer(self) -> None:
            url = urlsplit(self.path)
            size = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(size)
            query = parse_qs(url.query)
            if query.get("watch") in (["1"], ["true"]):
                # Nothing happens that a watcher would hear of; it lists again when the stream ends.
                found: Plain | None = {}
            else:
                found = api.answer(self.command, url.path, query, body)
            missing = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}
            text = b"" if found == {} else json.dumps(missing if found is None else found).encode()
            self.send_response(404 if found is None else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def do_PUT(self) -> None:
            self._answer()

        def do_PATCH(self) -> None:
            self._answer()

        def do_DELETE(self) -> None:
            self._answer()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        config = folder / "kubeconfig"
        cluster = {"name": "own", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}
        context = {"name": "own", "context": {"cluster": "own", "user": "own"}}
        config.write_text(
            json.dumps(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "clusters": [cluster],
                    "contexts": [context],
                    "current-context": "own",
                    "users": [{"name": "own", "user": {}}],
                }
            )
        )
        try:
            yield config
        finally:
            server.shutdown()
            thread.join()
