"""What collectors have written becomes landed files, each exactly once."""

from datetime import UTC, datetime

from pipelines.collect.landing import LandedFile, land, sweep_landing
from pipelines.collect.server.open_landing import remove_dead, request_seal, sealed_segments
from warehouse.home import Home

_SEAL_SECONDS = 10.0


def land_collected(home: Home, *, is_sealing: bool = False) -> list[LandedFile]:
    """Take up every sealed segment, also those of collectors that were killed; for the one writer.

    `is_sealing` has the collectors that live seal theirs first; one that does not answer in ten seconds is left out.
    A segment keeps its id, so one that a killed process has landed already is known.
    """
    sweep_landing(home)
    if is_sealing:
        request_seal(home, _SEAL_SECONDS)
    now, landed = datetime.now(UTC), []
    for segment in sealed_segments(home):
        if (home.landing / segment.path.name).exists():
            segment.path.unlink()
            continue
        file_id = segment.segment_id
        landed.append(
            land(home, segment.path, segment.connector, segment.source, None, now, move=True, file_id=file_id)
        )
    remove_dead(home)
    return landed
