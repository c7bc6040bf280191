"""Homes with a long history, built once through the product and kept; each run of a benchmark takes a copy."""

import os
import shutil
import tempfile
from pathlib import Path

from benchmarks.sessions import AS_OF, MAPPING, SOURCE, Shop
from flows.ingest import ingest_paths
from flows.starter import write_starter
from flows.steps import PLAIN, main_job
from flows.work import Work
from warehouse.home import Home
from warehouse.lake import open_writer
from warehouse.maintain import maintain


def history_home(folder: Path, shop: Shop, events: int) -> Home:
    """The home with `events` events of `shop` under `folder`, made if it is not there yet."""
    home = Home(folder / f"history-{events}-{shop.customers}")
    if not home.root.exists():
        draft = Home(home.root.with_name(home.root.name + ".part"))
        shutil.rmtree(draft.root, ignore_errors=True)
        _build(draft, shop, events)
        draft.root.replace(home.root)
    return home


def copied_home(home: Home, root: Path) -> Home:
    """A copy of `home` at `root`. Data files are never changed in place, so they are shared by hard links."""
    shutil.copytree(home.root, root, copy_function=_linked)
    return Home(root)


def _linked(source: str, target: str) -> str:
    if source.endswith((".parquet", ".npy")):
        os.link(source, target)
        return target
    return str(shutil.copy2(source, target))


def _build(home: Home, shop: Shop, events: int) -> None:
    """Load the history month by month, a commit each, then one run over all of it, and the upkeep of a night."""
    write_starter(home)
    (home.mappings / f"{SOURCE}.toml").write_text(MAPPING, encoding="utf-8")
    with tempfile.TemporaryDirectory(prefix="history-", dir=home.root.parent) as name, open_writer(home) as lake:
        for path in shop.write_history(Path(name), events):
            ingest_paths(lake, "table", [path], SOURCE)
        main_job(Work(lake, AS_OF, lambda _: None), PLAIN)
        maintain(lake, lake.settings.maintain)
