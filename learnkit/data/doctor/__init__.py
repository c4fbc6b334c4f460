"""What is wrong with data: see docs/doctor.md."""

from learnkit.data.doctor.balance import ClassCounts
from learnkit.data.doctor.finding import Aside, Finding
from learnkit.data.doctor.folders import check_folder
from learnkit.data.doctor.options import CheckOptions
from learnkit.data.doctor.quarantine import Moved, move_aside
from learnkit.data.doctor.report import DataReport
from learnkit.data.doctor.undo import put_back

__all__ = [
    "Aside",
    "CheckOptions",
    "ClassCounts",
    "DataReport",
    "Finding",
    "Moved",
    "check_folder",
    "move_aside",
    "put_back",
]
