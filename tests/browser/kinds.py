"""One notebook with each kind of thing that labkit shows."""

from nbformat import v4

KINDS = "notebooks/kinds.ipynb"
WORDS = "## A heading\n\nSome words, a [link](00_start_here.ipynb) and `code`."
CELLS = {
    "words": v4.new_markdown_cell(WORDS),
    "setup": """\
%load_ext labkit
from labkit import *
from labkit import plots
LONG = "A text so long that it has to wrap where the page is narrow. " * 3""",
    "choice": """\
guess = predict("t-choice", "What will `get` do?", {"wait": "So it is.", LONG: "No."})
guess""",
    "number": """\
number = predict("t-number", "How many?", unit="calls per second", because=LONG)
number""",
    "quiz": 'quiz("t-quiz", "Who serves?", {"A": "It dials.", LONG: "Yes."}, LONG)',
    "quizzes": """\
quiz("t-quizzes", "Who dials?", {"A": "Yes.", "B": "Yes.", "C": "No."}, ["A", "B"])""",
    "lines": """\
arrange("t-lines", "Open a shop.", ["register", "get_server()", "  serve_forever()"],
        {"connect_to_the_manager_as_a_client_would()": "It does not serve."})""",
    "compare": 'guess.compare("wait")\nnumber.compare(1200)',
    "program": '%%process talker\nprint("talk " * 60)\nfor n in range(40): print(n)',
    "server": """\
server = start_server(name="kinds")
orders = server.connect().get_queue("orders")
orders.put_many(["tea", "milk"])""",
    "dashboard": "dashboard(server)",
    "explorer": "explorer()",
    "progress": "progress()",
    "doctor": "doctor()",
    "tap": """\
with wiretap(server) as tap:
    relayed = connect(tap.address, server.authkey).get_queue("orders")
    relayed.put(LONG)
tap.table()""",
    "sequence": "tap.sequence()",
    "answer": "%%answer 01.1\nraise ValueError('spam' * 30)",
    "check": 'check("01.1")',
    "hint": 'hint("01.1")',
    "figure": """\
rates = {"direct queue": 8e4, "plain tcp": 9e3}
plots.plot_throughput(
    Measurement(name, 8, 1, 1, 1, (rate, rate * 1.1)) for name, rate in rates.items()
)""",
    "failure": v4.new_code_cell(
        "def fail():\n    raise ValueError(LONG)  # for a traceback\n\nfail()",
        metadata={"tags": ["raises-exception"]},
    ),
}
# With windowing JupyterLab takes cells off the page that are scrolled away.
SETTINGS = {"@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"}}


def open_kinds(page, lab, cells=tuple(CELLS), run=True, **how):
    """Open the notebook, or some of its cells, and run it."""
    lab.write(KINDS, {name: CELLS[name] for name in cells})
    page.open(KINDS, settings=SETTINGS, **how)
    if run:
        page.run_all()
        assert page.problems("cell", "callback", "kernel") == []
    return page
