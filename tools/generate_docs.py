"""Write docs/reference/ from the tables of the inventory, the roles' argument specs and the modules' own documentation.

What a page says is written once, beside the code; `make docs` carries it over, and a test fails when the pages are stale.
"""

from __future__ import annotations

import argparse
import ast
import re
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from tools import inventory_page
from tools.role_files import Role, load_roles

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = Path("docs/reference")
NOTICE = "<!-- Made by `make docs`; edit the source named below instead. -->\n"

# Ansible's markup in documentation strings, and what it is in Markdown.
# https://docs.ansible.com/ansible/latest/dev_guide/ansible_markup.html
MARKUP = (
    (re.compile(r"\b(?:C|V|O|RV|E|M|P)\(([^)]*)\)"), r"`\1`"),
    (re.compile(r"\bI\(([^)]*)\)"), r"*\1*"),
    (re.compile(r"\bB\(([^)]*)\)"), r"**\1**"),
    (re.compile(r"\bL\(([^,)]*),\s*([^)]*)\)"), r"[\1](\2)"),
    (re.compile(r"\bU\(([^)]*)\)"), r"<\1>"),
)


def prose(text: str | Sequence[str] | None) -> str:
    """Return a description, which Ansible takes as a string or a list of paragraphs, as one line of Markdown."""
    joined = text if isinstance(text, str) else " ".join(text or [])
    joined = " ".join(joined.split())
    for pattern, replacement in MARKUP:
        joined = pattern.sub(replacement, joined)
    return joined


def cell(text: str) -> str:
    """Escape what would end a table's cell."""
    return text.replace("|", "\\|").replace("\n", " ")


def literal(value: object) -> str:
    """Return a YAML value as inline code."""
    text = yaml.safe_dump(value, default_flow_style=True, width=10**6).removesuffix("\n").removesuffix("\n...")
    return f"`{text}`"


def option_rows(options: Mapping[str, Mapping[str, Any]], prefix: str = "") -> Iterator[str]:
    """Yield one table row per option, those nested in it right behind it."""
    for name, option in options.items():
        kind = option.get("type", "str")
        elements = option.get("elements")
        need = "required" if option.get("required") else literal(option["default"]) if "default" in option else ""
        text = prose(option.get("description"))
        if choices := option.get("choices"):
            text += f" One of {', '.join(literal(choice) for choice in choices)}."
        shown = f"{kind} of {elements}" if elements else kind
        yield f"| `{prefix}{name}` | {shown} | {cell(need)} | {cell(text)} |"
        inside = f"{prefix}{name}[]." if elements == "dict" else f"{prefix}{name}."
        yield from option_rows(option.get("options") or option.get("suboptions") or option.get("contains") or {}, inside)


def table(options: Mapping[str, Mapping[str, Any]], third: str = "default") -> str:
    """Return a Markdown table of options, or a sentence where there are none."""
    if not options:
        return "None.\n"
    head = [f"| name | type | {third} | what it is |", "|---|---|---|---|"]
    return "\n".join([*head, *option_rows(options)]) + "\n"


def role_page(role: Role) -> str:
    """Return the page of one role: each entry point and its arguments."""
    parts = [NOTICE, f"# Role `{role.name}`\n", f"Source: `roles/{role.name}/meta/argument_specs.yml`\n"]
    for entry, spec in role.specs.items():
        parts.append(f"## `{entry}`: {prose(spec.get('short_description'))}\n")
        if description := prose(spec.get("description")):
            parts.append(f"{description}\n")
        parts.append(table(spec.get("options") or {}))
    return "\n".join(parts)


def module_strings(source: str) -> dict[str, str]:
    """Return the documentation strings (DOCUMENTATION, EXAMPLES, RETURN) that a module assigns, without importing it."""
    found: dict[str, str] = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            found.update({target.id: node.value.value for target in node.targets if isinstance(target, ast.Name)})
    return {name: found[name] for name in ("DOCUMENTATION", "EXAMPLES", "RETURN") if name in found}


def module_page(name: str, source: str) -> str:
    """Return the page of one module.

    Raises:
        ValueError: if the module has no DOCUMENTATION.
    """
    strings = module_strings(source)
    if "DOCUMENTATION" not in strings:
        msg = f"library/{name}.py: has no DOCUMENTATION string."
        raise ValueError(msg)
    documentation = yaml.safe_load(strings["DOCUMENTATION"])
    paragraphs = documentation.get("description") or []
    parts = [NOTICE, f"# Module `{name}`\n", f"Source: `library/{name}.py`\n"]
    parts.append(f"{prose(documentation.get('short_description'))}.\n")
    parts += [f"{prose(text)}\n" for text in ([paragraphs] if isinstance(paragraphs, str) else paragraphs)]
    parts += ["## Arguments\n", table(documentation.get("options") or {})]
    if notes := documentation.get("notes"):
        parts += ["## Notes\n", "\n".join(f"- {prose(note)}" for note in notes) + "\n"]
    if examples := strings.get("EXAMPLES", "").strip():
        parts += ["## Examples\n", f"```yaml\n{examples}\n```\n"]
    returns = yaml.safe_load(strings.get("RETURN", "")) or {}
    shown = {key: {k: v for k, v in value.items() if k != "default"} for key, value in returns.items()}
    parts += ["## Returns\n", table(shown, third="")]
    return "\n".join(parts)


def index_page(pages: Mapping[str, str]) -> str:
    """Return the list of all pages, by kind."""
    parts = [NOTICE, "# Reference\n"]
    if inventory_page.NAME in pages:
        parts.append(f"## Inventory\n\n- [every `fabric_*` variable]({inventory_page.NAME})\n")
    for kind, title in (("roles", "Roles"), ("modules", "Modules")):
        names = [Path(page).stem for page in sorted(pages) if page.startswith(f"{kind}/")]
        listed = "\n".join(f"- [{name}]({kind}/{name}.md)" for name in names) or "None yet."
        parts.append(f"## {title}\n\n{listed}\n")
    return "\n".join(parts)


def render(root: Path) -> dict[str, str]:
    """Return every page of the reference, by its path under docs/reference.

    Raises:
        ValueError: if a role's or module's source can't be read as documentation.
    """
    pages = {f"roles/{role.name}.md": role_page(role) for role in load_roles(root / "roles")}
    for path in sorted((root / "library").glob("*.py")):
        pages[f"modules/{path.stem}.md"] = module_page(path.stem, path.read_text())
    pages[inventory_page.NAME] = inventory_page.inventory_page(NOTICE)
    return {"README.md": index_page(pages), **pages}


def stale(pages: Mapping[str, str], reference: Path) -> list[str]:
    """Return the names of pages that are missing, outdated, or no longer made."""
    there = {str(path.relative_to(reference)): path.read_text() for path in reference.rglob("*.md")}
    return sorted(name for name in {*pages, *there} if pages.get(name) != there.get(name))


def write(pages: Mapping[str, str], reference: Path) -> None:
    """Put the pages, and nothing else, into the reference directory."""
    shutil.rmtree(reference, ignore_errors=True)  # it may not be there yet
    for name, text in pages.items():
        path = reference / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def main(arguments: list[str] | None = None) -> int:
    """Write the reference, or with --check only tell what is stale."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a page is stale")
    options = parser.parse_args(arguments)
    try:
        pages = render(ROOT)
    except (ValueError, SyntaxError, yaml.YAMLError) as error:
        print(error, file=sys.stderr)
        return 1
    if options.check:
        names = stale(pages, ROOT / REFERENCE)
        for name in names:
            print(f"{REFERENCE / name} is stale: run 'make docs' and commit the result.", file=sys.stderr)
        return 1 if names else 0
    write(pages, ROOT / REFERENCE)
    print(f"{len(pages)} pages written to {REFERENCE}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
