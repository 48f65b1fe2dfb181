"""What a learner does on a page of JupyterLab, in steps that tests share."""

from classroom import books

EXERCISE = "exercises/release/04_produce_and_consume/04_produce_and_consume.ipynb"
RIGHT = f"%%answer 04.1\n{books()[1]['04.1']}"


def wait_to_say(page, place, *wanted):
    """Wait until a place on the page says all this; return what it says."""
    page.until(lambda: all(words in place.inner_text() for words in wanted), wanted)
    return place.inner_text()


def typed(page, cell_id, text):
    """Replace the text of a cell as one does by hand; run it and go to the next."""
    page.cell(cell_id).locator(".cm-content").click()
    page.raw.keyboard.press("ControlOrMeta+A")
    page.raw.keyboard.insert_text(text)
    page.raw.keyboard.press("Shift+Enter")
