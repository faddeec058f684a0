from __future__ import annotations

from pathlib import Path

from twin.nodes import FORMER, take_back


def test_a_node_whose_restore_was_cut_short_holds_what_it_held(tmp_path: Path) -> None:
    (tmp_path / FORMER).mkdir()
    (tmp_path / FORMER / "state").write_text("before")
    (tmp_path / "upper.new").mkdir()
    take_back(tmp_path)
    assert (tmp_path / "upper/state").read_text() == "before"
    assert not (tmp_path / FORMER).exists()


def test_what_a_node_holds_now_stays(tmp_path: Path) -> None:
    for name in ("upper", FORMER):
        (tmp_path / name).mkdir()
        (tmp_path / name / "state").write_text(name)
    take_back(tmp_path)
    assert (tmp_path / "upper/state").read_text() == "upper"
