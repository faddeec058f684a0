from __future__ import annotations

import pytest

from module_utils.attacks.places import NOBODY
from module_utils.attacks.rounds import Plan
from plugin_utils.attack_driver import AttackError
from plugin_utils.attack_run import _somebody


@pytest.mark.parametrize("reason", NOBODY)
def test_a_run_without_anybody_to_try_as_is_refused(reason: str) -> None:
    with pytest.raises(AttackError, match=f"^{reason}, so nothing can be tried as one; mark one"):
        _somebody(Plan((), {"jump": reason}))


def test_a_place_that_a_fabric_lacks_is_no_fault() -> None:
    _somebody(Plan((), {"gateway-as-hop": "there is no gateway here"}))
