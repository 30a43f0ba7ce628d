"""Sessions that find their step sooner: there is no network in between."""

import pytest


@pytest.fixture(autouse=True)
def _soon_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hil.drivers.session.exchange.QUIET_S", 0.02)
