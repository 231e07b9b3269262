"""A module that is postponed is not loaded until something of it is wanted, and then is the real one."""

from __future__ import annotations

import subprocess
import sys

_TRIED = """
import sys
from controller.jobs.postponed import absent, postponed
with postponed("wave", "xml", "xml.dom", "json"):
    import wave, xml, json
    from xml import dom
    assert "json" not in sys.modules or json is sys.modules["json"]
assert "wave" not in sys.modules and "xml" not in sys.modules, "nothing is left of what stood for them"
assert isinstance(wave.Error("x"), Exception)
import wave as real
assert wave.Error is real.Error and wave is not real
assert issubclass(dom.SyntaxErr, dom.DOMException)
assert sys.modules["xml.dom"].SyntaxErr is dom.SyntaxErr
try:
    wave.nothing
except AttributeError as error:
    assert "nothing" in str(error)
else:
    raise AssertionError
with postponed("fractions:Fraction", "http.cookies:SimpleCookie"):
    from fractions import Fraction
    from http.cookies import SimpleCookie
    try:
        from fractions import Decimal
    except ImportError:
        Decimal = None
assert Decimal is None and not {"fractions", "http.cookies"} & set(sys.modules)
assert Fraction.from_float(0.5) == Fraction(1, 2) and "fractions" in sys.modules
assert SimpleCookie("a=b")["a"].value == "b"
# Of what is not named with its package nothing can be had meanwhile: whoever can do without it does.
with postponed("html"):
    try:
        from html.parser import HTMLParser
    except ImportError:
        HTMLParser = None
assert HTMLParser is None
import html.parser
with absent("ftplib", "html"):
    try:
        import ftplib
    except ImportError:
        ftplib = None
    from html.parser import HTMLParser
assert ftplib is None and HTMLParser
import ftplib
"""


def test_it_comes_when_it_is_wanted() -> None:
    subprocess.run([sys.executable, "-c", _TRIED], check=True)
