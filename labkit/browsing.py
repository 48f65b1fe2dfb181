"""JupyterLab in a real browser without a window: opened, run, looked at.

For the tests in ``tests/browser`` and for the pictures in the README::

    with Lab() as lab, Browser() as browser, browser.page(lab) as page:
        page.open("notebooks/00_start_here.ipynb").run_all()
        print(page.problems())

Needs a Chromium, Chrome or Edge (:func:`find_browser`) and Playwright, which drives it.
"""

__all__ = ["Browser", "Lab", "Page", "Problem", "find_browser"]

from labkit._browsing.browsers import Browser
from labkit._browsing.finding import find_browser
from labkit._browsing.labs import Lab
from labkit._browsing.pages import Page
from labkit._browsing.problems import Problem
