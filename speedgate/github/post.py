"""Post: the one comment on a pull request, and the one issue, that are edited in place.

Both are known by a mark that no reader sees, and by their author: a mark alone can be copied.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from speedgate.github.client import Client
from speedgate.github.context import Context, Head
from speedgate.github.errors import GitHubError

AUTHOR = "github-actions[bot]"
KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,49}")

Json = dict[str, Any]


@dataclass(frozen=True)
class Post:
    """What is said in one place: the text in ``body``, and which of several it is, the ``key``."""

    body: str
    key: str = "speedgate"
    author: str = AUTHOR

    def __post_init__(self) -> None:
        if not KEY.fullmatch(self.key):
            raise GitHubError(
                f"--key {self.key!r}: up to 50 letters, digits, points, underscores and hyphens"
            )

    @property
    def mark(self) -> str:
        return mark_of(self.key)

    def is_mine(self, item: Json) -> bool:
        """Whether a comment or an issue is this one, as said before."""
        user = item.get("user")
        login = user.get("login") if isinstance(user, dict) else None
        body = item.get("body")
        return login == self.author and isinstance(body, str) and body.startswith(self.mark)


def mark_of(key: str) -> str:
    """Return the mark: a comment of HTML, on the first line."""
    return f"<!-- speedgate: {key} -->"


def client_of(context: Context) -> Client:
    return Client(context.api, context.repository, context.token)


def pull_request_of(client: Client, head: Head) -> int | None:
    """Return the number of the open pull request whose head is just this commit, ``None`` if there
    is none, or if it has moved on since. The number comes from GitHub, never from an artifact."""
    pulls = client.pages("pulls", state="open", head=f"{head.owner}:{head.branch}")
    for pull in pulls:
        tip = pull.get("head")
        if isinstance(tip, dict) and tip.get("sha") == head.commit:
            return int(pull["number"])
    return None


def put_comment(client: Client, number: int, post: Post) -> str:
    """Have the pull request hold the post as one comment; return what was done."""
    path = f"issues/{number}/comments"
    mine = [item for item in client.pages(path) if post.is_mine(item)]
    for double in mine[1:]:  # two jobs that began at once
        client.send("DELETE", f"issues/comments/{double['id']}")
    if not mine:
        client.send("POST", path, {"body": post.body})
        return f"commented on pull request {number}"
    if mine[0]["body"] == post.body:
        return f"the comment on pull request {number} says so already"
    client.send("PATCH", f"issues/comments/{mine[0]['id']}", {"body": post.body})
    return f"edited the comment on pull request {number}"


def put_issue(client: Client, post: Post, title: str, is_red: bool, is_green: bool) -> str:
    """Open or edit the one issue while it is red, close it when it is green; return what was done.

    What is neither says nothing new: an open issue is edited, and none is opened or closed.
    """
    issue = _newest_issue(client, post)
    is_open = issue is not None and issue.get("state") == "open"
    if not is_open and not is_red:
        return "no issue is open, and none is needed"
    change: Json = {"title": title, "body": post.body}
    if issue is None:
        answer = client.send("POST", "issues", change)
        return f"opened issue {answer.get('number', '')}".rstrip()
    number = issue["number"]
    client.send("PATCH", f"issues/{number}", change | {"state": "closed" if is_green else "open"})
    if is_green:
        return f"closed issue {number}"
    return f"edited issue {number}" if is_open else f"opened issue {number} again"


def _newest_issue(client: Client, post: Post) -> Json | None:
    """The issue that is ours: an open one, else the newest."""
    issues = client.pages("issues", state="all", creator=post.author)
    mine = [item for item in issues if post.is_mine(item) and "pull_request" not in item]
    return next((item for item in mine if item.get("state") == "open"), mine[0] if mine else None)
