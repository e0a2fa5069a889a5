#!/usr/bin/env python3
"""Measure ingest on archives of many small files.

    go build -o /tmp/oncovox ./cmd/oncovox
    scripts/many-files.py /tmp/oncovox --files 100000 --dir /tmp/many

Makes a tar of FILES CT slices of 16 x 16 pixels, 100 to a series, and one of
twice as many, ingests each and prints wall time and peak memory. With --kill
the ingest of the first is killed at random moments, gone on with, and its
artifacts compared byte for byte with those of the run that was not. Needs
Python alone."""

import argparse
import hashlib
import io
import os
import random
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tarfile
import time

CT = "1.2.840.10008.5.1.4.1.1.2"
SIDE = 16
PER_SERIES = 100


def element(group, number, vr, value):
    if isinstance(value, str):
        value = value.encode()
        if len(value) % 2:
            value += b"\0" if vr == "UI" else b" "
    head = struct.pack("<HH2s", group, number, vr.encode())
    if vr in ("OB", "OW"):
        return head + struct.pack("<HI", 0, len(value)) + value
    return head + struct.pack("<H", len(value)) + value


def short(group, number, value):
    return element(group, number, "US", struct.pack("<H", value))


def slice_file(n):
    """Return slice n as a DICOM file (explicit VR little endian)."""
    series, z = divmod(n, PER_SERIES)
    sop = f"1.2.826.0.1.3680043.8.498.1234567890.{series}.{z}"
    meta = element(2, 2, "UI", CT) + element(2, 3, "UI", sop) + element(2, 0x10, "UI", "1.2.840.10008.1.2.1")
    pixels = struct.pack("<%dh" % (SIDE * SIDE), *[(n + k) % 1000 - 500 for k in range(SIDE * SIDE)])
    body = b"".join([
        element(8, 8, "CS", "ORIGINAL\\PRIMARY\\AXIAL"), element(8, 0x16, "UI", CT), element(8, 0x18, "UI", sop),
        element(8, 0x60, "CS", "CT"), element(8, 0x70, "LO", "SIEMENS"),
        element(0x10, 0x10, "PN", f"Patient^{series // 2}"), element(0x10, 0x20, "LO", f"P{series // 2}"),
        element(0x18, 0x50, "DS", "3"),
        element(0x20, 0xD, "UI", f"1.2.826.0.1.3680043.8.498.2.{series // 2}"),
        element(0x20, 0xE, "UI", f"1.2.826.0.1.3680043.8.498.3.{series}"),
        element(0x20, 0x13, "IS", str(z + 1)),
        element(0x20, 0x32, "DS", f"-8\\-8\\{3 * z}"), element(0x20, 0x37, "DS", "1\\0\\0\\0\\1\\0"),
        element(0x20, 0x52, "UI", f"1.2.826.0.1.3680043.8.498.4.{series}"),
        short(0x28, 2, 1), element(0x28, 4, "CS", "MONOCHROME2"), short(0x28, 0x10, SIDE), short(0x28, 0x11, SIDE),
        element(0x28, 0x30, "DS", "1\\1"), short(0x28, 0x100, 16), short(0x28, 0x101, 16), short(0x28, 0x102, 15),
        short(0x28, 0x103, 1), element(0x28, 0x1052, "DS", "0"), element(0x28, 0x1053, "DS", "1"),
        element(0x7FE0, 0x10, "OW", pixels),
    ])
    return b"\0" * 128 + b"DICM" + element(2, 0, "UL", struct.pack("<I", len(meta))) + meta + body


def make(path, files):
    with tarfile.open(path + ".part", "w") as tar:
        for n in range(files):
            b = slice_file(n)
            entry = tarfile.TarInfo(f"{n // 1000:04d}/IM{n % 1000:03d}")
            entry.size = len(b)
            tar.addfile(entry, io.BytesIO(b))
    os.rename(path + ".part", path)


def ingest(binary, archive, out):
    """Run one ingest; return seconds and the peak of its memory in MB."""
    begun = time.monotonic()
    child = subprocess.Popen([binary, "ingest", archive, "--out", out], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        sys.exit(f"ingest of {archive} ended with status {status}")
    return time.monotonic() - begun, usage.ru_maxrss / 1024


def kill_and_resume(binary, archive, out, within, kills):
    """Kill the ingest at random moments, then let it end."""
    for _ in range(kills):
        child = subprocess.Popen([binary, "ingest", archive, "--out", out], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(random.uniform(0.05, 0.95) * within)
        child.send_signal(signal.SIGKILL)
        child.wait()
    return ingest(binary, archive, out)


def digest(folder):
    """Return the digest of all artifacts but stage.json, which has times."""
    sums = hashlib.sha256()
    for root, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(files):
            path = os.path.join(root, name)
            if name != "stage.json":
                sums.update(os.path.relpath(path, folder).encode())
                with open(path, "rb") as f:
                    sums.update(f.read())
    return sums.hexdigest()


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("binary")
    args.add_argument("--files", type=int, default=100_000)
    args.add_argument("--dir", default="many-files")
    args.add_argument("--kill", type=int, default=0, metavar="TIMES")
    args.add_argument("--make-only", action="store_true", help="make the archives and end")
    a = args.parse_args()
    os.makedirs(a.dir, exist_ok=True)
    archives = []
    for files in (a.files, 2 * a.files):
        archive = os.path.join(a.dir, f"{files}.tar")
        archives.append((files, archive))
        if not os.path.exists(archive):
            make(archive, files)
    if a.make_only:
        return
    for files, archive in archives:
        out = archive + ".out"
        shutil.rmtree(out, ignore_errors=True)
        seconds, peak = ingest(a.binary, archive, out)
        print(f"{files} files, {os.path.getsize(archive) / 1e6:.0f} MB: {seconds:.1f} s, "
              f"{1e6 * seconds / files:.0f} us a file, peak {peak:.0f} MB", flush=True)
        if a.kill and files == a.files:
            killed = archive + ".killed"
            for left in (killed, killed + ".part"):
                shutil.rmtree(left, ignore_errors=True)
            more, peak = kill_and_resume(a.binary, archive, killed, seconds, a.kill)
            same = digest(out) == digest(killed)
            print(f"killed {a.kill} times: the last run took {more:.1f} s, peak {peak:.0f} MB; "
                  f"artifacts {'equal' if same else 'DIFFER'}", flush=True)
            if not same:
                sys.exit(1)


if __name__ == "__main__":
    main()
