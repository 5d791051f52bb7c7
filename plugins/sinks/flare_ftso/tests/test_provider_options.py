"""What an operator may say of a provider, as what it is made of."""

import pytest
from pydantic import SecretStr, ValidationError

from chrono_flare_ftso.keys.kinds import Web3SignerKey
from chrono_flare_ftso.lease import Terms
from chrono_flare_ftso.provider.options import LeaseOptions


def test_a_lease_is_as_long_as_it_says():
    assert LeaseOptions.model_validate({"file": "flare.lease"}).terms() == Terms(15, 5, 2)
    said = {"file": "flare.lease", "ttl": "3s", "margin": "1s", "every": "500ms"}
    assert LeaseOptions.model_validate(said).terms() == Terms(3, 1, 0.5)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({}, "expected file or postgres, was neither; give one of them"),
        ({"file": "a", "postgres": "postgresql://b"}, "expected file or postgres, was both; give one of them"),
        ({"file": "a", "ttl": "5s"}, "expected a ttl of at least the margin and twice every, was 5 s; make it 9 s"),
        ({"file": "a", "margin": "0s"}, "greater than 0"),
    ],
)
def test_a_lease_that_cannot_be_held_is_refused(said, told):
    with pytest.raises(ValidationError, match=told):
        LeaseOptions.model_validate(said)


def test_a_server_is_in_no_repr():
    options = LeaseOptions.model_validate({"postgres": SecretStr("postgresql://chrono:hunter2@db/flare")})
    assert "hunter2" not in repr(options)


@pytest.mark.parametrize("more", [{}, {"basic": {"user": "chrono", "password": "${env:SIGNER_WORD}"}}])
def test_a_remote_signer_has_the_seconds_that_it_was_given(more, monkeypatch):
    monkeypatch.setenv("SIGNER_WORD", "hunter2")
    key = Web3SignerKey.model_validate({"web3signer": "http://127.0.0.1:9000", "timeout": "1500ms", **more})
    assert key._access().timeout == 1.5
