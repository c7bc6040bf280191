"""Tests of the decide stage."""
