"""The wiretap's table and diagram, as text, HTML and mermaid."""

import re
from html.parser import HTMLParser

from labkit._wiretap.conversations import TO_CLIENT, TO_SERVER, Message
from labkit._wiretap.tapviews import Sequence, Table

NASTY = "put('</code><script>alert(1)</script>; end #x; \\n```')"


def messages(count=2, text=NASTY, full=None):
    """Return messages that go up and down in turn."""
    return [
        Message(
            number=number,
            connection=1 + number % 2,
            direction=TO_SERVER if number % 2 else TO_CLIENT,
            kind="call" if number % 2 else "return",
            size_bytes=1234,
            at_s=0.5,
            text=text,
            full=full or text,
        )
        for number in range(1, count + 1)
    ]


class Tags(HTMLParser):
    """Collects tags with their attributes."""

    def __init__(self, source):
        super().__init__()
        self.tags = []
        self.words = []
        self.feed(source)

    def handle_starttag(self, tag, attrs):
        """Keep a tag."""
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        """Keep a text."""
        self.words.append(data)


def test_the_table_is_accessible_and_escaped():
    """A caption, a scope for every heading, and no tag of a message's making."""
    page = Tags(Table(messages())._repr_html_())
    scopes = [attrs.get("scope") for tag, attrs in page.tags if tag == "th"]
    assert scopes == ["col"] * 7 + ["row"] * 2
    assert [tag for tag, _ in page.tags].count("caption") == 1
    assert "2 messages on 2 connections between clients and server" in page.words
    assert "script" not in [tag for tag, _ in page.tags]
    assert NASTY in page.words


def test_a_long_text_opens():
    """The full text stands behind the short one."""
    page = Tags(Table(messages(1, "put('x'…)", "put('xyz')"))._repr_html_())
    assert [tag for tag, _ in page.tags if tag in {"details", "summary"}] == [
        "details",
        "summary",
    ]
    assert {"put('x'…)", "put('xyz')"} <= set(page.words)


def test_the_table_as_text():
    """A line for each message, and the caption."""
    lines = repr(Table(messages())).splitlines()
    assert len(lines) == 3
    assert lines[0].endswith(
        f"connection 2  to server  call       {NASTY}  (1,234 bytes)"
    )
    assert repr(Table([])) == "No message has passed the wiretap yet."
    assert "No message" in Table([])._repr_html_()


def test_tables_have_an_end():
    """Of many messages the last are shown, and the caption says so."""
    table = Table(messages(300))
    assert table._repr_html_().count("<tr>") == 201
    assert "300 messages" in repr(table)
    assert repr(table).endswith("; the last 200 are shown")


def test_the_diagram_has_a_title_a_description_and_an_arrow_for_each_message():
    """Mermaid gets nothing of a message that it could take for its own."""
    lines = Sequence(messages()).mermaid.splitlines()
    assert lines[0] == "sequenceDiagram"
    assert lines[1].startswith("    accTitle: 2 messages on 2 connections")
    assert lines[2] == "    accDescr: client 2 sends call, client 1 gets return"
    assert lines[3:6] == [
        "    participant C1 as client, connection 1",
        "    participant C2 as client, connection 2",
        "    participant S as server",
    ]
    assert lines[6].startswith("    C2->>S: call: put('#60;#47;code#62;")
    assert lines[7].startswith("    S-->>C1: return: put(")
    for line in lines[6:]:
        _, _, label = line.partition(": ")
        assert not re.search(r"[<>;#`\\|{}\[\]$%\"]", re.sub(r"#\d+;", "", label))


def test_the_diagram_as_markdown_and_as_text():
    """A fence that JupyterLab draws, and the same in lines."""
    diagram = Sequence(messages())
    markdown = diagram._repr_markdown_()
    assert markdown.startswith("2 messages on 2 connections")
    assert markdown.count("```") == 2
    assert repr(diagram).splitlines()[0] == f"   1  client 2 -> server  call: {NASTY}"
    assert repr(diagram).splitlines()[1].startswith("   2  server -> client 1  return:")
    assert "```" not in Sequence([])._repr_markdown_()


def test_diagrams_have_an_end():
    """Of many messages the first are drawn, and a note says so."""
    source = Sequence(messages(100)).mermaid
    assert source.count("->>") == 60
    assert source.endswith("Note over S: 40 more messages are not drawn")
