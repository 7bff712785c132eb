"""Knowledge: the user's documents read, cut into passages, found again, and cited.

It takes callables for everything that a model or a network does: who makes vectors, who ranks, who fetches a page.
"""

from __future__ import annotations
