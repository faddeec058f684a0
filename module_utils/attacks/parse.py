"""Makes a catalogue of what people write under attacks/, and names everything that is wrong in it at once."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..fabric.model import FAMILIES
from ..fabric.problems import agree, shorten
from .codes import REFUSALS
from .model import AT, Attempt, Catalogue, Layer, Step
from .places import KEYS, USERS

_NAME = re.compile(r"[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*")
_LAYER = {"name": str, "what": str, "at": str, "remove": str, "module": str, "arguments": dict, "refusals": list, "undo": str}
_LAYER_NEEDS = ("name", "what", "at", "refusals")
_ATTEMPT = {
    "name": str,
    "what": str,
    "idea": str,
    "from": str,
    "to": str,
    "via": str,
    "beyond": str,
    "hop": str,
    "user": str,
    "keys": list,
    "service": str,
    "families": list,
    "prepare": list,
    "try": str,
    "try_at": str,
    "undo": list,
    "refused": str,
    "words": str,
    "layers": list,
    "open": str,
    "waits_for": str,
    "harmless": bool,
    "sample": bool,
    "disturbs": bool,
}
_ATTEMPT_NEEDS = ("name", "what", "idea", "from", "to", "try")
_CHANGING = ("anew", "another_machine", "chmod", "ip", "nft", "plant", "rm", "sysctl", "systemctl", "usermod")
"""Words of a script that a harmless attempt has not."""
_WORDS = {str: "text", list: "a list", bool: "true or false", dict: "a mapping"}


class CatalogueError(ValueError):
    """A catalogue that can't be used; ``lines`` holds one sentence for each fault."""

    def __init__(self, lines: Sequence[str]) -> None:
        """Keep the sentences; the message is all of them."""
        self.lines = tuple(lines)
        super().__init__(f"{len(lines)} fault{'' if len(lines) == 1 else 's'} in the catalogue:\n" + "\n".join(lines))


def parse_catalogue(layers: Mapping[str, Any], families: Mapping[str, Any]) -> Catalogue:
    """Return the catalogue of parsed YAML: ``layers`` and ``families`` are contents by file name.

    Raises ``CatalogueError`` that names every fault: file, entry, what is there, what would be right.
    """
    reader = _Reader()
    known = {layer.name: layer for layer in reader.layers(layers)}
    attempts = tuple(reader.attempts(families, known))
    if reader.faults:
        raise CatalogueError(reader.faults)
    return Catalogue(attempts, known)


class _Reader:
    """Reads entries, and collects a sentence for each fault."""

    def __init__(self) -> None:
        self.faults: list[str] = []
        self._names: set[str] = set()

    def layers(self, files: Mapping[str, Any]) -> Iterator[Layer]:
        for file, entry, place in self._entries(files, _LAYER, _LAYER_NEEDS):
            self._one_of(file, place, "at", entry["at"], AT)
            for code in entry["refusals"]:
                self._one_of(file, place, "refusals", code, REFUSALS)
            if ("remove" in entry) == ("module" in entry):
                self._wrong(file, place, "remove", None, "and module: both are there, or none is", "write one of both")
            yield Layer(
                entry["name"],
                entry["what"],
                entry["at"],
                entry.get("remove", ""),
                tuple(entry["refusals"]),
                entry.get("undo", ""),
                entry.get("module", ""),
                json.dumps(entry["arguments"]) if "arguments" in entry else "",
            )

    def attempts(self, files: Mapping[str, Any], layers: Mapping[str, Layer]) -> Iterator[Attempt]:
        for file, entry, place in self._entries(files, _ATTEMPT, _ATTEMPT_NEEDS):
            for layer in entry.get("layers", ()):
                self._one_of(file, place, "layers", layer, layers)
            self._one_of(file, place, "user", entry.get("user", "account"), USERS)
            for key in entry.get("keys", ()):
                self._one_of(file, place, "keys", key, KEYS)
            for family in entry.get("families", ()):
                self._one_of(file, place, "families", family, FAMILIES)
            self._one_of(file, place, "try_at", entry.get("try_at", "origin"), AT)
            self._end(file, place, entry, layers)
            prepare, undo = (tuple(self._steps(file, place, entry, name)) for name in ("prepare", "undo"))
            yield _attempt(file, entry, prepare, undo)

    def _end(self, file: str, place: str, entry: Mapping[str, Any], layers: Mapping[str, Layer]) -> None:
        """An attempt is refused, and says by what; or it is open, and says what for."""
        if "waits_for" in entry and "open" not in entry:
            self._wrong(file, place, "waits_for", entry["waits_for"], "stands without open", "say there why, or leave it out")
        if "open" in entry:
            for name in ("refused", "layers"):
                if name in entry:
                    self._wrong(file, place, name, entry[name], "stands beside open", "leave out one of both")
            return
        for name in ("refused", "layers"):
            if not entry.get(name):
                self._wrong(file, place, name, None, "is missing", "say how it is refused, or why it is open")
        if "refused" in entry:
            self._one_of(file, place, "refused", entry["refused"], REFUSALS)
        self._harmless(file, place, entry)
        for role in ("via", "beyond"):
            needing = [name for name in entry.get("layers", ()) if name in layers and layers[name].at == role]
            if needing and role not in entry:
                self._wrong(file, place, role, None, "is missing", f"name where {agree(needing, 'stands', 'stand')}")

    def _harmless(self, file: str, place: str, entry: Mapping[str, Any]) -> None:
        if entry.get("sample") and not entry.get("harmless"):
            self._wrong(file, place, "sample", True, "is not marked harmless", "leave out sample")
        if not entry.get("harmless"):
            return
        if entry.get("prepare") or entry.get("undo"):
            self._wrong(file, place, "harmless", True, "has steps that prepare or undo", "leave out harmless")
        changing = sorted(word for word in _CHANGING if re.search(rf"(?<![\w-]){word}(?![\w-])", entry["try"]))
        if changing or entry.get("disturbs"):
            words = ", ".join(changing) or "disturbs"
            self._wrong(file, place, "harmless", True, f"changes something by {words}", "leave out harmless")

    def _steps(self, file: str, place: str, entry: Mapping[str, Any], name: str) -> Iterator[Step]:
        for number, step in enumerate(entry.get(name, ())):
            if not isinstance(step, Mapping) or set(step) != {"at", "run"}:
                self._wrong(file, place, f"{name}[{number}]", step, "is no step", "write at: and run:")
                continue
            self._one_of(file, place, f"{name}[{number}].at", step["at"], AT)
            yield Step(str(step["at"]), str(step["run"]))

    def _entries(
        self, files: Mapping[str, Any], fields: Mapping[str, type], needs: Sequence[str]
    ) -> Iterator[tuple[str, dict[str, Any], str]]:
        for file, content in files.items():
            if not isinstance(content, list):
                self._wrong(file, "", "", content, "is no list of entries", "write one entry after each hyphen")
                continue
            for number, entry in enumerate(content):
                place = str(entry["name"]) if isinstance(entry, Mapping) and "name" in entry else f"entry {number + 1}"
                if not isinstance(entry, Mapping):
                    self._wrong(file, place, "", entry, "is no entry", "write its fields, name: first")
                elif self._fields(file, place, entry, fields, needs):
                    yield file, dict(entry), place

    def _fields(self, file: str, place: str, entry: Mapping[str, Any], fields: Mapping[str, type], needs: Sequence[str]) -> bool:
        before = len(self.faults)
        for name in needs:
            if name not in entry:
                self._wrong(file, place, name, None, "is missing", f"every entry has {', '.join(needs)}")
        for name, value in entry.items():
            if name not in fields:
                self._wrong(file, place, str(name), value, "is not known", f"known are {', '.join(fields)}")
            elif not isinstance(value, fields[name]):
                self._wrong(file, place, name, value, f"is not {_WORDS[fields[name]]}", f"write {_WORDS[fields[name]]}")
        own = entry.get("name")
        if isinstance(own, str):
            if not _NAME.fullmatch(own):
                self._wrong(file, place, "name", own, "is no name", "use lower-case letters, digits, - and _, a letter first")
            if own in self._names:
                self._wrong(file, place, "name", own, "is there twice", "give each its own")
            self._names.add(own)
        return len(self.faults) == before

    def _one_of(self, file: str, place: str, name: str, value: object, known: Any) -> None:
        if value not in known:
            self._wrong(file, place, name, value, "is not known", f"known are {', '.join(sorted(known))}")

    def _wrong(self, file: str, place: str, name: str, value: object, message: str, wanted: str) -> None:
        where = ": ".join(part for part in (file, place, name) if part)
        shown = "" if value is None else f" = {shorten(value)}"
        self.faults.append(f"{where}{shown}: {message}; {wanted}")


def _attempt(file: str, entry: Mapping[str, Any], prepare: tuple[Step, ...], undo: tuple[Step, ...]) -> Attempt:
    return Attempt(
        name=entry["name"],
        what=entry["what"],
        idea=entry["idea"],
        origin=entry["from"],
        target=entry["to"],
        script=entry["try"],
        code=entry.get("refused", ""),
        layers=tuple(entry.get("layers", ())),
        user=entry.get("user", "account"),
        keys=tuple(entry.get("keys", ())),
        service=entry.get("service", "ssh"),
        families=tuple(entry.get("families", FAMILIES)),
        via=entry.get("via", ""),
        beyond=entry.get("beyond", ""),
        hop=entry.get("hop", ""),
        words=entry.get("words", ""),
        prepare=prepare,
        undo=undo,
        tried_at=entry.get("try_at", "origin"),
        open=entry.get("open", ""),
        waits_for=entry.get("waits_for", ""),
        harmless=entry.get("harmless", False),
        sample=entry.get("sample", False),
        disturbs=entry.get("disturbs", False),
        group=file.rsplit("/", 1)[-1].removesuffix(".yml"),
    )
