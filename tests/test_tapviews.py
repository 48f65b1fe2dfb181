"""The wiretap's table and diagram, as text and HTML."""

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


def test_the_diagram_has_an_arrow_for_each_message():
    """Its direction can be seen and heard, and no tag is of a message's making."""
    page = Tags(Sequence(messages())._repr_html_())
    assert [tag for tag, _ in page.tags].count("li") == 2
    heads = [attrs["aria-label"] for tag, attrs in page.tags if tag == "span"]
    assert heads == [" to the server", " to the client"]
    assert {"2 messages on 2 connections between clients and server"} < {*page.words}
    assert {"client, connections 1, 2", "server", "▶", "◀"} < {*page.words}
    assert "script" not in [tag for tag, _ in page.tags]
    assert page.words[3].startswith("2: call: put('</code><script>")


def test_the_diagram_of_one_client_names_it_once():
    """Its messages need not say whose they are."""
    page = Tags(Sequence(messages(1))._repr_html_())
    assert "client, connection 2" in page.words
    assert page.words[3].startswith("call: put(")


def test_the_diagram_as_text():
    """The same in lines, for front ends without HTML."""
    diagram = Sequence(messages())
    assert repr(diagram).splitlines()[0] == f"   1  client 2 -> server  call: {NASTY}"
    assert repr(diagram).splitlines()[1].startswith("   2  server -> client 1  return:")
    assert "0 messages on 0 connections" in Sequence([])._repr_html_()


def test_diagrams_have_an_end():
    """Of many messages the first are drawn, and a note says so."""
    page = Sequence(messages(100))._repr_html_()
    assert page.count("<li ") == 60
    assert page.endswith("<p>40 more messages are not drawn</p>")
