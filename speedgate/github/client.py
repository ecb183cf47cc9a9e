"""Client: requests to GitHub's REST interface, page by page, and what its answers mean."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPException, HTTPMessage
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import HTTPRedirectHandler, Request, build_opener

from speedgate.github.errors import GitHubError

SECONDS = 30
A_PAGE = 100
NEXT = re.compile(r'<([^>]+)>;\s*rel="next"')
VERSION = "2022-11-28"
REMEDIES = {
    401: "GITHUB_TOKEN is not valid, or has expired",
    403: "GITHUB_TOKEN may not do that: the job needs 'permissions: pull-requests: write' (issues: "
    "write for --issue), which a workflow that a fork started never has (docs/ci.md)",
    404: "the repository or the number does not exist, or GITHUB_TOKEN may not see it",
    410: "the repository has its issues turned off",
    429: "too many requests: run the job again later",
}

Json = dict[str, Any]


class StayHere(HTTPRedirectHandler):
    """Follows nothing: the token would go along, and a change would become a question."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> None:
        return None


@dataclass(frozen=True)
class Client:
    """Asks the interface at ``api`` for what is below a repository."""

    api: str
    repository: str
    token: str

    def pages(self, path: str, **query: str) -> Iterator[Json]:
        """Yield every item of a list, however many pages it has."""
        address: str | None = self._address(path, {**query, "per_page": str(A_PAGE)})
        while address is not None:
            items, links = self._ask("GET", address)
            if not isinstance(items, list):
                raise GitHubError(f"{address} did not answer with a list")
            yield from (item for item in items if isinstance(item, dict))
            address = self._next(links)

    def send(self, method: str, path: str, body: Json | None = None) -> Json:
        """Change something; return what GitHub says of it."""
        answer, _ = self._ask(method, self._address(path), body)
        return answer if isinstance(answer, dict) else {}

    def _address(self, path: str, query: Json | None = None) -> str:
        address = f"{self.api}/repos/{self.repository}/{path}"
        return f"{address}?{urlencode(query)}" if query else address

    def _next(self, links: str) -> str | None:
        match = NEXT.search(links)
        if match is None:
            return None
        if not match[1].startswith(f"{self.api}/"):
            raise GitHubError(
                f"the answer gives {match[1]} as the next page, which is not below {self.api}"
            )
        return match[1]

    def _ask(self, method: str, address: str, body: Json | None = None) -> tuple[Any, str]:
        """What an address answers, and its links."""
        request = Request(
            address,
            None if body is None else json.dumps(body).encode(),
            {
                "Accept": "application/vnd.github+json",
                "Authorization": f"Bearer {self.token}",
                "Content-Type": "application/json",
                "User-Agent": "speedgate",
                "X-GitHub-Api-Version": VERSION,
            },
            method=method,
        )
        try:
            with build_opener(StayHere).open(request, timeout=SECONDS) as answer:
                data = answer.read()
                links = answer.headers.get("Link", "")
        except HTTPError as error:
            raise GitHubError(_refusal(method, address, error)) from None
        except (OSError, HTTPException, ValueError) as error:
            why = error.reason if isinstance(error, URLError) else error
            raise GitHubError(f"{method} {address}: no answer ({why})") from None
        try:
            return (json.loads(data) if data else {}), links
        except (ValueError, RecursionError):
            raise GitHubError(f"{method} {address}: the answer is not JSON") from None


def _refusal(method: str, address: str, error: HTTPError) -> str:
    """What GitHub says, and what to do about it."""
    if 300 <= error.code < 400:
        place = error.headers.get("Location", "elsewhere")
        return f"{method} {address} is redirected to {place}: set GITHUB_REPOSITORY to its new name"
    try:
        message = json.loads(error.read()).get("message", "")
    except (OSError, HTTPException, ValueError, AttributeError):
        message = ""
    words = f": {message}" if isinstance(message, str) and message else ""
    remedy = REMEDIES.get(error.code, "")
    if error.code >= 500:
        remedy = "GitHub has a fault: run the job again later"
    return f"{method} {address} failed with {error.code}{words}{'; ' if remedy else ''}{remedy}"
