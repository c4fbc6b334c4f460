"""A folder of photos to a trained, exported, explained model in five lines.

``from learnkit import *`` gives what ``from learnkit.vision import *`` does.
"""

from learnkit.version import __version__ as __version__
from learnkit.vision import *  # noqa: F403 - the star surface is curated in learnkit.vision
from learnkit.vision import __all__ as __all__
