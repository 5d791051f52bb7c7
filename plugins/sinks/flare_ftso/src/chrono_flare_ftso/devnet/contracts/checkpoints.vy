# pragma version 0.4.3
# pragma evm-version cancun
"""
@title What values were at the end of past blocks
"""

struct Point:
    since: uint256
    value: uint256

_points: HashMap[bytes32, HashMap[uint256, Point]]
_length: HashMap[bytes32, uint256]


@internal
def write(key: bytes32, latest: uint256):
    length: uint256 = self._length[key]
    if length != 0 and self._points[key][length - 1].since == block.number:
        self._points[key][length - 1].value = latest
        return
    self._points[key][length] = Point(since=block.number, value=latest)
    self._length[key] = length + 1


@internal
@view
def latest(key: bytes32) -> uint256:
    length: uint256 = self._length[key]
    if length == 0:
        return 0
    return self._points[key][length - 1].value


@internal
@view
def at(key: bytes32, number: uint256) -> uint256:
    # the last point that is not younger than the block
    low: uint256 = 0
    high: uint256 = self._length[key]
    for step: uint256 in range(256):
        if low == high:
            break
        middle: uint256 = (low + high) // 2
        if self._points[key][middle].since > number:
            high = middle
        else:
            low = middle + 1
    if low == 0:
        return 0
    return self._points[key][low - 1].value
