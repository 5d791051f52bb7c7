"""The process of the keys: what it signs, what can be seen of it, how it ends, and how it comes back."""

import asyncio
import contextlib
import logging
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from keys_at_hand import (
    ADDRESSES,
    CHAIN,
    CONTRACT,
    KEYS,
    PASSWORD,
    ROLES,
    STRANGER,
    keystore,
    preimage,
    private,
    secrets,
    signer_of,
)
from pydantic import SecretStr

from chrono_flare_ftso.keys import KeyRefused, NotSigned, SignerFault, message_preimage
from chrono_flare_ftso.keys.frames import LARGEST, BrokenFrame, Frames, Refused, Sign, Start, packed, unpacked
from chrono_flare_ftso.keys.keystore import Given, InFile, Keystore, RawKey
from chrono_flare_ftso.keys.process import LONGEST, KeyProcess

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(sys.platform != "linux", reason="what is seen of a process is read from /proc"),
]
TESTS = Path(__file__).parent


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request):
    """Pipelines run on uvloop, whose transports are of other classes."""
    return "asyncio", {"use_uvloop": request.param}


def start(folder):
    """Return a keystore whose password a file has, one whose password was given, and a key that was."""
    word = str(private(folder / "password", PASSWORD))
    return Start(
        {
            "submit": Keystore(str(keystore(folder / "a", 0)), InFile(word)),
            "submit_signatures": Keystore(str(keystore(folder / "b", 1)), Given(SecretStr(PASSWORD))),
            "signing_policy": RawKey(Given(SecretStr(KEYS[2].hex()))),
        },
        CHAIN,
        [CONTRACT],
    )


@pytest.fixture
def begun(tmp_path):
    """Return a function that makes the process of three keys."""
    keys = start(tmp_path)
    return lambda **options: KeyProcess(lambda: keys, **options)


def running(pid):
    """Say whether a process runs; one that nobody has buried yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def of_process(pid, name):
    """Return a file of /proc; who is not root sees less."""
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes().decode(errors="replace")
    except PermissionError:
        return ""


def files(pid):
    """Return what a process has open, as far as it can be seen."""
    try:
        return [str(path.readlink()) for path in Path(f"/proc/{pid}/fd").iterdir()]
    except PermissionError:
        return []


async def until(true):
    """Wait for something that nobody tells."""
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)


async def test_every_role_signs_with_its_own_key(begun):
    async with begun() as keys:
        assert keys.addresses == dict(zip(ROLES, ADDRESSES, strict=False))
        for role, address in zip(ROLES, ADDRESSES, strict=False):
            signer = keys.signer(role)
            for asked in (preimage(), message_preimage(b"\x09" * 32)):
                assert signer_of(asked, await signer.sign(asked)) == signer.address == address


async def test_many_are_signed_at_once_and_each_gets_its_own(begun):
    async with begun() as keys:
        asked = [(role, preimage(nonce=nonce)) for nonce in range(20) for role in ROLES]
        made = await asyncio.gather(*(keys.sign(*each) for each in asked))
        found = [signer_of(text, signature) for (_, text), signature in zip(asked, made, strict=True)]
        assert found == [keys.addresses[role] for role, _ in asked]


async def test_what_the_policy_refuses_is_refused_in_the_process_and_it_goes_on(begun):
    async with begun() as keys:
        before = keys.pid
        for asked, why in [
            (preimage(chain=114), "expected a transaction of chain 14, was of chain 114"),
            (preimage(to=STRANGER), "one of the 1 contracts"),
            (b"\x19\x01" + bytes(64), "was neither"),
            (bytes(LONGEST + 1), f"expected at most {LONGEST} bytes to sign"),
        ]:
            with pytest.raises(NotSigned, match=why):
                await keys.sign("submit", asked)
        with pytest.raises(NotSigned, match="expected one of the roles submit, submit_signatures, signing_policy"):
            await keys.sign("treasury", preimage())
        assert signer_of(preimage(), await keys.sign("submit", preimage())) == ADDRESSES[0]
        assert keys.pid == before


async def test_a_request_that_was_given_up_leaves_the_next_ones_their_answers(begun):
    async with begun() as keys:
        given_up = [asyncio.create_task(keys.sign("submit", preimage(nonce=nonce))) for nonce in range(5)]
        await asyncio.sleep(0)
        for each in given_up:
            each.cancel()
        await asyncio.gather(*given_up, return_exceptions=True)
        assert signer_of(preimage(), await keys.sign("signing_policy", preimage())) == ADDRESSES[2]


async def test_nothing_that_can_be_seen_of_the_process_shows_a_secret(begun, caplog, capfd, monkeypatch):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("SUBMIT_PASSWORD", PASSWORD)
    monkeypatch.setenv("SUBMIT_KEY", KEYS[2].hex())
    async with begun() as keys:
        with pytest.raises(NotSigned) as caught:
            await keys.sign("submit", b"")
        seen = [repr(keys), repr(keys.signer("submit")), repr(caught.value), repr(vars(keys)), repr(keys._start())]
        seen += [of_process(keys.pid, name) for name in ("cmdline", "environ", "status", "maps")]
    assert "chrono_flare_ftso.keys.child" in "".join(seen)
    seen += [caplog.text, *capfd.readouterr()]
    assert not [text for text in secrets() for each in seen if text in each]
    assert "SUBMIT_" not in "".join(seen)


async def test_the_process_can_be_looked_into_by_nobody_and_opens_no_file_any_more(begun):
    async with begun() as keys:
        limits = of_process(keys.pid, "limits").splitlines()
        found = {line[:25].strip(): line[25:].split()[:2] for line in limits[1:]}
        for name in ("Max core file size", "Max open files", "Max processes", "Max file size"):
            assert found[name] == ["0", "0"], name
        told = dict(line.split(":\t", 1) for line in of_process(keys.pid, "status").splitlines())
        assert told["NoNewPrivs"] == "1"
        assert int(told["Umask"], 8) == 0o077
        assert {name.partition(":")[0] for name in files(keys.pid)} <= {"/dev/null", "socket"}


def test_the_process_may_not_be_dumped_from_before_it_hears_a_secret():
    # PR_GET_DUMPABLE of linux/prctl.h
    program = "import ctypes; from chrono_flare_ftso.keys import child; child.secluded()"
    ended = subprocess.run(
        [sys.executable, "-c", f"{program}; exit(7 + ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))"], check=False
    )
    assert ended.returncode == 7


async def test_a_process_that_is_killed_is_started_again_and_what_was_asked_is_signed(begun):
    async with begun() as keys:
        first = keys.pid
        asked = asyncio.create_task(keys.sign("submit", preimage()))
        os.kill(first, signal.SIGKILL)
        assert signer_of(preimage(), await asked) == ADDRESSES[0]
        await until(lambda: keys.pid not in {None, first})
        assert not running(first)


async def test_a_process_that_is_killed_comes_back_before_anybody_asks(begun):
    async with begun() as keys:
        first = keys.pid
        os.kill(first, signal.SIGKILL)
        await until(lambda: keys.pid not in {None, first})
        assert running(keys.pid)


async def test_a_process_that_keeps_dying_is_left_alone_for_a_while_and_says_so(begun):
    async with begun(starts=2, within=3600) as keys:
        first = keys.pid
        os.kill(first, signal.SIGKILL)
        await until(lambda: keys.pid not in {None, first})
        os.kill(keys.pid, signal.SIGKILL)
        await until(lambda: keys.pid is None)
        with pytest.raises(SignerFault, match="died 2 times within 3600 s; see the system's log"):
            await keys.sign("submit", preimage())


async def test_a_process_that_was_left_alone_is_started_again_afterwards(begun, monkeypatch):
    pauses, over, usual = [], asyncio.Event(), asyncio.sleep

    async def sleep(seconds):
        if seconds < 60:
            await usual(seconds)
        else:
            pauses.append(seconds)
            await over.wait()

    monkeypatch.setattr(asyncio, "sleep", sleep)
    async with begun(starts=1, within=3600) as keys:
        os.kill(keys.pid, signal.SIGKILL)
        await until(lambda: pauses)
        with pytest.raises(SignerFault, match="died 1 times within 3600 s"):
            await keys.sign("submit", preimage())
        over.set()
        await until(lambda: keys.pid is not None)
        assert signer_of(preimage(), await keys.sign("submit", preimage())) == ADDRESSES[0]
    assert 3000 < pauses[0] <= 3600


async def test_a_process_that_stands_still_is_replaced(begun):
    async with begun(answer=0.05) as keys:
        first = keys.pid
        os.kill(first, signal.SIGSTOP)
        with pytest.raises(SignerFault, match=r"no signature within 0\.05 s; it is started anew"):
            await keys.sign("submit", preimage())
        await until(lambda: keys.pid not in {None, first})
        assert not running(first)


async def test_a_keystore_that_is_gone_when_the_process_comes_back_is_named(tmp_path):
    keys = start(tmp_path)
    async with KeyProcess(lambda: keys, starts=2, within=3600) as process:
        first = process.pid
        (tmp_path / "a").rename(tmp_path / "elsewhere")
        os.kill(first, signal.SIGKILL)
        with pytest.raises(SignerFault, match="not started anew: submit: keystore .*/a: .*no such file or directory"):
            await process.sign("submit", preimage())


async def test_secrets_are_looked_up_anew_for_every_start(tmp_path):
    keys, asked = start(tmp_path), []
    async with KeyProcess(lambda: asked.append(1) or keys) as process:
        os.kill(process.pid, signal.SIGKILL)
        await process.sign("submit", preimage())
    assert len(asked) == 2


async def test_who_is_told_to_stop_still_signs(begun):
    async with begun() as keys:
        for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(keys.pid, each)
        before = keys.pid
        assert signer_of(preimage(), await keys.sign("submit", preimage())) == ADDRESSES[0]
        assert keys.pid == before


async def test_leaving_ends_the_process_and_whoever_still_asks_is_told(begun):
    async with begun() as keys:
        signer, pid = keys.signer("submit"), keys.pid
    assert not running(pid)
    assert keys.pid is None
    with pytest.raises(SignerFault, match="expected it open, was closed"):
        await signer.sign(preimage())


async def test_leaving_while_it_starts_again_leaves_nothing_behind(begun):
    before = set(children())
    async with begun() as keys:
        os.kill(keys.pid, signal.SIGKILL)
        await until(lambda: keys.pid is None)
        await until(lambda: set(children()) - before)
    assert not set(children()) - before


async def test_giving_up_while_it_starts_leaves_nothing_behind(begun):
    before = set(children())
    opening = asyncio.create_task(begun().__aenter__())
    await until(lambda: set(children()) - before)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    assert not set(children()) - before


def children():
    """Yield the processes that this one started and that run."""
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                if int((path / "stat").read_text().rpartition(")")[2].split()[1]) == os.getpid():
                    yield path.name


async def test_every_key_that_cannot_be_opened_has_its_line(tmp_path):
    keys = start(tmp_path)
    word = InFile(str(private(tmp_path / "wrong", "guess")))
    keys.keys["submit"] = Keystore(keys.keys["submit"].path, word)
    (tmp_path / "b").chmod(0o644)
    with pytest.raises(KeyRefused) as caught:
        async with KeyProcess(lambda: keys):
            pass
    first, second = caught.value.problems
    assert first.startswith(f"submit: keystore {tmp_path}/a: expected its password, was another")
    assert second.startswith(f"submit_signatures: keystore {tmp_path}/b: expected rights of 0600, was 0644")


async def test_one_that_does_not_get_as_far_as_its_keys_is_told_with_what_it_ended(begun, monkeypatch):
    monkeypatch.setattr("chrono_flare_ftso.keys.process._COMMAND", (sys.executable, "-c", "exit(3)"))
    with pytest.raises(SignerFault, match="expected its keys open, it ended with 3; see what it wrote"):
        async with begun():
            pass
    monkeypatch.setattr("chrono_flare_ftso.keys.process._COMMAND", ("/no/such/python",))
    with pytest.raises(SignerFault, match="expected to start it, was refused: No such file or directory"):
        async with begun():
            pass


@pytest.mark.parametrize("answer", ["b'\\xff\\xff\\xff\\xff'", "b'\\0\\0\\0\\1\\xc1'", "b'\\0\\0\\0\\1\\x00'"])
async def test_a_process_that_answers_something_else_is_ended(begun, monkeypatch, answer):
    program = f"import socket, sys; channel = socket.socket(fileno=int(sys.argv[1])); channel.send({answer}); input()"
    monkeypatch.setattr("chrono_flare_ftso.keys.process._COMMAND", (sys.executable, "-c", program))
    with pytest.raises(SignerFault, match="it ended with"):
        async with begun():
            pass


async def test_it_signs_without_coincurve_too(begun, monkeypatch, tmp_path):
    (tmp_path / "coincurve.py").write_text("raise ImportError('there is none here')")
    program = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from chrono_flare_ftso.keys.child import main"
    program += "; main(int(sys.argv[1]))"
    monkeypatch.setattr("chrono_flare_ftso.keys.process._COMMAND", (sys.executable, "-c", program))
    async with begun() as keys:
        for nonce in range(3):
            asked = preimage(nonce=nonce)
            assert signer_of(asked, await keys.sign("submit", asked)) == ADDRESSES[0]


PARENT = """
import asyncio, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
import test_keys_process
from chrono_flare_ftso.keys.process import KeyProcess

async def main():
    async with KeyProcess(lambda: test_keys_process.start(Path(sys.argv[2]))) as keys:
        print(keys.pid, flush=True)
        await asyncio.sleep(3600)

asyncio.run(main())
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "told to stop"])
async def test_the_parents_end_ends_the_process(tmp_path, how):
    command = [sys.executable, "-c", PARENT, str(TESTS), str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:  # noqa: ASYNC220 - it is at once
        pid = int(await asyncio.to_thread(parent.stdout.readline))
        assert running(pid)
        parent.send_signal(how)
        await until(lambda: not running(pid))


async def test_a_frame_that_is_too_long_or_no_message_is_no_frame():
    with pytest.raises(BrokenFrame):
        list(Frames().feed((LARGEST + 1).to_bytes(4, "big")))
    for body in (b"", b"\xc1", packed(Refused(["no"]))[4:]):
        with pytest.raises(BrokenFrame):
            unpacked(body, Sign)


async def test_frames_come_out_whole_however_they_are_cut():
    sent = [Sign(number, "submit", bytes(number)) for number in range(4)]
    stream, frames, found = b"".join(map(packed, sent)), Frames(), []
    for at in range(0, len(stream), 3):
        found += [unpacked(body, Sign) for body in frames.feed(stream[at : at + 3])]
    assert found == sent
