"""Contract tests for callbacks, for the authors of plug-ins: plain functions, for any test runner.

``check_callback(MyCallback)`` runs all of them. Nothing here is imported by the rest of learnkit.
"""

from learnkit.testing.again import check_second_fit
from learnkit.testing.contract import check_callback
from learnkit.testing.ends import check_errors, check_interrupts
from learnkit.testing.failure import ContractError
from learnkit.testing.order import check_event_order
from learnkit.testing.resumes import check_resume
from learnkit.testing.states import check_state_round_trip
from learnkit.testing.tiny import tiny_learner
from learnkit.testing.watching import check_looks_on

__all__ = [
    "ContractError",
    "check_callback",
    "check_errors",
    "check_event_order",
    "check_interrupts",
    "check_looks_on",
    "check_resume",
    "check_second_fit",
    "check_state_round_trip",
    "tiny_learner",
]
