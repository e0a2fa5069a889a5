"""Compares the volumes of an ingest with what zarr-python and SimpleITK read.

    python scripts/check-volumes.py INGEST_DIR DICOM_DIR

INGEST_DIR is what `oncovox ingest DICOM_DIR --out INGEST_DIR` left, its private
crosswalk included; DICOM_DIR holds the same series unpacked. Every volume is
opened with zarr-python, and its series read with SimpleITK's GDCM series
reader. Voxels must be equal after rounding to float32 (PET in SUV: up to one
factor for the whole series, which is printed), places within 1e-3 mm.

Needs numpy, zarr >= 3 and SimpleITK. Not part of the test suite.
"""

import json
import os
import sys
from collections import Counter

import numpy as np
import SimpleITK as sitk
import zarr


def rows(path):
    with open(path) as f:
        return [json.loads(line) for line in f]


def series_files(root):
    """Series UID to the file names of the series, in SimpleITK's order."""
    found = {}
    for folder, _, files in os.walk(root):
        if not files:
            continue
        try:
            for uid in sitk.ImageSeriesReader.GetGDCMSeriesIDs(folder):
                found[uid] = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(folder, uid)
        except RuntimeError as err:
            print(f"SimpleITK cannot index one folder: {str(err).splitlines()[-1]}")
    return found


def corner_gap(record, image):
    """The largest distance in mm between the corners of the two grids."""
    affine = np.array(record["affine"])
    depth, height, width = record["shape"]
    gap = 0.0
    for z in (0, depth - 1):
        for y in (0, height - 1):
            for x in (0, width - 1):
                ours = affine @ (z, y, x, 1)
                theirs = image.TransformIndexToPhysicalPoint((x, y, z))
                gap = max(gap, np.linalg.norm(ours - theirs))
    return gap


def compare(record, stored, image):
    """What differs, or "" where nothing does; and the factor between them."""
    theirs = sitk.GetArrayFromImage(image).astype(np.float64)
    ours = stored[:]
    if ours.shape != theirs.shape:
        return f"shape {ours.shape}, SimpleITK {theirs.shape}", 1
    factor = 1.0
    if record["unit"] == "SUV":
        factor = float(ours.sum(dtype=np.float64) / theirs.sum())
        if abs(factor - 1) < 1e-6:
            factor = 1.0
    gap = corner_gap(record, image)
    if gap > 1e-3:
        return f"corners up to {gap:.4f} mm apart", factor
    want = (theirs * factor).astype(np.float32)
    tolerance = 0 if factor == 1 else 1e-6
    differ = np.abs(ours.astype(np.float32) - want) > tolerance * np.abs(want)
    if differ.any():
        worst = np.abs(ours - want).max()
        return f"{differ.sum()} voxels differ, by up to {worst:g}; method {record['method']!r}", factor
    return "", factor


def main(ingest, dicom):
    uids = {r["id"]: r["source"] for r in rows(f"{ingest}/crosswalk.jsonl") if r["kind"] == "series"}
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    files = series_files(dicom)
    counts = Counter()
    for record in rows(f"{ingest}/volumes.jsonl"):
        uid = uids[record["series"]]
        if uid not in files or record["verdict"] == "split":
            counts["not compared"] += 1
            continue
        stored = zarr.open_array(f"{ingest}/volumes/{record['id']}", mode="r")
        try:
            image = sitk.ReadImage(files[uid])
            if image.GetDimension() == 4 and image.GetSize()[3] == 1:  # one multi-frame object
                image = image[:, :, :, 0]
        except RuntimeError:
            counts["not read by SimpleITK"] += 1
            continue
        fault, factor = compare(record, stored, image)
        kind = f"{record['modality']} {record['dtype']}"
        counts[f"{kind}: {'differs' if fault else 'equal'}"] += 1
        if fault:
            print(f"{record['id']} {kind}: {fault}")
        elif factor != 1:
            print(f"{record['id']} {kind}: equal up to the factor {factor:.9g} (SUV)")
    for name, n in sorted(counts.items()):
        print(f"{n:5d}  {name}")
    return any("differs" in name for name in counts)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1], sys.argv[2]))
