"""Public data sets by name. Values only: nothing is fetched here."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from learnkit.names import did_you_mean


@dataclass(frozen=True, slots=True)
class Archive:
    """An archive on the web.

    Attributes:
        name: what it is called in ``URLs``.
        url: its https address.
        sha256: of the file, checked after download, or None where it is not known.
    """

    name: str
    url: str
    sha256: str | None = None


class _Names(type):
    if not TYPE_CHECKING:

        def __getattr__(cls, name: str) -> Any:
            known = [word for word in vars(cls) if word.isupper()]
            raise AttributeError(f"URLs has no {name!r}.{did_you_mean(name, known)}")


_S3 = "https://s3.amazonaws.com/fast-ai-"


class URLs(metaclass=_Names):
    """fastai's public data sets, for ``untar_data``.

    The addresses are fastai's. It publishes no SHA-256 of them, so none is checked unless you give
    ``untar_data`` one.
    """

    MNIST_SAMPLE = Archive("MNIST_SAMPLE", f"{_S3}sample/mnist_sample.tgz")
    MNIST_TINY = Archive("MNIST_TINY", f"{_S3}sample/mnist_tiny.tgz")
    MNIST = Archive("MNIST", f"{_S3}imageclas/mnist_png.tgz")
    CIFAR = Archive("CIFAR", f"{_S3}sample/cifar10.tgz")
    CIFAR_100 = Archive("CIFAR_100", f"{_S3}imageclas/cifar100.tgz")
    DOGS = Archive("DOGS", f"{_S3}sample/dogscats.tgz")
    PETS = Archive("PETS", f"{_S3}imageclas/oxford-iiit-pet.tgz")
    FLOWERS = Archive("FLOWERS", f"{_S3}imageclas/oxford-102-flowers.tgz")
    FOOD = Archive("FOOD", f"{_S3}imageclas/food-101.tgz")
    CARS = Archive("CARS", f"{_S3}imageclas/stanford-cars.tgz")
    CALTECH_101 = Archive("CALTECH_101", f"{_S3}imageclas/caltech_101.tgz")
    CUB_200_2011 = Archive("CUB_200_2011", f"{_S3}imageclas/CUB_200_2011.tgz")
    PLANET_SAMPLE = Archive("PLANET_SAMPLE", f"{_S3}sample/planet_sample.tgz")
    PLANET_TINY = Archive("PLANET_TINY", f"{_S3}sample/planet_tiny.tgz")
    IMAGENETTE = Archive("IMAGENETTE", f"{_S3}imageclas/imagenette2.tgz")
    IMAGENETTE_160 = Archive("IMAGENETTE_160", f"{_S3}imageclas/imagenette2-160.tgz")
    IMAGENETTE_320 = Archive("IMAGENETTE_320", f"{_S3}imageclas/imagenette2-320.tgz")
    IMAGEWOOF = Archive("IMAGEWOOF", f"{_S3}imageclas/imagewoof2.tgz")
    IMAGEWOOF_160 = Archive("IMAGEWOOF_160", f"{_S3}imageclas/imagewoof2-160.tgz")
    IMAGEWOOF_320 = Archive("IMAGEWOOF_320", f"{_S3}imageclas/imagewoof2-320.tgz")
