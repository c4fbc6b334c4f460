import subprocess
import sys

import pytest

from learnkit import models


def test_importing_the_models_imports_neither_torchvision_nor_timm():
    code = (
        "import sys, learnkit.models; "
        "heavy = {'torchvision', 'timm', 'huggingface_hub', 'matplotlib', 'pandas'}; "
        "found = heavy & set(sys.modules); sys.exit(repr(found) if found else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_public_names_exist_once():
    assert len(set(models.__all__)) == len(models.__all__)
    assert all(hasattr(models, name) for name in models.__all__)


def test_a_misspelt_backbone_names_the_nearest():
    with pytest.raises(AttributeError) as caught:
        _ = models.resnet5
    assert str(caught.value) == "learnkit.models has no 'resnet5'. Did you mean 'resnet50'?"


def test_an_unlike_name_points_to_timm():
    with pytest.raises(AttributeError) as caught:
        _ = models.zzz
    assert (
        str(caught.value) == "learnkit.models has no 'zzz'. models.timm(NAME) makes any of timm's."
    )
