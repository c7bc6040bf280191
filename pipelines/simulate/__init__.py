"""Simulate: a world with known truth."""

from pipelines.simulate.load import web_calls
from pipelines.simulate.simulation import simulate
from pipelines.simulate.world import CHANNELS, Simulation, World

__all__ = ["CHANNELS", "Simulation", "World", "simulate", "web_calls"]
