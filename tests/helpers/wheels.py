"""Wheels of a few bytes, and an index that is a folder: environments without a network."""

import hashlib
import os
from base64 import urlsafe_b64encode
from zipfile import ZipFile

import pytest

# What a build is asked for: NumPy's parts, with nothing in them.
NUMPY = {
    "numpy/__init__.py": "__version__ = '{version}'\n",
    **{f"numpy/{part}/__init__.py": "" for part in ("fft", "linalg", "random")},
}


def make_wheel(folder, name, version, files=None, requires=()):
    """Write a wheel of pure Python into ``folder``; return its path."""
    files = {f"{name}.py": "" if files is None else files} if not isinstance(files, dict) else files
    about = f"{name}-{version}.dist-info"
    needs = "".join(f"Requires-Dist: {requirement}\n" for requirement in requires)
    contents = {path: text.format(version=version) for path, text in files.items()} | {
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = [f"{member},{_digest(text)},{len(text)}" for member, text in contents.items()]
    contents[f"{about}/RECORD"] = "\n".join([*record, f"{about}/RECORD,,\n"])
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with ZipFile(path, "w") as wheel:
        for member, text in contents.items():
            wheel.writestr(member, text)
    return path


def _digest(text):
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256={urlsafe_b64encode(digest).decode().rstrip('=')}"


@pytest.fixture
def index(tmp_path, monkeypatch):
    """An empty folder that is all that installers know."""
    for name in list(os.environ):
        if name.startswith(("PIP_", "UV_")):
            monkeypatch.delenv(name)
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder
