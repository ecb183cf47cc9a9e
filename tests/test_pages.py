"""Pages that a command writes: what is wrapped, and what is not."""

import pytest

from evaluation.pages import out_of, page, without_python, write_block, write_page


def test_a_paragraph_is_wrapped_and_an_item_hangs():
    text = page("\n".join(["# Head", "", "word " * 30, "", "- " + "item " * 30]))
    assert text == (
        f"# Head\n\n{('word ' * 20).strip()}\n{('word ' * 10).strip()}\n\n"
        f"- {('item ' * 19).strip()}\n  {('item ' * 11).strip()}\n"
    )


def test_a_row_of_a_table_and_a_heading_stay_whole():
    row, heading = f"| {'x' * 120} |", f"## {'long ' * 30}"
    assert page(f"{heading}\n\n{row}") == f"{heading}\n\n{row}\n"


def test_a_machine_is_named_without_the_python_that_started_the_measuring():
    machine = "AMD EPYC, 2 usable cores, Linux 6.18.44"
    assert without_python(f"{machine}, Python 3.11.7, NumPy 2.4.6") == machine


@pytest.mark.parametrize(
    ("count", "total", "text"),
    [
        (3, 200, "3 of 200"),
        (0, 200, "0 of 200 (under 1.5%)"),
        (0, 4000, "0 of 4,000 (under 0.07%)"),
        (0, 0, "0 of 0"),
    ],
)
def test_beside_none_stands_what_may_hide_behind_it(count, total, text):
    assert out_of(count, total) == text


def test_a_page_is_written(tmp_path, capsys):
    write_page(tmp_path / "page.md", "text")
    assert (tmp_path / "page.md").read_text() == "text\n"
    assert capsys.readouterr().out.startswith("wrote ")


def test_a_block_of_a_page_is_written_anew_and_the_rest_stays(tmp_path):
    file = tmp_path / "page.md"
    file.write_text("before\n\n<!-- Trials: made. -->\nold\n<!-- The end of Trials. -->\nafter\n")
    for _ in range(2):
        write_block(file, "Trials", "new")
        assert file.read_text() == (
            "before\n\n<!-- Trials: made. -->\n\nnew\n\n<!-- The end of Trials. -->\nafter\n"
        )


def test_a_block_that_a_page_lacks_is_an_error(tmp_path):
    file = tmp_path / "page.md"
    file.write_text("<!-- Trials: made. -->\n")
    with pytest.raises(ValueError, match="has no '<!-- Trials: "):
        write_block(file, "Trials", "new")
