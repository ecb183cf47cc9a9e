"""Seconds and threads, in one word: every pair of what is sure has one of its own."""

from itertools import product

import pytest

from speedgate.judging.change_word import OLDER, ChangeWord, change_word, change_word_of


def test_what_is_sure_of_seconds_and_threads_has_a_word_of_its_own():
    words = [change_word(*sure) for sure in product((True, False, None), repeat=2)]
    assert len(set(words)) == 9
    assert change_word(None, None) is ChangeWord.NONE


@pytest.mark.parametrize(("is_slower", "word"), [(True, "slower"), (False, "faster")])
def test_in_serial_as_well_is_said_of_a_speedup_that_is_known_to_be_the_same(is_slower, word):
    assert change_word(is_slower, None, is_same_speedup=True).value == f"{word}, in serial as well"
    assert change_word(is_slower, None).value == word
    assert change_word(is_slower, True, is_same_speedup=True) is change_word(is_slower, True)


def test_a_saved_word_is_read_again_an_older_one_too():
    assert [change_word_of(word.value) for word in ChangeWord] == list(ChangeWord)
    assert change_word_of("slower, but the threads gain more") is ChangeWord.SLOWER_BUT_GAINED
    assert ChangeWord.NONE not in OLDER.values()
    assert change_word_of("of a later version") is ChangeWord.NONE
