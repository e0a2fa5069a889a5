"""Writes the high-throughput codestreams of this folder. Not run by the tests.

Needs imagecodecs 2026.3.6 (OpenJPH 0.26.3) and opj_decompress (OpenJPEG 2.5.0). OpenJPH codes the
cleanup pass alone; the passes that refine it are coded here, and all is checked with both decoders.
"""
import os
import subprocess
import struct
import sys
import tempfile

import imagecodecs
import numpy as np

from make import COLUMNS, ROWS, picture

HERE = os.path.dirname(os.path.abspath(sys.argv[0]))


class Forward:
    """Bits from the lowest up; a byte after FF holds seven."""

    def __init__(self):
        self.out, self.cur, self.n, self.width = bytearray(), 0, 0, 8

    def put(self, bit):
        self.cur |= bit << self.n
        self.n += 1
        if self.n == self.width:
            self.out.append(self.cur)
            self.width = 7 if self.cur == 0xff else 8
            self.cur = self.n = 0

    def bytes(self):
        if self.n:
            self.out.append(self.cur)
        return bytes(self.out)


class Backward:
    """The same, read backwards: seven bits are 7F in a byte before one above 8F."""

    def __init__(self):
        self.out, self.cur, self.n, self.high = bytearray(), 0, 0, True

    def put(self, bit):
        self.cur |= bit << self.n
        self.n += 1
        if self.n == 8 or self.n == 7 and self.high and self.cur == 0x7f:
            self.out.append(self.cur)
            self.high = self.cur > 0x8f
            self.cur = self.n = 0

    def bytes(self):
        if self.n:
            self.out.append(self.cur)
        return bytes(reversed(self.out))


def refinement(c, passes, causal):
    """The bytes of the passes that give c its lowest bit, where c // 2 is known."""
    rows, columns = c.shape
    known = abs(c) > 1
    now = known.copy()
    forward, backward = Forward(), Backward()

    def near(y, x, stop):
        return any(now[j, i] for j in range(max(y - 1, 0), min(y + 2, stop)) for i in range(max(x - 1, 0), min(x + 2, columns)) if (j, i) != (y, x))

    for top in range(0, rows, 4):
        bottom = min(top + 4, rows)
        for left in range(0, columns, 4):
            signs = []
            for x in range(left, min(left + 4, columns)):
                for y in range(top, bottom):
                    if known[y, x] or not near(y, x, bottom if causal else rows):
                        continue
                    forward.put(int(abs(c[y, x]) == 1))
                    if abs(c[y, x]) == 1:
                        now[y, x] = True
                        signs.append(int(c[y, x] < 0))
            for s in signs:
                forward.put(s)
        for x in range(columns):
            for y in range(top, bottom):
                if known[y, x] and passes == 3:
                    backward.put(int(abs(c[y, x]) & 1))
    # What no pass can tell: lone samples of 1, and the last bit of others with two passes.
    left = np.where(now | (abs(c) != 1), c, 0)
    if passes == 2:
        left = np.where(known, np.sign(c) * (abs(c) // 2 * 2 + 1), left)  # the middle of the interval, rounded down
    return forward.bytes() + backward.bytes(), left


class Header:
    def __init__(self):
        self.out, self.cur, self.n, self.width = bytearray(), 0, 0, 8

    def put(self, value, bits):
        for k in reversed(range(bits)):
            self.cur = self.cur << 1 | value >> k & 1
            self.n += 1
            if self.n == self.width:
                self.out.append(self.cur)
                self.width = 7 if self.cur == 0xff else 8
                self.cur = self.n = 0

    def bytes(self):
        while self.n or self.width == 7:
            self.put(0, 1)
        return bytes(self.out)


def packets(body, counts):
    """For each packet of one layer and one code-block a band: missing bit-planes and cleanup segments."""
    cur = pos = n = 0

    def bit():
        nonlocal cur, pos, n
        if n == 0:
            n = 7 if cur == 0xff else 8
            cur = body[pos]
            pos += 1
        n -= 1
        return cur >> n & 1

    out = []
    for count in counts:
        cur = n = 0
        blocks = []
        assert bit() == 1
        for _ in range(count):
            assert bit() == 1
            zero = 0
            while bit() == 0:
                zero += 1
            assert bit() == 0  # one pass
            lblock = 3
            while bit() == 1:
                lblock += 1
            length = 0
            for _ in range(lblock):
                length = length << 1 | bit()
            blocks.append((zero, length))
        if cur == 0xff:
            pos += 1
        packet = []
        for zero, length in blocks:
            packet.append((zero, body[pos:pos + length]))
            pos += length
        out.append(packet)
    assert pos == len(body)
    return out


def synthesise(bands):
    """One level of the reversible transform, T.800 F.3: bands LL, HL, LH, HH."""
    def lift(low, high):
        n = len(low) + len(high)
        a = np.empty((n,) + low.shape[1:], int)
        a[0::2], a[1::2] = low, high
        at = lambda i: a[i if i < n else 2 * (n - 1) - i] if i >= 0 else a[-i]
        for i in range(0, n, 2):
            a[i] -= (at(i - 1) + at(i + 1) + 2) >> 2
        for i in range(1, n, 2):
            a[i] += (at(i - 1) + at(i + 1)) >> 1
        return a

    ll, hl, lh, hh = bands
    return lift(lift(ll.T, hl.T).T, lift(lh.T, hh.T).T)


def coefficients():
    """Four bands with what matters to the passes: plains, edges, lone samples, noise."""
    h, w = (ROWS + 1) // 2, (COLUMNS + 1) // 2
    rng = np.random.default_rng(5)
    out = []
    for rows, columns in ((h, w), (h, COLUMNS - w), (ROWS - h, w), (ROWS - h, COLUMNS - w)):
        c = np.rint(rng.laplace(0, 1.3, (rows, columns))).astype(int)
        c[rows // 3:rows // 2, 2:9] = 0
        c[-6:, -7:] *= 60
        c[:3, 4:12] *= 9
        out.append(c)
    return out


def refined(name, passes, causal=False):
    exact = coefficients()
    b = imagecodecs.htj2k_encode(synthesise([np.sign(c) * (abs(c) // 2) for c in exact]).astype("<i2"), resolutions=1, reversible=True)
    sot = b.index(b"\xff\x90\x00\x0a")
    main = b[:sot]
    if causal:
        at = main.index(b"\xff\x52") + 12
        assert main[at] == 0x40
        main = main[:at] + b"\x48" + main[at + 1:]
    body, want, bands = b"", [], iter(exact)
    for packet in packets(b[b.index(b"\xff\x93", sot) + 2:b.rindex(b"\xff\xd9")], (1, 3)):
        h, tail = Header(), b""
        h.put(1, 1)
        for zero, first in packet:
            second, known = refinement(next(bands), passes, causal)
            want.append(known)
            h.put(1, 1)
            h.put(1, zero)  # one bit-plane fewer is missing
            h.put(*((12, 4) if passes == 3 else (2, 2)))
            bits = max(len(first).bit_length(), len(second).bit_length(), 3)
            h.put((1 << bits - 2) - 2, bits - 2)
            h.put(len(first), bits)
            h.put(len(second), bits + (passes == 3))
            tail += first + second
        body += h.bytes() + tail
    b = main + b"\xff\x90" + struct.pack(">HHIBB", 10, 0, 14 + len(body), 0, 1) + b"\xff\x93" + body + b"\xff\xd9"
    want = synthesise(want)
    check("OpenJPH", imagecodecs.htj2k_decode(b), want)
    with tempfile.TemporaryDirectory() as d:
        with open(d + "/a.j2k", "wb") as f:
            f.write(b)
        subprocess.run(["opj_decompress", "-i", d + "/a.j2k", "-o", d + "/a.rawl"], check=True, stdout=subprocess.DEVNULL)
        check("OpenJPEG", np.fromfile(d + "/a.rawl", "<i2").reshape(want.shape), want)
    write(name + ".j2k", b)
    write(name + ".raw", want.astype("<i2").tobytes())


def check(who, got, want):
    print(who, abs(got - want).max())


def write(name, b):
    with open(os.path.join(HERE, name), "wb") as f:
        f.write(b)


def array(samples, bits, signed):
    kind = ("i" if signed else "u") + ("1" if bits <= 8 else "2")
    return np.frombuffer(picture(samples, bits, signed), kind).reshape((ROWS, COLUMNS) + ((samples,) if samples > 1 else ()))


def openjph(name, samples, bits, signed=False, **options):
    write(name, imagecodecs.htj2k_encode(array(samples, bits, signed), **options))


openjph("j2k-lossless-ht-8u-1.j2k", 1, 8)
openjph("j2k-lossless-ht-16u-1.j2k", 1, 16)
openjph("j2k-lossless-ht-16s-1.j2k", 1, 16, True)
openjph("j2k-lossless-ht-8u-3.j2k", 3, 8)
openjph("j2k-lossless-ht-flat-16u-1.j2k", 1, 16, resolutions=1)
openjph("j2k-lossless-ht-tiles-16u-1.j2k", 1, 16, tile=(16, 13))
openjph("j2k-lossy-ht-8u-1.j2k", 1, 8, reversible=False)
openjph("j2k-lossy-ht-8u-3.j2k", 3, 8, reversible=False)

refined("j2k-lossless-ht-refined-16s-1", 3)
refined("j2k-lossless-ht-refined-causal-16s-1", 3, True)
refined("j2k-lossless-ht-propagated-16s-1", 2)
