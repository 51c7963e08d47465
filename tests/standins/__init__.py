"""Servers on loopback that stand where the world begins."""
