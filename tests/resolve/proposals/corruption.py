"""A world of households whose people are there once or twice, the second time with errors."""

import random
from collections.abc import Callable

from tests.resolve.proposals.worlds import Entries

_SYLLABLES = ("ba", "cor", "del", "fin", "gal", "ho", "jun", "ka", "lor", "mi", "nes", "pa", "ro", "sa", "tul", "ve")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_FORMS = ("{1}-{2}-{3}", "{3}.{2}.{1}", "{1}{2}{3}")


def world(households: int, seed: int = 1) -> dict[str, dict[str, str]]:
    """Entries of households of one to four people: about four in ten have a second one, with an error or two."""
    chance = random.Random(seed)
    names = [_word(chance, 2) for _ in range(120)]
    entries: dict[str, dict[str, str]] = {}
    for household in range(households):
        shared = _household(chance)
        for place in range(chance.randint(1, 4)):
            entry = {**shared, **_member(chance, names, shared)}
            identifier = f"record_id:{household}-{place}"
            entries[f"{identifier}/0"] = entry
            if chance.random() < 0.4:
                entries[f"{identifier}/1"] = _corrupted(chance, entry)
    return entries


def household_of(identifier: str) -> str:
    """The household of an entry."""
    return identifier.removeprefix("record_id:").partition("-")[0]


def shuffled(entries: Entries, seed: int) -> Entries:
    """The same entries in another order."""
    keys = sorted(entries)
    random.Random(seed).shuffle(keys)
    return {key: entries[key] for key in keys}


def _household(chance: random.Random) -> dict[str, str]:
    return {
        "lastName": _word(chance, 3),
        "street": f"{_word(chance, 3)} street {chance.randint(1, 200)}",
        "city": _word(chance, 3),
        "postalCode": str(chance.randint(10_000, 99_999)),
        "phone": f"+49 30 {chance.randint(1_000_000, 9_999_999)}",
    }


def _member(chance: random.Random, names: list[str], shared: dict[str, str]) -> dict[str, str]:
    given = chance.choice(names)
    return {"firstName": given, "birthday": _birth(chance), "email": f"{given}.{shared['lastName']}@mail.example"}


def _birth(chance: random.Random) -> str:
    return f"{chance.randint(1940, 2005)}-{chance.randint(1, 12):02d}-{chance.randint(1, 28):02d}"


def _word(chance: random.Random, syllables: int) -> str:
    return "".join(chance.choice(_SYLLABLES) for _ in range(syllables))


def _corrupted(chance: random.Random, entry: dict[str, str]) -> dict[str, str]:
    for error in chance.sample(_ERRORS, chance.randint(1, 2)):
        entry = error(chance, entry)
    return {**entry, "birthday": _other_form(chance, entry["birthday"])}


def _other_form(chance: random.Random, birth: str) -> str:
    return chance.choice(_FORMS).format("", *birth.split("-"))


def _slip(chance: random.Random, entry: dict[str, str]) -> dict[str, str]:
    name = chance.choice(("firstName", "lastName", "city"))
    place = chance.randrange(len(entry[name]))
    return {**entry, name: entry[name][:place] + chance.choice(_LETTERS) + entry[name][place + 1 :]}


def _swap(_: random.Random, entry: dict[str, str]) -> dict[str, str]:
    return {**entry, "firstName": entry["lastName"].upper(), "lastName": entry["firstName"]}


def _move(chance: random.Random, entry: dict[str, str]) -> dict[str, str]:
    return {**entry, **{name: value for name, value in _household(chance).items() if name != "lastName"}}


def _forget(chance: random.Random, entry: dict[str, str]) -> dict[str, str]:
    left_out = chance.choice(("email", "phone", "street"))
    return {name: value for name, value in entry.items() if name != left_out}


_ERRORS: tuple[Callable[[random.Random, dict[str, str]], dict[str, str]], ...] = (_slip, _swap, _move, _forget)
