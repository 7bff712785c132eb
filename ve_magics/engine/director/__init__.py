"""The director: a plain sentence becomes the shot that a video model understands, and nothing of it is lost."""

from ve_magics.engine.director.crafts import Craft, craft_of
from ve_magics.engine.director.directing import Ask, Directed, direct
from ve_magics.engine.director.plans import MOST_SHOTS, Listed, Plan, listed, planned
from ve_magics.engine.director.shots import Shot, composed

__all__ = [
    "MOST_SHOTS",
    "Ask",
    "Craft",
    "Directed",
    "Listed",
    "Plan",
    "Shot",
    "composed",
    "craft_of",
    "direct",
    "listed",
    "planned",
]
