#!/usr/bin/env python3
"""Compare the places of ingested volumes with those of dcm2niix.

    PYTHON scripts/check-affines.py ONCOVOX DICOM_DIR

PYTHON has nibabel, pydicom and zarr; dcm2niix is on the PATH. DICOM_DIR is
ingested by ONCOVOX and converted by dcm2niix, and each series that both turn
into plain volumes is compared: the corners of the grid, in mm, whatever the
order of rows and slices. Where they are more than 1e-3 mm apart, the positions
in the files judge: how far each grid is from them. A series with a tilted
gantry that both straighten is compared in its voxels too. Prints the series
that were compared and how far the worst corner is off, and why others were
not; ends with 1 if one is off by more than 1e-3 mm and not the nearer to the
positions, or if a straightened one differs by more than dcm2niix rounds."""

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
import pydicom
import zarr


def rows(path):
    with open(path) as f:
        return [json.loads(line) for line in f]


def ours(binary, folder, out):
    """Return shape (x, y, z) and affine to RAS of each volume, by series UID, and the verdicts."""
    subprocess.run([binary, "ingest", folder, "--out", out, "--max-refused", "100%", "--set", "min_slices=2", "--set", "tilt=resample"],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    uid = {c["id"]: c["source"] for c in rows(os.path.join(out, "crosswalk.jsonl")) if c["kind"] == "series"}
    found, refused = collections.defaultdict(list), {}
    for r in rows(os.path.join(out, "volumes.jsonl")):
        lps = np.array(r["affine"])[:, [2, 1, 0, 3]]  # columns x, y, z
        found[uid[r["series"]]].append((r["shape"][::-1], np.diag([-1, -1, 1]) @ lps, r["verdict"], r["method"], os.path.join(out, "volumes", r["id"])))
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
    return [(list(image.shape[:3]), image.affine[:3], os.path.basename(path)[:-4], image) for path, image in images]


def corners(shape, affine):
    ends = [np.array(p) * (np.array(shape) - 1) for p in itertools.product((0, 1), repeat=3)]
    return np.array([affine[:, :3] @ e + affine[:, 3] for e in ends])


def off(a, b):
    """Return how far the corners of a lie from the nearest of b, at most, in mm."""
    ca, cb = corners(*a[:2]), corners(*b[:2])
    return max(np.linalg.norm(cb - p, axis=1).min() for p in ca)


def astray(files, volume):
    """Return how far the corners of the slices in files lie from voxels of volume, at most, in mm."""
    affine, worst = np.vstack([volume[1], [0, 0, 0, 1]]), 0.0
    for path in files:
        d = pydicom.dcmread(path, stop_before_pixels=True)
        row, col = np.array(d.ImageOrientationPatient, float).reshape(2, 3)
        for i, j in itertools.product((0, d.Columns - 1), (0, d.Rows - 1)):
            place = np.array(d.ImagePositionPatient, float) + row * float(d.PixelSpacing[1]) * i + col * float(d.PixelSpacing[0]) * j
            place = np.append(place * (-1, -1, 1), 1)
            voxel = affine @ np.append(np.rint((np.linalg.inv(affine) @ place)[:3]), 1)
            worst = max(worst, np.linalg.norm(voxel - place))
    return worst


def straightened(volume, other):
    """Return how far the voxels of dcm2niix's image lie from ours, in voxels, and by how much the values that both have measured differ."""
    mine, theirs = np.vstack([volume[1], [0, 0, 0, 1]]), other[3].affine
    values = zarr.open_array(volume[4], mode="r")[:].transpose(2, 1, 0).astype(float)
    image = np.asanyarray(other[3].dataobj).astype(float)
    at = np.indices(image.shape).reshape(3, -1)
    to = np.linalg.inv(mine) @ theirs
    exact = to[:3, :3] @ at + to[:3, 3:]
    near = np.rint(exact).astype(int)
    inside = ((near >= 0) & (near < np.array(values.shape)[:, None])).all(0)
    a, b = values[tuple(near[:, inside])], image.reshape(-1)[inside]
    measured = (a > -999) & (b > -999)  # the open corners are air
    return np.abs(exact - near)[:, inside].max(), np.abs(a - b)[measured].max(), measured.sum()


def main():
    binary, folder = sys.argv[1:]
    compared, apart, bad, why = 0, 0, 0, collections.Counter()
    with tempfile.TemporaryDirectory() as work:
        mine, refused = ours(binary, folder, os.path.join(work, "ours"))
        files = files_of(binary, folder)
        for n, (uid, volumes) in enumerate(sorted(mine.items())):
            if all(v[2] == "corrected" and "tilt" not in v[3] for v in volumes):
                why["corrected here"] += 1
                continue
            other = theirs(files[uid], os.path.join(work, str(n)))
            tilted = [o for o in other if "_Tilt" in o[2]]
            if "tilt" in volumes[0][3] and tilted:
                gap, differ, count = straightened(volumes[0], tilted[0])
                print(f"straightened by both: {count} voxels measured by both, {gap:.2g} voxels apart, values differ by {differ:.3f} at most (dcm2niix rounds to whole ones)")
                bad += not (gap <= 1e-3 and differ <= 0.5 and count > 1000)
                continue
            # It turns some volumes so that other axes come first, and cuts some CT by exposure.
            plain = [o for o in other if any(sorted(o[0]) == sorted(v[0]) for v in volumes) and "_Eq" not in o[2] and "_Tilt" not in o[2]]
            if not plain:
                why["not converted by dcm2niix, or cut up"] += 1
                continue
            worst = max(min(off(v, o) for o in plain) for v in volumes)
            compared += 1
            if not worst <= 1e-3:
                apart += 1
                us, them = (max(astray(files[uid], v) for v in side) for side in (volumes[:1], plain[:1]))
                bad += not us < them
                print(f"ours is {us:.4g} mm from the positions in the files, dcm2niix's {them:.4g} mm")
                print(f"{len(files[uid])} files such as {files[uid][0]}, here {[(v[0], v[2]) for v in volumes]}: off by {worst:.4g} mm; dcm2niix has {[(o[0], o[2]) for o in other]}")
    for uid in refused:
        why["refused here: " + refused[uid]] += 1
    print(f"{compared} series compared, {compared - apart} within 1e-3 mm; not compared: {dict(why)}")
    sys.exit(bad > 0)


if __name__ == "__main__":
    main()
