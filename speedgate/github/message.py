"""Message: what a comment or an issue says, and the file that carries it to the job that may write.

One job makes it, with all that this takes; the next one posts it, and runs nothing else.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from speedgate import files
from speedgate.github.context import Context
from speedgate.github.errors import GitHubError
from speedgate.github.post import (
    AUTHOR,
    Post,
    client_of,
    mark_of,
    pull_request_of,
    put_comment,
    put_issue,
)

# GitHub takes 256 characters.
MOST_OF_TITLE = 200
NO_PULL_REQUEST = (
    "no comment: this job belongs to no open pull request, or its head has moved on; the summary "
    "of the job has it"
)


@dataclass(frozen=True)
class Message:
    """Markdown, and a title of plain text for an issue. It is red where something failed or is
    missing, green where all passed; what is neither opens and closes nothing."""

    title: str
    body: str
    is_red: bool
    is_green: bool


NOTHING_CAME = Message(
    "✗ Nothing was summed up",
    "### ✗ Nothing was summed up\n\nThe job that makes this text ended without one; its log says "
    "why.\n",
    is_red=True,
    is_green=False,
)


def add_naming(parser: argparse.ArgumentParser) -> None:
    """Declare which comment or issue a message is, and whose."""
    parser.add_argument(
        "--key",
        default="speedgate",
        metavar="NAME",
        help="a name for the comment or issue, if you have several (default: speedgate)",
    )
    parser.add_argument(
        "--author",
        default=AUTHOR,
        metavar="LOGIN",
        help=f"the login behind the token; only its comments are edited (default: {AUTHOR})",
    )


def publish(message: Message, context: Context, key: str, author: str, as_issue: bool) -> str:
    """Have the issue say it, or the pull request of the job; return what was done, or why nothing
    was. ``GitHubError`` says why GitHub did not take it."""
    client = client_of(context)
    post = Post(_text(message, context, key), key, author)
    if as_issue:
        title = message.title[:MOST_OF_TITLE]
        return put_issue(client, post, title, message.is_red, message.is_green)
    number = context.pull_request
    if number is None and context.head is not None:
        number = pull_request_of(client, context.head)
    return NO_PULL_REQUEST if number is None else put_comment(client, number, post)


def _text(message: Message, context: Context, key: str) -> str:
    """The mark, the Markdown, and which job measured what."""
    of = f" of {context.commit[:7]}" if context.commit else ""
    foot = f"\n[The job]({context.job_url}){of}\n" if context.job_url else ""
    return f"{mark_of(key)}\n{message.body}{foot}"


def keep(message: Message, path: Path) -> None:
    """Write a message into a file, in place of one that is there; ``OSError`` says why not."""
    files.replace_whole(path, json.dumps(asdict(message)).encode())


def kept(path: Path) -> Message | None:
    """Return the message in a file, ``None`` if there is no file; ``GitHubError`` if it holds
    something else."""
    try:
        content = json.loads(files.read(path))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise GitHubError(f"{path} cannot be read: {error.strerror or error}") from None
    except (ValueError, RecursionError):
        content = None
    values = content if isinstance(content, dict) else {}
    title, body = values.get("title"), values.get("body")
    is_red, is_green = values.get("is_red"), values.get("is_green")
    if not (isinstance(title, str) and isinstance(body, str)) or not (
        isinstance(is_red, bool) and isinstance(is_green, bool)
    ):
        raise GitHubError(f"{path} holds no message: 'speedgate comment --post {path}' writes one")
    return Message(title, body, is_red, is_green and not is_red)
