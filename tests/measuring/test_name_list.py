"""Names in a message: of many the first, and how many more there are."""

from speedgate.measuring.name_list import listed, one_a_line


def test_in_a_row_there_are_so_many_and_the_number_of_the_others():
    assert listed([], 2) == ""
    assert listed(["a", "b"], 2) == "a, b"
    assert listed(["a", "b", "c"], 2) == "a, b and 1 more"


def test_a_message_tells_ten_names_and_how_many_more_there_are():
    names = [f"night_{number:03}" for number in range(12)]
    told = one_a_line(names, "look there").splitlines()
    assert [line.strip() for line in told] == [*names[:10], "and 2 more; look there"]
    assert one_a_line(names[:10], "look there").splitlines()[-1].strip() == "night_009"
    assert one_a_line([], "look there") == "none"
