"""Every word of a change as a reader sees it, and what older versions wrote in its place."""

import pytest

from speedgate.judging.change_word import ChangeWord, change_word, change_word_of

# By whether seconds surely rose (True) or fell, and whether threads surely lost (True) or gained.
WORDS = {
    (True, True): "slower, threads lost",
    (True, False): "threads gained but slower",
    (True, None): "slower",
    (False, True): "threads lost but faster",
    (False, False): "faster, threads gained",
    (False, None): "faster",
    (None, True): "threads lost",
    (None, False): "threads gained",
    (None, None): "",
}
ONLY_SAID_OF_ALIKE_SECONDS = {
    "SERIAL_SLOWER": "only serial slower",
    "SERIAL_FASTER": "only serial faster",
    "COSTS_MORE": "costs the machine more",
    "COSTS_LESS": "costs the machine less",
}
OLDER_WORDS = {
    "slower alike": "slower, in serial as well",
    "faster alike": "faster, in serial as well",
    "slower, and the threads gain less": "slower, threads lost",
    "slower, and threads lost": "slower, threads lost",
    "slower, but the threads gain more": "threads gained but slower",
    "slower, but the GIL is held less": "threads gained but slower",
    "faster, and the threads gain more": "faster, threads gained",
    "faster, but the threads gain less": "threads lost but faster",
    "faster, but threads lost": "threads lost but faster",
    "the threads gain less": "threads lost",
    "the threads gain more": "threads gained",
    "the GIL is held less": "threads gained",
}


@pytest.mark.parametrize(("sure", "word"), WORDS.items(), ids=str)
def test_the_word_of_what_is_sure(sure, word):
    assert change_word(*sure).value == word


@pytest.mark.parametrize(("name", "word"), ONLY_SAID_OF_ALIKE_SECONDS.items(), ids=str)
def test_the_words_where_no_seconds_changed(name, word):
    assert ChangeWord[name].value == word


@pytest.mark.parametrize(("older", "word"), OLDER_WORDS.items(), ids=str)
def test_an_older_word_is_read_as_the_one_of_now(older, word):
    assert change_word_of(older).value == word
