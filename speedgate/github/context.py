"""Context: what the variables of a GitHub job say of it: repository, pull request, token."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from speedgate import files
from speedgate.github.errors import GitHubError

API = "https://api.github.com"
SERVER = "https://github.com"
REPOSITORY = re.compile(r"[A-Za-z0-9-]+/[A-Za-z0-9._-]+")
COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
OUTSIDE = "outside of a job on GitHub leave out --github, and the Markdown is printed only"
LOOPBACK = ("127.0.0.1", "localhost", "::1")

Json = dict[str, Any]


@dataclass(frozen=True)
class Head:
    """The head of the pull request that started another workflow: of a fork, GitHub names no
    number there. ``owner`` and ``branch`` say where it is, ``commit`` what was measured."""

    owner: str
    branch: str
    commit: str


@dataclass(frozen=True)
class Context:
    """A job on GitHub.

    ``pull_request`` is its number, ``None`` where the event belongs to none, or where only its
    ``head`` is known. ``job_url`` leads to the job that measured, and is empty outside of a job.
    ``commit`` is the head of the pull request, empty where the event names none.
    """

    repository: str
    token: str
    api: str = API
    pull_request: int | None = None
    head: Head | None = None
    job_url: str = ""
    commit: str = ""

    @classmethod
    def of(cls, variables: Mapping[str, str]) -> Context:
        """Return the job that the variables tell of; ``GitHubError`` names the one to set."""
        event = _event(variables.get("GITHUB_EVENT_PATH", ""))
        repository = _required(variables, "GITHUB_REPOSITORY", "such as numpy/numpy")
        if not REPOSITORY.fullmatch(repository):
            raise GitHubError(f"GITHUB_REPOSITORY is {repository!r}: it must be owner/name")
        token = _required(
            variables, "GITHUB_TOKEN", "in a workflow: env: GITHUB_TOKEN: ${{ github.token }}"
        )
        # A workflow that posts for another one has a run of its own, in which nothing was measured.
        run = str(_part(event, "workflow_run", "id") or variables.get("GITHUB_RUN_ID", ""))
        server = variables.get("GITHUB_SERVER_URL", SERVER).rstrip("/")
        return cls(
            repository,
            token.strip(),
            _api(variables.get("GITHUB_API_URL") or API),
            _number(event),
            _head(event),
            f"{server}/{repository}/actions/runs/{run}" if run.isdigit() else "",
            _commit(event),
        )


def _required(variables: Mapping[str, str], name: str, remedy: str) -> str:
    value = variables.get(name, "").strip()
    if not value:
        raise GitHubError(f"{name} is not set: set it, {remedy}; {OUTSIDE}")
    return value


def _api(address: str) -> str:
    """The address of the interface; a token goes unencrypted to this machine only."""
    parts = urlsplit(address)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise GitHubError(f"GITHUB_API_URL is {address!r}: it must begin with https://")
    return address.rstrip("/")


def _event(path: str) -> Json:
    """The event that started the job, empty where there is none."""
    if not path:
        return {}
    try:
        event = json.loads(files.read(Path(path)))
    except OSError as error:
        why = error.strerror or error
        raise GitHubError(f"GITHUB_EVENT_PATH is {path}, which cannot be read: {why}") from None
    except (ValueError, RecursionError) as error:
        raise GitHubError(f"GITHUB_EVENT_PATH is {path}, which is not JSON: {error}") from None
    return event if isinstance(event, dict) else {}


def _part(event: Any, *names: str) -> Any:
    """What lies below some names, ``None`` where anything on the way is missing."""
    for name in names:
        event = event.get(name) if isinstance(event, dict) else None
    return event


def _number(event: Json) -> int | None:
    number = _part(event, "pull_request", "number")
    return number if isinstance(number, int) and not isinstance(number, bool) else None


def _commit(event: Json) -> str:
    commit = _part(event, "pull_request", "head", "sha") or _part(event, "workflow_run", "head_sha")
    return commit if isinstance(commit, str) and COMMIT.fullmatch(commit) else ""


def _head(event: Json) -> Head | None:
    run = _part(event, "workflow_run")
    if _part(run, "event") not in ("pull_request", "pull_request_target"):
        return None
    owner = _part(run, "head_repository", "owner", "login")
    branch, commit = _part(run, "head_branch"), _part(run, "head_sha")
    if not (isinstance(owner, str) and isinstance(branch, str) and isinstance(commit, str)):
        return None
    return Head(owner, branch, commit)
