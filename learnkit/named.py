"""What a word stands for where an object is expected: ``callbacks=["sparkle"]``.

learnkit's own names come first and cannot be taken by a plug-in; then those of installed packages.
A class or a function is called without arguments; an object is used as it is. What is loaded from
a file never comes by here, so that a file cannot make a plug-in's code run.
"""

from collections.abc import Callable, Iterable, Sequence
from inspect import isfunction, signature
from typing import Final, TypeVar, cast

from learnkit import callbacks, metrics
from learnkit.callback import Callback
from learnkit.models.backbone import Backbone
from learnkit.models.catalogue import TIMM_PREFIX, backbone_names, find_backbone
from learnkit.names import nearest
from learnkit.plugins import Plugin, PluginError, find_plugin, installed_plugins, unknown

T = TypeVar("T")

_NO_METRICS: Final = ("as_metric", "as_metrics", "interval", "per_class", "sk_metric")


def named_callback(word: str) -> Callback:
    """Return the callback that a word names.

    Args:
        word: of learnkit's own ``"EarlyStopping"`` or ``"early_stopping"``; else a plug-in's.

    Raises:
        PluginError: when there is none, it cannot be imported, or it needs arguments.
    """
    own = _own(word, callbacks.__all__)
    if own is not None:
        return cast("Callback", _called(getattr(callbacks, own), f"{own} of learnkit"))
    plugin = find_plugin("learnkit.callbacks", word)
    if plugin is None:
        raise unknown("learnkit.callbacks", word, own=callbacks.__all__)
    return _made(plugin, Callback)


def named_backbone(given: Backbone | str) -> Backbone:
    """Return the backbone that a word names; anything else as it is.

    Args:
        given: a name of ``learnkit.models``, ``"timm/NAME"``, or a plug-in's.

    Raises:
        PluginError: when there is none, or it cannot be imported.
        ModelError: when timm has no such model.
    """
    if not isinstance(given, str):
        return given
    if given.startswith(TIMM_PREFIX):
        return find_backbone(given)
    own = _own(given, backbone_names())
    if own is not None:
        return find_backbone(own)
    plugin = find_plugin("learnkit.backbones", given)
    if plugin is None:
        raise unknown("learnkit.backbones", given, own=(*backbone_names(), "timm/NAME"))
    return _made(plugin, Backbone)


def named_metrics(given: object) -> object:
    """Return metrics with each word replaced by what it names, for `as_metrics` to check.

    Args:
        given: one metric or several. A word that is near to no plug-in stays, and `as_metrics`
            says which of learnkit's own is meant.

    Raises:
        PluginError: when a plug-in cannot be imported, or a word is near to one.
    """
    if isinstance(given, str):
        return _named_metric(given)
    if isinstance(given, Sequence):
        return [_named_metric(one) if isinstance(one, str) else one for one in given]
    return given


def _named_metric(word: str) -> object:
    names = [n for n in metrics.__all__ if n.islower() and n not in _NO_METRICS]
    own = _own(word, names)
    if own is not None:
        return getattr(metrics, own)
    plugin = find_plugin("learnkit.metrics", word)
    if plugin is not None:
        return _metric_of(plugin)
    known = [plugin.name for plugin in installed_plugins("learnkit.metrics")]
    if ":" in word or nearest(word, known) is not None:
        raise unknown("learnkit.metrics", word, own=names)
    return word


def _metric_of(plugin: Plugin) -> object:
    """Return a metric; a function of a batch has its column from the plug-in's name."""
    loaded = plugin.load()
    makes = isinstance(loaded, type) or (isfunction(loaded) and _makes(loaded))
    metric = metrics.as_metric(_called(loaded, str(plugin)) if makes else loaded)
    if isinstance(metric, metrics.MeanMetric) and metric.fn is loaded:
        return metrics.MeanMetric(
            metric.fn, name=plugin.name, higher_is_better=metric.higher_is_better
        )
    return metric


def _makes(function: Callable[..., object]) -> bool:
    """Whether a function makes a metric; one of (preds, targets) is one, also with defaults."""
    given = signature(function)
    if list(given.parameters)[:2] == ["preds", "targets"]:
        return False
    try:
        given.bind()
    except TypeError:
        return False
    return True


def _made(plugin: Plugin, kind: type[T]) -> T:
    """Return the object that a plug-in is, or makes."""
    loaded = plugin.load()
    made = loaded if isinstance(loaded, kind) else _called(loaded, str(plugin))
    if not isinstance(made, kind):
        found = "made" if made is not loaded else "is"
        raise PluginError(
            f"The plug-in {plugin} must be a {kind.__name__}, or a class or a function that makes "
            f"one; {plugin.value} {found} {type(made).__name__}."
        )
    return made


def _called(loaded: object, title: str) -> object:
    """Make an object without arguments; what cannot be called is returned as it is."""
    if not callable(loaded):
        return loaded
    try:
        return loaded()
    except (Exception, SystemExit) as error:
        raise PluginError(
            f"{title} was named by a word, which makes it without arguments, and that failed: "
            f"{type(error).__name__}: {str(error).rstrip('.')}. Import it and pass an object of it "
            "instead."
        ) from error


def _own(word: str, names: Iterable[str]) -> str | None:
    return next((name for name in names if _folded(name) == _folded(word)), None)


def _folded(name: str) -> str:
    return name.replace("_", "").replace("-", "").casefold()
