"""The page of the inventory names every variable and key that is read, with the defaults of the model."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from module_utils.fabric import model, schema
from module_utils.fabric.schema import Field
from tools.inventory_page import default, inventory_page, kind

TABLES = (schema.GLOBALS, schema.HOST, schema.SWITCH)


def every(table: tuple[Field, ...]) -> Iterator[Field]:
    for f in table:
        yield f
        yield from every(f.record)


def test_every_variable_and_key_is_on_the_page() -> None:
    page = inventory_page("")
    missing = [f.key for table in TABLES for f in every(table) if f"{f.key}`" not in page or f.help[1:] not in page]
    assert missing == []


def test_rows_say_type_default_and_meaning() -> None:
    page = inventory_page("")
    assert "| `vlan` | 2 to 4094 | required | VLAN ID (SINET" in page
    assert "| `for` | list of `accounts`, `operators` | `[accounts, operators]` | Whose logins it is for. " in page
    assert "| `fabric_managed` | true or false | `true` | " in page
    assert "| `fabric_attachments[].mtu` | 1280 to 9000 | – | " in page  # noqa: RUF001 - a dash, as on the page
    assert "- A VLAN ID is one segment's: two on one switch would be one layer-2 domain.\n" in page


def test_a_count_is_part_of_the_type() -> None:
    assert kind(Field("ends", "records", "ends", record=schema.TRUNK_END, count=2)) == "list of mappings, exactly 2"


def test_an_optional_key_without_a_default_is_a_fault_of_the_sources() -> None:
    with pytest.raises(ValueError, match=r"Site\.name: the schema says that it is optional"):
        default(Field("name", "name", "name", required=False), model.Site)
