#!/usr/bin/env python3
"""Compare the places of ingested volumes with those of dcm2niix.

    PYTHON scripts/check-affines.py ONCOVOX DICOM_DIR

PYTHON has nibabel; dcm2niix is on the PATH. DICOM_DIR is ingested by ONCOVOX
and converted by dcm2niix, and each series that both turn into plain volumes is
compared: the corners of the grid, in mm, whatever the order of rows and
slices. Prints the series that were compared and how far the worst corner is
off, and why others were not; ends with 1 if one is off by more than 1e-3 mm."""

import collections
import glob
import itertools
import json
import os
import subprocess
import sys
import tempfile

import nibabel
import numpy as np


def rows(path):
    with open(path) as f:
        return [json.loads(line) for line in f]


def ours(binary, folder, out):
    """Return shape (x, y, z) and affine to RAS of each volume, by series UID, and the verdicts."""
    subprocess.run([binary, "ingest", folder, "--out", out, "--max-refused", "100%", "--set", "min_slices=2"],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    uid = {c["id"]: c["source"] for c in rows(os.path.join(out, "crosswalk.jsonl")) if c["kind"] == "series"}
    found, refused = collections.defaultdict(list), {}
    for r in rows(os.path.join(out, "volumes.jsonl")):
        lps = np.array(r["affine"])[:, [2, 1, 0, 3]]  # columns x, y, z
        found[uid[r["series"]]].append((r["shape"][::-1], np.diag([-1, -1, 1]) @ lps, r["verdict"]))
    for r in rows(os.path.join(out, "refused.jsonl")):
        if r["what"] == "series":
            refused[uid[r["id"]]] = r["reason"]
    return found, refused


def files_of(binary, folder):
    """Return the paths of the files of each series."""
    listing = subprocess.run([binary, "dicom", "info", folder, "--json", "--phi"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    found = collections.defaultdict(list)
    for line in listing.stdout.splitlines():
        row = json.loads(line)
        if "pixels" in row:
            found[row["patient"]["series"]].append(os.path.join(os.path.dirname(os.path.abspath(folder)), row["file"]))
    return found


def theirs(files, out):
    """Return the same of one series converted by dcm2niix, its name in place of the verdict."""
    os.makedirs(os.path.join(out, "in"))
    for n, path in enumerate(files):
        os.symlink(path, os.path.join(out, "in", f"{n}.dcm"))
    subprocess.run(["dcm2niix", "-b", "n", "-z", "n", "-m", "n", "-f", "%s", "-o", out, os.path.join(out, "in")],
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    images = [(path, nibabel.load(path)) for path in glob.glob(os.path.join(out, "*.nii"))]
    return [(list(image.shape[:3]), image.affine[:3], os.path.basename(path)[:-4]) for path, image in images]


def corners(shape, affine):
    ends = [np.array(p) * (np.array(shape) - 1) for p in itertools.product((0, 1), repeat=3)]
    return np.array([affine[:, :3] @ e + affine[:, 3] for e in ends])


def off(a, b):
    """Return how far the corners of a lie from the nearest of b, at most, in mm."""
    ca, cb = corners(*a[:2]), corners(*b[:2])
    return max(np.linalg.norm(cb - p, axis=1).min() for p in ca)


def main():
    binary, folder = sys.argv[1:]
    compared, bad, why = 0, 0, collections.Counter()
    with tempfile.TemporaryDirectory() as work:
        mine, refused = ours(binary, folder, os.path.join(work, "ours"))
        files = files_of(binary, folder)
        for n, (uid, volumes) in enumerate(sorted(mine.items())):
            if all(v[2] == "corrected" for v in volumes):
                why["corrected here"] += 1
                continue
            other = theirs(files[uid], os.path.join(work, str(n)))
            # It turns some volumes so that other axes come first, and cuts some CT by exposure.
            plain = [o for o in other if any(sorted(o[0]) == sorted(v[0]) for v in volumes) and "_Eq" not in o[2] and "_Tilt" not in o[2]]
            if not plain:
                why["not converted by dcm2niix, or cut up"] += 1
                continue
            worst = max(min(off(v, o) for o in plain) for v in volumes)
            compared += 1
            if not worst <= 1e-3:
                bad += 1
                print(f"{len(files[uid])} files such as {files[uid][0]}, here {[(v[0], v[2]) for v in volumes]}: off by {worst:.4g} mm; dcm2niix has {[(o[0], o[2]) for o in other]}")
    for uid in refused:
        why["refused here: " + refused[uid]] += 1
    print(f"{compared} series compared, {compared - bad} within 1e-3 mm; not compared: {dict(why)}")
    sys.exit(bad > 0)


if __name__ == "__main__":
    main()
