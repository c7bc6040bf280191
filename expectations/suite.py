"""A suite: all rules of a table, those that follow from its declaration and those written by hand."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace

from expectations.rule import InSet, NotNull, Rule
from schemas.table import Column, Table

# What the settings declare for a column, for example the channels of the company.
Declared = Mapping[str, Collection[str]]


@dataclass(frozen=True)
class Suite:
    """The rules of `table`.

    `rules` judge an incoming row, in this order: the first that fails is the reason of the rejection.
    `staged_rules` concern the columns that the run fills afterwards. `settings` gives, by column, the rule for the
    values that the settings declare; it has the code of the rule that it stands in for.
    """

    table: str
    rules: tuple[Rule, ...]
    staged_rules: tuple[Rule, ...] = ()
    settings: Mapping[str, Callable[[Collection[str]], Rule]] = field(default_factory=dict)

    @property
    def checkpoint_rules(self) -> tuple[Rule, ...]:
        """Both, as the checkpoint asks them of the staged files."""
        return self.rules + self.staged_rules

    def declaring(self, declared: Declared) -> "Suite":
        """The suite for the values that the settings declare; columns without a rule for that are passed over."""
        made = {rule.code: rule for rule in (self.settings[c](v) for c, v in declared.items() if c in self.settings)}
        return replace(self, rules=tuple(made.get(rule.code, rule) for rule in self.rules))


def default_rules(table: Table, columns: Collection[str] | None = None) -> tuple[Rule, ...]:
    """Rules that follow from the declaration of `table`, or of these `columns` of it: NOT NULL, InSet."""
    declared = [column for column in table.columns if columns is None or column.name in columns]
    missing = [_required(column) for column in declared if not column.nullable]
    unknown = [_closed(column) for column in declared if column.values]
    return (*missing, *unknown)


def _required(column: Column) -> Rule:
    return Rule(
        code=f"missing_{column.name}",
        wrong=f"{column.name} ({column.doc}) is missing",
        mend="send it, or map the field that holds it",
        check=NotNull(column.name),
    )


def _closed(column: Column) -> Rule:
    return Rule(
        code=f"unknown_{column.name}",
        wrong=f"{column.name} ({column.doc}) is none of {', '.join(column.values)}",
        mend="send one of these, or map its values to them",
        check=InSet(column.name, column.values),
    )
