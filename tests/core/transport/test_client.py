"""The HTTP client."""

import ssl

import pytest

from chrono.core.transport.client import DIRECT, http_client, tls


@pytest.mark.anyio
async def test_certificates_are_loaded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """They take tens of milliseconds, which a round would wait for whenever a stream is down."""
    async with http_client(), http_client(DIRECT):
        pass
    loaded: list[object] = []
    monkeypatch.setattr(ssl, "create_default_context", lambda *args, **options: loaded.append(options))
    async with http_client() as one, http_client() as other, http_client(DIRECT):
        assert one is not other
    assert loaded == []


@pytest.mark.parametrize("trust_env", [True, False])
def test_certificates_are_checked(trust_env: bool) -> None:
    """By what all clients share as well."""
    shared = tls(trust_env=trust_env)
    assert shared.verify_mode is ssl.CERT_REQUIRED
    assert shared.check_hostname
