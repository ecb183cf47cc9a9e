"""Redaction: what of an address or a variable is secret, and neither shown nor kept."""

from __future__ import annotations

import re
from collections.abc import Mapping

HIDDEN = "***"
# The user's name in an ssh address is not a secret, but a password is.
# A password may hold a slash that nobody escaped; digits before one are a port.
_LOGIN = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://"
    r"(?P<login>[^/\s'\"@:\[]*:(?!\d+/)[^\s'\"@]*/[^\s'\"@]*|[^/\s'\"]*)@"
)
_HEADER = re.compile(r"\b(authorization:\s*)(\w+ )?[^\s'\"]+", re.IGNORECASE)
_QUERY = re.compile(
    r"([?&](?:[a-z_-]*token|password|passwd|secret|[a-z_-]*key|[a-z_-]*sig|[a-z_-]*signature)=)[^&\s'\"#]+",
    re.IGNORECASE,
)
_SECRET_NAME = r"[A-Za-z0-9_]*(?:PASSWORD|PASSWD|TOKEN|SECRET|CREDENTIAL|_KEY)[A-Za-z0-9_]*"
_VARIABLE = re.compile(rf"\b({_SECRET_NAME}=)('[^']*'|\"[^\"]*\"|[^\s'\"]+)")


def without_credentials(text: str) -> str:
    """Return a text without the logins of the addresses in it, and without values of variables
    that are called a password or a token.

    >>> without_credentials("PIP_INDEX_URL=https://me:token@host/simple UV_INDEX_PASSWORD=p")
    'PIP_INDEX_URL=https://host/simple UV_INDEX_PASSWORD=***'
    """
    if "=" in text:
        text = _VARIABLE.sub(rf"\1{HIDDEN}", text)
        text = _QUERY.sub(rf"\1{HIDDEN}", text)
    if ":" in text:
        text = _HEADER.sub(rf"\1{HIDDEN}", text)
    return _LOGIN.sub(_address, text) if "://" in text else text


def _address(match: re.Match[str]) -> str:
    is_user = match["scheme"].endswith("ssh") and ":" not in match["login"]
    return match[0] if is_user else f"{match['scheme']}://"


def shown_variables(variables: Mapping[str, str]) -> dict[str, str]:
    """Return variables as they are shown and kept."""
    return {
        name: without_credentials(f"{name}={value}").partition("=")[2]
        for name, value in variables.items()
    }
