"""What pages load is found wherever a browser finds it; what they hold themselves, and links, are fine."""

import pytest

from zen.testing.pages import Page

LOADING = {
    "program": '<script src="https://cdn.example.org/a.js"></script>',
    "style sheet": "<link rel=stylesheet href=//cdn.example.org/a.css>",
    "file beside the page": "<img src='plot.png'>",
    "background": '<p style="background: url(https://example.org/a.png)">',
    "import in a style": '<style>@import "https://example.org/a.css";</style>',
    "font in a style": "<style>@font-face { src: url('a.woff') }</style>",
    "frame": '<iframe src="https://example.org"></iframe>',
}


@pytest.mark.parametrize("html", LOADING.values(), ids=LOADING)
def test_what_a_page_loads_is_found(html):
    assert Page(html).loads


def test_what_a_page_holds_itself_is_fine():
    html = """<a href="https://example.org">see</a> <img src="data:image/png;base64,AA"> <use href="#icon">
    <style>p { background: url(data:image/png;base64,AA) }</style> <p>url(https://example.org) &lt;img src=x&gt;</p>"""
    assert Page(html).loads == []


def test_the_text_is_what_a_reader_sees():
    page = Page("<title>t</title><style>p {}</style><script>var a = '<b>'</script><p>gr&ouml;&szlig;e &lt;b&gt;</p>")
    assert page.text == "tgröße <b>"
    assert page.tags == ["title", "style", "script", "p"]
