"""The folder that holds everything: where each thing lies under it."""

from dataclasses import dataclass
from pathlib import Path

from warehouse.errors import RapportError
from warehouse.settings import load_settings


@dataclass(frozen=True)
class Home:
    """The paths of one home, absolute; nothing is made until `prepare`."""

    root: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "root", self.root.resolve())

    @property
    def settings_file(self) -> Path:
        """Settings, TOML."""
        return self.root / "rapport.toml"

    @property
    def landing(self) -> Path:
        """Files as they were received, immutable."""
        return self.root / "landing" / "files"

    @property
    def inbox(self) -> Path:
        """Where others drop files: inbox/<connector>/… (table: inbox/table/<source>/…)."""
        return self.root / "landing" / "inbox"

    @property
    def collected(self) -> Path:
        """Segments that collectors write, one folder each."""
        return self.root / "landing" / "open"

    @property
    def mappings(self) -> Path:
        """One mapping (TOML) per source of the `table` connector."""
        return self.root / "mappings"

    @property
    def offers(self) -> Path:
        """The offer catalogue, TOML files."""
        return self.root / "offers"

    @property
    def data(self) -> Path:
        """The lake's Parquet files: where the setting `data_path` says, relative to the home, else in the home."""
        return self.root / (load_settings(self.settings_file).data_path or Path("lake", "data"))

    @property
    def catalog(self) -> Path:
        """The writer's catalog."""
        return self.root / "lake" / "catalog.ducklake"

    @property
    def published(self) -> Path:
        """Read-only copies of the catalog, and the pointer to the newest."""
        return self.root / "lake" / "published"

    @property
    def staging(self) -> Path:
        """Files that no commit knows yet; swept when a writer starts."""
        return self.root / "lake" / "staging"

    @property
    def dirty(self) -> Path:
        """There while a writer works; one that finds it knows that another did not end as it should."""
        return self.data / "dirty"

    @property
    def index(self) -> Path:
        """Sorted keys of all interactions, one segment per commit; made anew if lost."""
        return self.root / "lake" / "index"

    @property
    def temporary(self) -> Path:
        """Spill files of DuckDB and Beam."""
        return self.root / "lake" / "tmp"

    @property
    def prefect(self) -> Path:
        """Prefect's own home."""
        return self.root / "prefect"

    def prepare(self) -> None:
        """Make the folders. Raises RapportError for a path that DuckDB cannot open."""
        data = str(self.data.resolve())
        if set(data) & set("*?["):
            raise RapportError(
                f"the path {data} has a *, ? or [, which DuckDB takes for a pattern; choose another folder"
            )
        for folder in (
            self.landing,
            self.inbox,
            self.mappings,
            self.offers,
            self.data,
            self.published,
            self.staging,
            self.index,
            self.temporary,
        ):
            folder.mkdir(parents=True, exist_ok=True)
