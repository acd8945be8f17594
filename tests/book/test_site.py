"""The built site, where there is one: its internal links lead somewhere, and its equations need no network."""

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

HTML = Path(__file__).parents[2] / "_build" / "html"
pytestmark = pytest.mark.skipif(not HTML.exists(), reason="the site is not built: run `make book`")


class _Links(HTMLParser):
    def __init__(self, page: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(page.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.anchors |= {v for k in ("id", "name") if (v := values.get(k))}
        self.links += [v for k in ("href", "src") if (v := values.get(k))]


def test_internal_links_lead_somewhere() -> None:
    pages = {p: _Links(p) for p in HTML.rglob("*.html") if "_static" not in p.parts}
    dead = []
    for page, parsed in pages.items():
        for link in parsed.links:
            url = urlsplit(link)
            if url.scheme or url.netloc:
                continue
            target = (page.parent / unquote(url.path)).resolve() if url.path else page
            anchors = pages[target].anchors if target in pages else None
            if not target.exists() or (url.fragment and anchors is not None and url.fragment not in anchors):
                dead.append(f"{page.relative_to(HTML)} -> {link}")
    assert not dead


def test_equations_need_no_network() -> None:
    assert (HTML / "_static/mathjax/tex-chtml.js").exists()
    sources = _Links(HTML / "book" / "paper_to_code.html").links
    assert [s for s in sources if "mathjax" in s.lower()]
    assert not [s for s in sources if "mathjax" in s.lower() and "://" in s]


def test_tables_are_tables() -> None:
    """What a cell prints as Markdown is read as such: no paragraph begins with the bars of a table."""
    raw = [page.name for page in HTML.rglob("notebooks/*.html") if "<p>|" in page.read_text()]
    assert not raw
