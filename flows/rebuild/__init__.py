"""Rebuild: everything anew from what was landed, compared with the live lake, then put in its place."""

from flows.rebuild.rebuild import RebuildReport, rebuild

__all__ = ["RebuildReport", "rebuild"]
