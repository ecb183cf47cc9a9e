"""Why GitHub was not asked, or what it answered instead, in words for the log of the job."""

from __future__ import annotations


class GitHubError(Exception):
    """A variable is missing, GitHub cannot be reached, or it refuses; the text has the remedy."""
