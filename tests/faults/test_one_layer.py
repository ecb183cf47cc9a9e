"""Code that keeps files goes through ``speedgate.files``: what goes past it no test makes fail."""

import ast
from pathlib import Path

import pytest

import speedgate

PACKAGE = Path(speedgate.__file__).parent
KEEPERS = sorted(
    path
    for pattern in (
        "history/*.py",
        "page/folder.py",
        "page/bundle.py",
        "builds/installation.py",
        "builds/soundness.py",
        "duel/recording.py",
        "plugin/storage.py",
    )
    for path in PACKAGE.glob(pattern)
)
# Operations of a path, of a file and of the system.
OF_A_PATH = {
    "chmod", "exists", "glob", "hardlink_to", "is_dir", "is_file", "iterdir", "mkdir", "open",
    "read_bytes", "read_text", "rename", "rglob", "rmdir", "stat", "symlink_to", "touch", "unlink",
    "write_bytes", "write_text",
}  # fmt: skip
OF_MODULES = {
    "os": {"fsync", "link", "listdir", "makedirs", "mkdir", "open", "remove", "rename", "replace",
           "scandir", "stat", "unlink", "utime", "write"},
    "shutil": {"copy", "copytree", "move", "rmtree"},
    "tempfile": {"NamedTemporaryFile", "TemporaryDirectory", "TemporaryFile", "mkdtemp", "mkstemp"},
    "fcntl": {"flock", "lockf"},
}  # fmt: skip
# Of fsspec, whose systems are called so here; what is remembered of a listing lies on no disk.
SYSTEM, OF_NO_DISK = "_system", {"invalidate_cache"}
LAYER = "files"


def past_the_layer(source):
    """The operations on files in a module's text that do not go through the layer."""
    calls = [node.func for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    names = [name for name in map(operation, calls) if name is not None]
    return sorted(names)


def operation(called):
    if isinstance(called, ast.Name):
        return called.id if called.id == "open" else None
    if not isinstance(called, ast.Attribute):
        return None
    owner = called.value.id if isinstance(called.value, ast.Name) else ""
    if owner == LAYER:
        return None
    if owner in OF_MODULES:
        return f"{owner}.{called.attr}" if called.attr in OF_MODULES[owner] else None
    if isinstance(called.value, ast.Attribute) and called.value.attr == SYSTEM:
        return None if called.attr in OF_NO_DISK else f"{SYSTEM}.{called.attr}"
    return called.attr if called.attr in OF_A_PATH else None


@pytest.mark.parametrize("path", KEEPERS, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_no_operation_goes_past_the_layer(path):
    assert past_the_layer(path.read_text(encoding="utf-8")) == []


def test_what_the_test_above_would_see():
    text = "open(p); p.read_bytes(); os.fsync(f); files.read(p); self._system.find(p)"
    assert past_the_layer(text) == [
        "_system.find",
        "open",
        "os.fsync",
        "read_bytes",
    ]
