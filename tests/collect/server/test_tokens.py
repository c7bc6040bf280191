import sqlite3
from pathlib import Path

import pytest

from pipelines.collect.server.tokens import UsedTokens


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def claimed(tokens: UsedTokens, *wanted: str) -> list[bool]:
    with tokens.claiming(wanted) as fresh:
        return fresh


def test_tokens_are_forgotten_after_their_time_and_not_before(tmp_path: Path) -> None:
    clock = Clock()
    tokens = UsedTokens(tmp_path / "tokens.sqlite", 86_400.0, clock)
    assert claimed(tokens, "a") == [True]
    clock.now += 80_000
    assert claimed(tokens, "a", "b") == [False, True]
    clock.now += 40_000
    assert claimed(tokens, "c") == [True]
    assert claimed(tokens, "a", "b") == [True, False]
    tokens.close()
    tokens.close()


def test_a_block_that_fails_uses_up_no_token(tmp_path: Path) -> None:
    tokens = UsedTokens(tmp_path / "tokens.sqlite", 60.0)
    with pytest.raises(ValueError, match="x"), tokens.claiming(["a"]):
        raise ValueError("x")
    assert claimed(tokens, "a") == [True]
    tokens.close()


def test_two_collectors_share_their_tokens_and_only_digests_are_kept(tmp_path: Path) -> None:
    one, other = (UsedTokens(tmp_path / "tokens.sqlite", 60.0) for _ in range(2))
    assert claimed(one, "a-token-of-many-letters") == [True]
    assert claimed(other, "a-token-of-many-letters") == [False]
    one.close()
    other.close()
    assert b"many-letters" not in (tmp_path / "tokens.sqlite").read_bytes()


def test_a_file_that_cannot_be_used_is_an_error_of_the_disk(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="opened"), UsedTokens(tmp_path, 60.0).claiming(["a"]):
        pass
    tokens = UsedTokens(tmp_path / "tokens.sqlite", 60.0)
    claimed(tokens, "a")
    con = sqlite3.connect(tmp_path / "tokens.sqlite")
    con.execute("DROP TABLE tokens")
    con.close()
    with pytest.raises(OSError, match="written"), tokens.claiming(["b"]):
        pass
    tokens.close()
