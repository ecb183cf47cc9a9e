from __future__ import annotations

from evaluation.trial_file import append_trial, trials_in


def test_a_file_has_no_trials_before_the_first(tmp_path):
    assert trials_in(tmp_path / "trials.jsonl") == []


def test_a_trial_behind_one_that_was_cut_off_is_whole(tmp_path):
    path = tmp_path / "trials" / "made.jsonl"
    append_trial(path, {"number": 0})
    append_trial(path, {"number": 1})
    path.write_text(path.read_text()[:-3])
    append_trial(path, {"number": 2})
    append_trial(path, {"number": 3})
    assert [trial["number"] for trial in trials_in(path)] == [0, 2, 3]
    assert len(path.read_text().splitlines()) == 4
