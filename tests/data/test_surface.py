import subprocess
import sys

import learnkit.data


def test_all_names_are_sorted_and_exist():
    names = learnkit.data.__all__
    assert names == sorted(names)
    assert all(hasattr(learnkit.data, name) for name in names)


def test_no_heavy_package_is_imported():
    code = (
        "import sys, learnkit.data; "
        "print([m for m in ('torchvision', 'timm', 'matplotlib', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
