"""Bench files that ship: `hil run ... --bench NAME` finds NAME.toml here."""
