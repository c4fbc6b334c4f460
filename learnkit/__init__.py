"""A folder of photos to a trained, exported, explained model in five lines.

``from learnkit import *`` gives what ``from learnkit.vision import *`` does. The words of other
kinds of data (`learnkit.tabular`, `learnkit.text`, `learnkit.generative`) are here too, one by
one, and imported when they are first named.
"""

import gc
from typing import TYPE_CHECKING

# When torch has just been imported, Python is about to look through all its 340,000 objects for
# garbage, which takes 0.16 s. It will, right after these imports instead of amid them.
_collecting = gc.isenabled()
gc.disable()
try:
    from learnkit.lazy import lazy_names
    from learnkit.version import __version__ as __version__
    from learnkit.vision import *  # noqa: F403 - the star surface is curated in learnkit.vision
    from learnkit.vision import __all__ as __all__
finally:
    if _collecting:
        gc.enable()

if TYPE_CHECKING:
    from learnkit.generative import autoencoder_learner as autoencoder_learner
    from learnkit.generative import gan_learner as gan_learner
    from learnkit.tabular import CollabDataBunch as CollabDataBunch
    from learnkit.tabular import TabularDataBunch as TabularDataBunch
    from learnkit.tabular import collab_learner as collab_learner
    from learnkit.tabular import tabular_learner as tabular_learner
    from learnkit.text import SequenceDataBunch as SequenceDataBunch
    from learnkit.text import TextDataBunch as TextDataBunch
    from learnkit.text import language_learner as language_learner
    from learnkit.text import text_learner as text_learner
else:  # type checkers would take any name for granted
    __getattr__ = lazy_names(
        __name__,
        {
            "CollabDataBunch": "tabular",
            "SequenceDataBunch": "text",
            "TabularDataBunch": "tabular",
            "TextDataBunch": "text",
            "autoencoder_learner": "generative",
            "collab_learner": "tabular",
            "gan_learner": "generative",
            "language_learner": "text",
            "tabular_learner": "tabular",
            "text_learner": "text",
        },
    )
