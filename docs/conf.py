"""How the manual is built: `sphinx-build -W docs docs/_build`, offline; its pages load nothing from elsewhere."""

import re
import shutil
from pathlib import Path

from docutils import nodes
from ipython_pygments_lexers import IPython3Lexer
from latex2mathml.converter import convert
from pygments.token import Keyword, Text
from sphinx.transforms import SphinxTransform

from ve_magics import __version__

project = "ve_magics"
author = "The ve_magics developers"
project_copyright = f"2026, {author}"
release = __version__
extensions = ["myst_nb"]
nb_execution_mode = "off"
nb_render_markdown_format = "myst"
nb_render_error_lexer = "text"
highlight_language = "text"
html_theme = "furo"
html_title = f"ve_magics {release}"
html_math_renderer = "mathml"
exclude_patterns = ["_build", "jupyter_execute", ".jupyter_cache"]
myst_enable_extensions = ["dollarmath"]
suppress_warnings = [
    "myst.xref_missing",  # tests/test_docs.py looks where links lead
    "toc.not_included",
    "mystnb.unknown_mime_type",  # a chart whose figures stand in the table beside it
]

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
TUTORIALS = Path(__file__).parent / "tutorials"


class CellLexer(IPython3Lexer):
    """Colours Python as ever, and leaves the question below a magic's line alone."""

    def get_tokens_unprocessed(self, text):
        """Return the tokens of a cell."""
        question = re.match(r"(%%(?!time|capture|writefile)\w+)(.*)", text, re.DOTALL)
        if question is None:
            return super().get_tokens_unprocessed(text)
        return iter([(0, Keyword, question[1]), (question.end(1), Text, question[2])])


class RulesInOutputs(SphinxTransform):
    """Keep the rules between a cell's answers, which docutils allows between sections only."""

    default_priority = 400

    def apply(self):
        """Write them as HTML."""
        for rule in list(self.document.findall(nodes.transition)):
            if not isinstance(rule.parent, nodes.document | nodes.section):
                rule.replace_self(nodes.raw("", '<hr class="docutils">', format="html"))


def show_math(display):
    """Return what writes a formula as MathML, which browsers draw by themselves."""

    def visit(translator, node):
        translator.body.append(convert(node.astext(), display=display))
        raise nodes.SkipNode

    return visit, None


def copy_tutorials(_app, _config):
    """Put the notebooks, as they are saved, among the pages."""
    TUTORIALS.mkdir(exist_ok=True)
    for path in [*NOTEBOOKS.glob("*.ipynb"), NOTEBOOKS / "evening.png"]:
        if path.stem != "quickstart":
            shutil.copy2(path, TUTORIALS)


def copy_films(app, exception):
    """Put the films that the tutorials play, and their pictures, beside their pages."""
    if exception is None and app.builder.format == "html":
        for path in NOTEBOOKS.glob("*.recording/*"):
            if path.suffix in {".mp4", ".jpg", ".png"}:
                shutil.copy2(path, Path(app.outdir, "tutorials"))


def setup(app):
    """Join the notebooks to the manual."""
    for language in ("python", "ipython3"):
        app.add_lexer(language, CellLexer)
    app.add_transform(RulesInOutputs)
    app.add_html_math_renderer("mathml", show_math("inline"), show_math("block"))
    app.connect("config-inited", copy_tutorials)
    app.connect("build-finished", copy_films)
