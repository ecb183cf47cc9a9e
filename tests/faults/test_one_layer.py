"""Code that keeps files goes through ``speedgate.files``: what goes past it no test makes fail."""

import ast
from pathlib import Path

import pytest

import speedgate

PACKAGE = Path(speedgate.__file__).parent
# What goes past the layer, where, and why: each operation by its name, ``None`` for whatever.
PAST_THE_LAYER = {
    "files.py": (None, "it is the layer"),
    "runner": (None, "what is measured loads the standard library and nothing else of ours"),
    "__main__.py": ({"os.write"}, "a line on standard error, while nothing of ours is loaded yet"),
    "builds/package_copy.py": ({"shutil.copy", "shutil.copytree", "is_dir"},
                               "copies what is installed into a folder that goes with the process"),
    "commands/streams.py": ({"os.open"}, "the standard streams themselves"),
    "measuring/children.py": ({"mkdir", "open", "rename", "tempfile.TemporaryDirectory"},
                              "a folder for temporary files, which keeps nothing"),
    "measuring/guard.py": ({"os.read", "shutil.rmtree"},
                           "the guard, a process of its own of the standard library alone"),
    "measuring/leftovers.py": ({"glob", "is_symlink", "open", "shutil.rmtree", "stat", "unlink"},
                               "folders for temporary files, which keep nothing"),
    "measuring/runner_process.py": ({"tempfile.TemporaryFile"}, "what a runner says, unnamed"),
    "measuring/targets.py": ({"exists", "glob", "is_dir", "is_file", "read_text"},
                             "looks at another project's benchmarks, and keeps nothing"),
    "measuring/turn.py": ({"os.open", "read", "truncate", "write"},
                          "the lock of the turn, which keeps nothing"),
    "page/rendering.py": ({"read_bytes"}, "of a file of this package"),
    "page/serving.py": ({"is_file", "rglob", "stat"}, "looks for new runs; what cannot be, waits"),
    "plugin/entry.py": ({"glob"}, "every pytest loads it, and it loads nothing of ours"),
}  # fmt: skip
# Operations of a path, of a file and of the system.
OF_A_PATH = {
    "chmod", "exists", "glob", "hardlink_to", "is_dir", "is_file", "is_symlink", "iterdir", "lstat",
    "mkdir", "read_bytes", "read_text", "readlink", "rename", "rglob", "rmdir", "samefile", "stat",
    "symlink_to", "touch", "unlink", "write_bytes", "write_text",
}  # fmt: skip
OF_A_FILE = {"read", "readline", "readlines", "truncate", "write"}
# By these names, or these letters, a file is known where it is used.
FILES, MODES = {"file", "handle", "opened", "summary"}, set("rwxab+t")
OF_MODULES = {
    "os": {"access", "fsync", "link", "listdir", "lstat", "makedirs", "mkdir", "open", "read",
           "readlink", "remove", "rename", "replace", "rmdir", "scandir", "stat", "symlink",
           "truncate", "unlink", "utime", "walk", "write"},
    "os.path": {"exists", "getmtime", "getsize", "isdir", "isfile", "islink", "lexists",
                "samefile"},
    "shutil": {"copy", "copytree", "move", "rmtree"},
    "tempfile": {"NamedTemporaryFile", "TemporaryDirectory", "TemporaryFile", "mkdtemp", "mkstemp"},
    "fcntl": {"flock", "lockf"},
}  # fmt: skip
# Of fsspec, whose systems are called so here; what is remembered of a listing lies on no disk.
SYSTEM, OF_NO_DISK = "_system", {"invalidate_cache"}
LAYER = "files"


def past_the_layer(source):
    """The operations on files in a module's text that do not go through the layer."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    names = [operation(call.func) for call in calls]
    return sorted([*filter(None, names), *("open" for call in calls if opens_a_path(call))])


def operation(called):
    if isinstance(called, ast.Name):
        return called.id if called.id == "open" else None
    if not isinstance(called, ast.Attribute):
        return None
    name, owner = called.attr, ast.unparse(called.value)
    if owner == LAYER:
        return None
    if owner in OF_MODULES:
        return f"{owner}.{name}" if name in OF_MODULES[owner] else None
    if owner.rpartition(".")[2] == SYSTEM:
        return None if name in OF_NO_DISK else f"{SYSTEM}.{name}"
    is_of_a_file = name in OF_A_FILE and owner.rpartition(".")[2].lstrip("_") in FILES
    return name if name in OF_A_PATH or is_of_a_file else None


def opens_a_path(call):
    """Whether a call of a method ``open`` is one of a path: with a mode, or with nothing."""
    if not isinstance(call.func, ast.Attribute) or call.func.attr != "open":
        return False
    mode = call.args[0] if call.args else None
    is_mode = isinstance(mode, ast.Constant) and set(str(mode.value)) <= MODES
    names = {keyword.arg for keyword in call.keywords}
    return operation(call.func) is None and (
        is_mode or (mode is None and names <= {"mode", "encoding", "errors", "newline"})
    )


def expected_of(module):
    """What may go past the layer in a module: ``None`` for whatever does."""
    folder = module.partition("/")[0]
    operations, _ = PAST_THE_LAYER.get(module) or PAST_THE_LAYER.get(folder, (set(), ""))
    return operations


MODULES = {path.relative_to(PACKAGE).as_posix(): path for path in sorted(PACKAGE.rglob("*.py"))}


@pytest.mark.parametrize("module", [name for name in MODULES if expected_of(name) is not None])
def test_no_operation_goes_past_the_layer_without_a_reason(module):
    assert set(past_the_layer(MODULES[module].read_text(encoding="utf-8"))) == expected_of(module)


def test_what_may_go_past_the_layer_is_there():
    folders = {name.partition("/")[0] for name in MODULES}
    assert PAST_THE_LAYER.keys() <= MODULES.keys() | folders


def test_what_the_tests_above_would_see():
    text = (
        "open(p); p.read_bytes(); os.fsync(f); files.read(p); self._system.find(p); "
        "os.path.lexists(p); path.is_symlink(); self._file.write(b); p.open('ab'); p.open(); "
        "session.open(check=True); webbrowser.open(address); history.read(run)"
    )
    assert past_the_layer(text) == [
        "_system.find",
        "is_symlink",
        "open",
        "open",
        "open",
        "os.fsync",
        "os.path.lexists",
        "read_bytes",
        "write",
    ]
