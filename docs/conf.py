"""How the manual is built: `sphinx-build -W docs docs/_build`, offline."""

from ve_magics import __version__

project = "ve_magics"
author = "The ve_magics developers"
release = __version__
extensions = ["myst_nb"]
nb_execution_mode = "off"
html_theme = "furo"
html_title = f"ve_magics {release}"
exclude_patterns = ["_build", "jupyter_execute", ".jupyter_cache"]
myst_enable_extensions = ["dollarmath"]
suppress_warnings = ["myst.xref_missing", "toc.not_included"]
