"""What a node that is behind answers, and logs of blocks that were replaced."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_TAGS = ("latest", "pending", "safe", "finalized")


def altered(log: Mapping[str, Any], *, same: bool = False) -> dict[str, Any]:
    """Return a log as it was in a block that was replaced: with other data, or with the same."""
    data = log["data"] if same else "0x" + "00" * ((len(log["data"]) - 2) // 2)
    return {**log, "data": data, "blockHash": "0x" + "ee" * 32, "removed": True}


class Stale:
    """A node whose last block is `head`."""

    def __init__(self, head: int) -> None:
        self.head = max(head, 0)

    def asked(self, call: Mapping[str, Any]) -> dict[str, Any]:
        """Return a call with the tags of blocks rewritten."""
        params = [hex(self.head) if each in _TAGS else each for each in call.get("params", ())]
        if call["method"] == "eth_getLogs":
            params = [{**params[0], "toBlock": hex(min(self.head, self._number(params[0].get("toBlock"))))}]
        return {**call, "params": params}

    def answered(self, call: Mapping[str, Any], result: Any) -> Any:
        """Return a result without what is not there yet."""
        method, params = call["method"], call.get("params", ())
        if method == "eth_blockNumber":
            return hex(self.head)
        if method == "eth_getBlockByNumber" and self._number(params[0]) > self.head:
            return None
        if not isinstance(result, Mapping) or result.get("blockNumber") is None:
            return result
        if int(result["blockNumber"], 16) <= self.head:
            return result
        if method == "eth_getTransactionReceipt":
            return None
        return {**result, "blockNumber": None, "blockHash": None, "transactionIndex": None}

    def _number(self, block: Any) -> int:
        return self.head if block is None or block in _TAGS else int(block, 16)
