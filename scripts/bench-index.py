#!/usr/bin/env python3
"""Compare the header index of a folder with those of pydicom and SimpleITK.

    go build -o /tmp/oncovox ./cmd/oncovox
    scripts/bench-index.py /tmp/oncovox FOLDER --peers PEERS [--rounds 7]

PEERS/venv/bin/python has pydicom and SimpleITK; FOLDER holds DICOM files. In
each round every reader goes through all files once, one reader after the
other: `oncovox dicom info FOLDER --json`, its start and its output included;
pydicom's dcmread(stop_before_pixels=True); and SimpleITK's
ReadImageInformation, both in one process that has imported them before.
Prints seconds of wall time and their ratio to ours: the median of the
rounds, and the least and the greatest."""

import argparse
import os
import statistics
import subprocess
import time

PYDICOM = """
import pydicom
def index(path):
    return pydicom.dcmread(path, stop_before_pixels=True, force=True)
"""

SIMPLEITK = """
import SimpleITK as sitk
sitk.ProcessObject.SetGlobalWarningDisplay(False)
def index(path):
    reader = sitk.ImageFileReader()
    reader.SetImageIO("GDCMImageIO")
    reader.SetFileName(path)
    reader.ReadImageInformation()
"""

ROUNDS = """
import logging, os, sys, time, warnings
warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)
sys.stderr = open(os.devnull, "w")
files = sorted(os.path.join(root, f) for root, _, names in os.walk(sys.argv[1]) for f in names)
for line in sys.stdin:
    begun, failed = time.perf_counter(), 0
    for path in files:
        try:
            index(path)
        except Exception:
            failed += 1
    print(time.perf_counter() - begun, failed, flush=True)
"""


class Peer:
    def __init__(self, python, code, folder):
        self.child = subprocess.Popen([python, "-c", code + ROUNDS, folder], text=True, stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def round(self):
        self.child.stdin.write("\n")
        self.child.stdin.flush()
        seconds, self.failed = self.child.stdout.readline().split()
        return float(seconds)


class Ours:
    failed = "-"

    def __init__(self, binary, folder):
        self.command = [binary, "dicom", "info", folder, "--json"]

    def round(self):
        begun = time.perf_counter()
        subprocess.run(self.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return time.perf_counter() - begun


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("binary")
    args.add_argument("folder")
    args.add_argument("--peers", required=True)
    args.add_argument("--rounds", type=int, default=7)
    a = args.parse_args()
    python = os.path.join(a.peers, "venv/bin/python")
    readers = {"oncovox": Ours(a.binary, a.folder), "pydicom": Peer(python, PYDICOM, a.folder),
               "SimpleITK": Peer(python, SIMPLEITK, a.folder)}
    took = {name: [] for name in readers}
    for n in range(a.rounds + 1):
        for name, reader in readers.items():
            seconds = reader.round()
            if n > 0:  # the first round fills the cache of the disk
                took[name].append(seconds)
    for name, reader in readers.items():
        ratios = [t / o for t, o in zip(took[name], took["oncovox"])]
        show = lambda v, unit: f"{statistics.median(v):.3f}{unit} ({min(v):.3f} to {max(v):.3f})"
        print(f"{name:10} {show(took[name], ' s')}, ratio {show(ratios, '')}, failed {reader.failed}")


if __name__ == "__main__":
    main()
