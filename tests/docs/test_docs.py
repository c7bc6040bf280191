"""The documentation says what the code is: generated pages, complete lists, links that lead somewhere, an example."""

import re
import shlex
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest
from typer.main import get_group
from typer.testing import CliRunner

from flows.main import app
from pipelines.decide.catalogue import Offer
from pipelines.decide.rule import gates
from schemas.tables import tables
from tests.docs.pages import DOCS, PAGES, ROOT
from warehouse.settings import Settings

RECORDS = sorted((DOCS / "decisions").glob("*.md"))
WRITTEN = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(DOCS.glob("*.md")), *RECORDS]
_FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\((?!https?:)([^)#]*)(#[^)]+)?\)")
_REPOSITORY_PATH = re.compile(r"`((?:schemas|expectations|warehouse|pipelines|flows|benchmarks|tests|docs)/[^`<*{ ]*)`")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", PAGES)
def test_a_generated_page_is_what_the_code_declares(name: str) -> None:
    assert text(DOCS / name) == PAGES[name](), "write it again: python -m tests.docs.pages"


def test_the_readme_lists_every_command() -> None:
    listed = re.findall(r"^\| `rapport (\w+)", text(ROOT / "README.md"), re.MULTILINE)
    assert listed == list(dict.fromkeys(listed))
    assert set(listed) == set(get_group(app).commands)


def test_the_readme_lists_every_target_of_make() -> None:
    targets = re.findall(r"^\.PHONY: (.+)$", text(ROOT / "Makefile"), re.MULTILINE)[0].split()
    assert re.findall(r"^\| `make ([\w-]+)", text(ROOT / "README.md"), re.MULTILINE) == targets


def test_every_setting_stands_in_the_operating_page_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `([^`]+)` \| (.*?) \|", text(DOCS / "operating.md"), re.MULTILINE))
    for name, default in _settings():
        shown = {
            bool: f"`{str(default).lower()}`",
            str: f'`"{default}"`',
            int: f"`{default}`",
            float: f"`{default}`",
            dict: "`{}`",
        }
        if isinstance(default, tuple):
            assert rows[name] == ", ".join(f"`{value}`" for value in default)
        elif name != "[identity] priorities":
            assert rows[name] == shown[type(default)]


def _settings() -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    for field in fields(Settings):
        value = getattr(Settings(), field.name)
        if is_dataclass(value):
            found += [(f"[{field.name}] {inner.name}", getattr(value, inner.name)) for inner in fields(value)]
        else:
            found.append((field.name, value))
    return found


def test_the_priorities_of_kinds_stand_in_the_operating_page() -> None:
    shown = re.findall(r"`(\w+)`\s+(\d+)[,.]", text(DOCS / "operating.md"))
    assert {kind: int(priority) for kind, priority in shown} == Settings().identity.priorities


def test_the_deciding_page_lists_the_gates_in_their_order() -> None:
    section = text(DOCS / "deciding.md").partition("## Gates")[2].partition("## Score")[0]
    assert re.findall(r"^\| `(\w+)`", section, re.MULTILINE) == list(gates())


def test_the_deciding_page_lists_every_field_of_an_offer() -> None:
    section = text(DOCS / "deciding.md").partition("## The offer catalogue")[2].partition("Conditions,")[0]
    listed = set(re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (.*?) \|", section, re.MULTILINE))))
    declared = {field.name for field in fields(Offer)} - {"offer_id", "rules", "file"}
    assert listed == declared | {"id"}


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: page.name)
def test_every_link_and_every_path_leads_somewhere(page: Path) -> None:
    for target, heading in _LINK.findall(text(page)):
        found = (page.parent / target) if target else page
        assert found.exists(), target
        assert not heading or heading[1:] in _anchors(found), heading
    for path in _REPOSITORY_PATH.findall(text(page)):
        assert (ROOT / path).exists(), path


def _anchors(page: Path) -> set[str]:
    return {
        re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in _HEADING.findall(text(page))
    }


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: page.name)
def test_a_console_block_holds_commands_that_exist(page: Path) -> None:
    for kind, block in _FENCED.findall(text(page)):
        for line in block.splitlines() if kind == "console" else ():
            words = shlex.split(line)
            assert words[0] == "make" or (words[0] == "rapport" and _command(words) in get_group(app).commands)


def _command(words: list[str]) -> str:
    return words[3] if words[1] == "--home" else words[1]


def test_the_records_are_numbered_without_gap_and_have_their_three_parts() -> None:
    assert [record.name[:3] for record in RECORDS] == [f"{number:03d}" for number in range(1, len(RECORDS) + 1)]
    for record in RECORDS:
        assert text(record).startswith(f"# {record.name[:3]}. ")
        assert re.findall(r"^## (\w+)$", text(record), re.MULTILINE) == ["Context", "Decision", "Consequences"]


def test_every_table_of_the_stages_is_a_table() -> None:
    rows = re.findall(r"^\| \w+ \| [^|`]+ \| (.+) \|$", text(ROOT / "README.md"), re.MULTILINE)
    named = re.findall(r"`(\w+)`", " ".join(rows))
    assert len(named) > 10
    assert set(named) <= set(tables())


def test_the_example_of_the_mappings_page_runs_as_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = text(DOCS / "mappings.md")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RAPPORT_HOME", raising=False)
    runner, said, compared = CliRunner(), "", 0
    for kind, block in _FENCED.findall(page):
        if kind in ("csv", "toml"):
            Path(f"till.{kind}").write_text(block, encoding="utf-8")
        for line in block.splitlines() if kind == "console" else ():
            answer = runner.invoke(app, shlex.split(line)[1:])
            assert answer.exit_code == 0, answer.output
            said = answer.stdout
        if kind == "text":
            assert said == block
            compared += 1
    assert compared == 4
