"""What the cells of lesson 09 must show."""

from tests.claims import claim

SHOWS = {
    "09-first": ["Tea"],
    "09-codes-raises": ["SMTPRecipientsRefused: ", "550"],
    "09-codes": ["busy: 451", "in the mailbox: ['Tea']"],
    "09-modify-describe-run": ["Not yet: FileNotFoundError"],
    "09-clean-up-run": ["still running: []"],
}


@claim("09-lost")
def a_lost_answer_doubles_the_letter(shown):
    """Two letters with one id, of which the first was never answered."""
    first, second = (
        line.split(maxsplit=1)
        for line in shown.splitlines()
        if line.startswith("<") and line.endswith("answered")
    )
    assert first[0] == second[0]
    assert (first[1], second[1]) == ("not answered", "answered")


@claim("09-retry")
def some_refusals_pass(shown):
    """Two of ada's pass; nobody's single one goes to the dead letters."""
    assert shown.count("refused: ada@shop.test 451") == 2
    assert shown.count("refused: nobody@shop.test 550") == 1
    assert "dead letter to nobody@shop.test" in shown
    assert "No such mailbox" in shown


@claim("09-kill-counted")
def the_ledger_helps_where_it_was_written(shown):
    """One letter came twice, with one id; the other once."""
    lines = [line for line in shown.splitlines() if " x letter " in line]
    assert [line.split()[:4:3] for line in lines] == [["2", "A"], ["1", "B"]]


@claim("09-threads")
def threads_wait_side_by_side(shown):
    """Four threads are clearly faster, and each letter is sent once."""
    one, four = shown.numbers(r"thread\(s\):")
    assert one > max(0.3, 1.3 * four)
    assert "16 letters, 16 copies" in shown


@claim("09-memory")
def the_server_keeps_the_value(shown):
    """32 MiB of logs grow the server; their paths do not."""
    path, value = shown.numbers("the server has")
    assert path * 4 < 16 < value


@claim("09-cost-drawn")
def a_large_file_belongs_on_the_disk(shown):
    """By path, 16 MiB are clearly faster."""
    assert shown.numbers("the path is")[0] > 1.5


@claim("09-paths-compared")
def each_fate_is_told(shown):
    """Whole and grown logs have 3 lines; the others are noticed."""
    assert "'whole': 3, 'grown': 3, 'emptied': 'shorter'" in shown
    assert shown.count("FileNotFoundError") == 2
