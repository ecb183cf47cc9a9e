"""No credentials in labels, saved files or messages."""

import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from speedgate.builds import build as module
from speedgate.builds.build import Build, BuildError, parse_build
from speedgate.builds.installation import Order, failure_of, run
from speedgate.duel.findings import BuildSummary
from speedgate.duel.recording import DuelRecording
from speedgate.history.redaction import shown_variables, without_credentials
from speedgate.history.store import StoreError
from speedgate.report.text import markdown_text, visible

SECRET = "s3cr3t"
ADDRESS = f"https://me:{SECRET}@host/simple"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (ADDRESS, "https://host/simple"),
        (f"https://{SECRET}@host", "https://host"),
        (f"https://me:{SECRET}@x@host/a@1.0", "https://host/a@1.0"),
        (f"two {ADDRESS} and {ADDRESS}", "two https://host/simple and https://host/simple"),
        (f"n @ git+https://{SECRET}@host/n.git@main", "n @ git+https://host/n.git@main"),
        ("n @ git+ssh://git@host/n.git", "n @ git+ssh://git@host/n.git"),
        (f"smb://me:{SECRET}@host/share", "smb://host/share"),
        (f"https://host/x.whl?token={SECRET}&a=1", "https://host/x.whl?token=***&a=1"),
        (f"https://host/x?sv=1&sig={SECRET}", "https://host/x?sv=1&sig=***"),
        (f"UV_INDEX_A_PASSWORD={SECRET} X=1", "UV_INDEX_A_PASSWORD=*** X=1"),
        (f"AWS_SECRET_ACCESS_KEY='{SECRET} b'", "AWS_SECRET_ACCESS_KEY=***"),
        (f"https://me:{SECRET}/x@host/simple", "https://host/simple"),
        (f"https://host/x?X-Amz-Signature={SECRET}&a=1", "https://host/x?X-Amz-Signature=***&a=1"),
        (f"Authorization: Bearer {SECRET}", "Authorization: ***"),
        ("git+https://host:443/n.git@main", None),
        ("numpy==2.3.5 a@b.c http://host/ OMP_NUM_THREADS=1", None),
        ("numpy@https://a.org/n-1.whl", None),
    ],
)
def test_what_is_secret_is_not_shown(text, shown):
    assert without_credentials(text) == (shown or text)
    assert SECRET not in visible(text) + markdown_text(text)


@pytest.mark.parametrize(
    "text",
    [
        f"PIP_INDEX_URL=https://me:{SECRET}@host numpy",
        f"PIP_INDEX_URL=https://{SECRET}@host numpy",
        f"UV_INDEX_A_PASSWORD={SECRET} numpy",
        f"HTTPS_PROXY=http://me:{SECRET}@proxy:80",
        f"'n @ https://me:{SECRET}@host'",
        f"'n @ https://host/n-1-py3-none-any.whl?token={SECRET}'",
    ],
)
def test_a_label_keeps_no_credentials(text):
    (label,) = module._labels([parse_build(text)], ["3.11.7"])
    assert SECRET not in label


def test_labels_of_two_secrets_are_two():
    specs = [parse_build(f"UV_INDEX_A_PASSWORD={password} numpy") for password in ("one", "two")]
    labels = module._labels(specs, ["3.11.7"] * 2)
    assert len(set(labels)) == 2


def test_a_message_keeps_no_credentials():
    with pytest.raises(BuildError) as caught:
        parse_build(f"PIP_INDEX_URL={ADDRESS} /a/python /b/python")
    assert SECRET not in str(caught.value)
    assert "PIP_INDEX_URL=https://host/simple" in str(caught.value)
    assert SECRET not in str(StoreError(f"{ADDRESS} cannot be opened"))


def test_what_an_installer_says_is_shown_without_credentials():
    order = Order((f"n @ {ADDRESS}/n.whl",), Path(sys.executable), "3.11.7")
    command = [sys.executable, "-c", f"raise SystemExit('no answer from {ADDRESS}')"]
    with pytest.raises(BuildError) as caught:
        run(command, order, failure_of(order))
    assert "no answer from https://host/simple" in str(caught.value)
    assert SECRET not in str(caught.value)


def test_a_saved_duel_keeps_no_credentials(tmp_path):
    variables = {"HTTPS_PROXY": ADDRESS, "MY_TOKEN": SECRET, "OMP_NUM_THREADS": "1"}
    build = Build("a", Path("python"), variables, {"python": "3.11.7"}, "0")
    assert BuildSummary.of(build).as_json()["variables"] == {
        "HTTPS_PROXY": "https://host/simple",
        "MY_TOKEN": "***",
        "OMP_NUM_THREADS": "1",
    }
    assert shown_variables({}) == {}
    recording = DuelRecording([build], tmp_path, datetime.now(UTC))
    (journal,) = tmp_path.rglob("*.part")
    assert SECRET not in journal.read_text()
    for kept in recording._runs.values():
        kept.close()
