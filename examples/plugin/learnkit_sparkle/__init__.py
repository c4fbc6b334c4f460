"""A plug-in for learnkit: a callback, a metric and a backbone, each in a module of its own."""

from learnkit_sparkle.glow import glow
from learnkit_sparkle.sparkle import Sparkle, spark_line
from learnkit_sparkle.tinynet import tinynet

__all__ = ["Sparkle", "glow", "spark_line", "tinynet"]
