from __future__ import annotations

from typing import Any

import pytest

from module_utils.matrix.knocks import knock_verdict, knocks_prove


def answers(*words: str) -> dict[str, Any]:
    return {"answers": [{"address": "192.0.2.1", "port": 22, "answer": word} for word in words]}


@pytest.mark.parametrize(
    ("result", "verdict"),
    [
        (answers("silent", "closed"), "refused"),
        (answers("silent", "open"), "open"),
        (answers("absent", "open"), "open"),
        (answers("silent", "absent"), "nothing"),
        ({"unreachable": True}, "nothing"),
        ({"failed": True, "msg": "knocking at 192.0.2.1 needs root"}, "broken"),
        (answers(), "broken"),
    ],
)
def test_silence_counts_only_where_somebody_knocked(result: dict[str, Any], verdict: str) -> None:
    assert knock_verdict(result) == verdict


def test_something_has_to_be_tried() -> None:
    assert not knocks_prove([])
    assert knocks_prove([answers("silent"), answers("closed")])
    assert not knocks_prove([answers("silent"), {"unreachable": True}])
