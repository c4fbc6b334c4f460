"""A folder of photos to a trained, exported, explained model in five lines.

``from learnkit import *`` gives what ``from learnkit.vision import *`` does.
"""

import gc

# When torch has just been imported, Python is about to look through all its 340,000 objects for
# garbage, which takes 0.16 s. It will, right after these imports instead of amid them.
_collecting = gc.isenabled()
gc.disable()
try:
    from learnkit.version import __version__ as __version__
    from learnkit.vision import *  # noqa: F403 - the star surface is curated in learnkit.vision
    from learnkit.vision import __all__ as __all__
finally:
    if _collecting:
        gc.enable()
