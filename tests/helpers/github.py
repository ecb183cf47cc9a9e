"""A server on this machine that answers as GitHub's REST interface does, as far as we ask it."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from helpers.runs import save

TOKEN = "made-up-token"
BOT = "github-actions[bot]"
REPOSITORY = "someone/some-project"
MOST_CHARACTERS = 65_536
PULL_REQUEST = {"pull_request": {"number": 7}}
VARIABLES = (
    "GITHUB_TOKEN", "GITHUB_REPOSITORY", "GITHUB_EVENT_PATH", "GITHUB_API_URL", "GITHUB_RUN_ID",
    "GITHUB_STEP_SUMMARY", "GITHUB_SERVER_URL",
)  # fmt: skip


class FakeGitHub:
    """Its state, and what it was asked. ``refusal`` is a status with which it refuses changes."""

    def __init__(self, page: int) -> None:
        self.page = page
        self.comments: list[dict[str, Any]] = []
        self.issues: list[dict[str, Any]] = []
        self.pulls: list[dict[str, Any]] = []
        self.asked: list[str] = []
        self.refusal: tuple[int, Any] | None = None
        self.address = ""
        self.next_id = 1

    def add_comment(self, number: int, body: str, login: str = BOT) -> dict[str, Any]:
        comment = {"id": self._id(), "issue": number, "body": body, "user": {"login": login}}
        self.comments.append(comment)
        return comment

    def add_issue(self, body: str, login: str = BOT, state: str = "open") -> dict[str, Any]:
        number = self._id()
        issue = {"number": number, "body": body, "state": state, "user": {"login": login}}
        self.issues.insert(0, issue)  # the newest first, as there
        return issue

    def _id(self) -> int:
        self.next_id += 1
        return self.next_id

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
        below = path.removeprefix(f"/repos/{REPOSITORY}/")
        if method != "GET" and self.refusal is not None:
            return self.refusal
        if body is not None and len(body.get("body", "")) > MOST_CHARACTERS:
            return 422, {"message": "Body is too long (maximum is 65536 characters)"}
        if match := re.fullmatch(r"issues/(\d+)/comments", below):
            return self._comments(method, int(match[1]), body)
        if match := re.fullmatch(r"issues/comments/(\d+)", below):
            return self._comment(method, int(match[1]), body)
        if below == "issues":
            return self._issues(method, query, body)
        if match := re.fullmatch(r"issues/(\d+)", below):
            issue = next(each for each in self.issues if each["number"] == int(match[1]))
            issue.update(body)
            return 200, issue
        if below == "pulls":
            return 200, [each for each in self.pulls if each["of"] == query["head"]]
        return 404, {"message": "Not Found"}

    def _comments(self, method: str, number: int, body: Any) -> tuple[int, Any]:
        if method == "GET":
            return 200, [each for each in self.comments if each["issue"] == number]
        return 201, self.add_comment(number, body["body"])

    def _comment(self, method: str, number: int, body: Any) -> tuple[int, Any]:
        comment = next(each for each in self.comments if each["id"] == number)
        if method == "DELETE":
            self.comments.remove(comment)
            return 204, None
        comment.update(body)
        return 200, comment

    def _issues(self, method: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
        if method == "POST":
            issue = self.add_issue(body["body"])
            issue["title"] = body["title"]
            return 201, issue
        wanted = [each for each in self.issues if each["user"]["login"] == query["creator"]]
        return 200, wanted if query["state"] == "all" else []


def handler_of(github: FakeGitHub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            github.asked.append(f"{self.command} {parts.path}")
            if self.headers["Authorization"] != f"Bearer {TOKEN}":
                self.reply(401, {"message": "Bad credentials"})
                return
            status, answer = github.answer(self.command, parts.path, query, body)
            links = ""
            if self.command == "GET" and isinstance(answer, list):
                answer, links = self.page_of(answer, parts.path, query)
            self.reply(status, answer, links)

        do_GET = do_POST = do_PATCH = do_DELETE = handle_any

        def page_of(self, items: list[Any], path: str, query: dict[str, str]) -> tuple[Any, str]:
            number, size = int(query.get("page", 1)), min(github.page, int(query["per_page"]))
            rest = items[number * size :]
            more = f"{github.address}{path}?{urlencode({**query, 'page': number + 1})}"
            first = f"{github.address}{path}?{urlencode({**query, 'page': 1})}"
            links = f'<{first}>; rel="first"' + (f', <{more}>; rel="next"' if rest else "")
            return items[(number - 1) * size : number * size], links

        def reply(self, status: int, answer: Any, links: str = "") -> None:
            data = b"" if answer is None else answer if isinstance(answer, bytes) else (
                json.dumps(answer).encode()
            )  # fmt: skip
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            if links:
                self.send_header("Link", links)
            if 300 <= status < 400:
                self.send_header("Location", "https://elsewhere.example/x")
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            """Nothing is written to the terminal."""

    return Handler


@contextmanager
def serving(page: int = 2) -> Iterator[FakeGitHub]:
    """Serve it on a free port of the loopback; lists are paged."""
    github = FakeGitHub(page)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler_of(github))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    github.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield github
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def name_event(monkeypatch: pytest.MonkeyPatch, folder: Path, content: Any) -> None:
    """Make ``content`` the event of the job."""
    monkeypatch.setenv("GITHUB_EVENT_PATH", str(save(folder / "event.data", content)))
