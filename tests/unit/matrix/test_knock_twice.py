from __future__ import annotations

import asyncio
from contextlib import nullcontext
from typing import Any

import pytest

from module_utils.matrix import probe
from module_utils.matrix.attempts import Attempt, Endpoint, OriginPlan
from module_utils.matrix.outcomes import ADMITTED, Outcome

TARGET = Endpoint("data1", "192.0.2.72", 2022)


@pytest.mark.parametrize(
    ("answers", "waited", "code"),
    [
        ([Outcome("tcp-timeout"), ADMITTED], [2.0, 4.0], "admitted"),
        ([Outcome("tcp-timeout"), Outcome("tcp-timeout")], [2.0, 4.0], "tcp-timeout"),
        ([Outcome("tcp-reset")], [2.0], "tcp-reset"),
        ([ADMITTED], [2.0], "admitted"),
    ],
)
def test_a_place_that_does_not_answer_is_asked_once_more_with_more_patience(
    monkeypatch: pytest.MonkeyPatch, answers: list[Outcome], waited: list[float], code: str
) -> None:
    patience: list[float] = []
    left = iter(answers)

    async def connect(_endpoint: Endpoint, seconds: float) -> Outcome:
        patience.append(seconds)
        return next(left)

    async def never() -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(probe, "_connect", connect)
    monkeypatch.setattr(probe, "_caller_gone", never)
    place: Any = nullcontext()
    prober = probe.Prober(place, probe.Limits(), full=False, stop=probe.Stop())
    made = asyncio.run(prober.run(OriginPlan("flow-n2", (), (TARGET,))))
    assert made.outcomes[Attempt("tcp", TARGET)].code == code
    assert patience == waited
