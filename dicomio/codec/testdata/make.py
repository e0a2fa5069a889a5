"""Writes the codestreams of this folder from a made picture. Not run by the tests.

Needs dcmcjpeg and dcmcjpls (DCMTK 3.6.7) and opj_compress (OpenJPEG 2.5.0);
numbers of the picture are those of picture() in codec_test.go. Names tell what a file is:
<codec>-<what>-<bits><u|s>-<samples>.<extension>.
"""
import os
import struct
import subprocess
import sys
import tempfile

ROWS, COLUMNS = 37, 41


def value(y, x, s, bits):
    if 10 <= x < 25 and 12 <= y < 20:
        return 1 << (bits - 1)
    base = x * 7 + y * 5 + s * 31 + x * y // 3 + ((x // 8 + y // 8) % 2) * 40
    noise = ((x * x * 31 + y * y * 17 + x * y * 13 + s * 101) >> 2) % 9
    return base * ((1 << bits) - 16) // 1200 + noise


def picture(samples, bits, signed=False, planar=False):
    pixels = [(y, x) for y in range(ROWS) for x in range(COLUMNS)]
    order = [(p, s) for s in range(samples) for p in pixels] if planar else [(p, s) for p in pixels for s in range(samples)]
    values = [value(y, x, s, bits) for (y, x), s in order]
    if signed:
        values = [v - (1 << (bits - 1)) for v in values]
    kind = "<%d" % len(values) + {(True, True): "b", (True, False): "B", (False, True): "h", (False, False): "H"}[bits <= 8, signed]
    return struct.pack(kind, *values)


def element(group, number, vr, value):
    if len(value) % 2:
        value += b" " if vr not in ("UI", "OB") else b"\0"
    head = struct.pack("<HH", group, number) + vr.encode()
    return head + (struct.pack("<HI", 0, len(value)) if vr in ("OB", "OW") else struct.pack("<H", len(value))) + value


def us(group, number, v):
    return element(group, number, "US", struct.pack("<H", v))


def dicom(path, samples, bits):
    meta = element(2, 1, "OB", b"\0\1") + element(2, 2, "UI", b"1.2.840.10008.5.1.4.1.1.7") + element(2, 3, "UI", b"2.25.1")
    meta += element(2, 0x10, "UI", b"1.2.840.10008.1.2.1") + element(2, 0x12, "UI", b"2.25.2")
    meta = element(2, 0, "UL", struct.pack("<I", len(meta))) + meta
    allocated = 8 if bits <= 8 else 16
    body = element(8, 0x16, "UI", b"1.2.840.10008.5.1.4.1.1.7") + element(8, 0x18, "UI", b"2.25.1") + us(0x28, 2, samples)
    body += element(0x28, 4, "CS", b"RGB" if samples == 3 else b"MONOCHROME2")
    if samples == 3:
        body += us(0x28, 6, 0)
    body += us(0x28, 0x10, ROWS) + us(0x28, 0x11, COLUMNS) + us(0x28, 0x100, allocated) + us(0x28, 0x101, bits)
    body += us(0x28, 0x102, bits - 1) + us(0x28, 0x103, 0)
    body += element(0x7fe0, 0x10, "OB" if allocated == 8 else "OW", picture(samples, bits))
    with open(path, "wb") as f:
        f.write(b"\0" * 128 + b"DICM" + meta + body)


def fragment(path):
    """The first fragment after the offset table."""
    b = open(path, "rb").read()
    at = b.rindex(b"\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff") + 12
    at += 8 + struct.unpack("<I", b[at + 4:at + 8])[0]
    return b[at + 8:at + 8 + struct.unpack("<I", b[at + 4:at + 8])[0]]


def by_dcmtk(name, tool, samples, bits, *options):
    with tempfile.TemporaryDirectory() as d:
        dicom(d + "/a", samples, bits)
        subprocess.run([tool, *options, d + "/a", d + "/b"], check=True)
        write(name, fragment(d + "/b"))


def by_openjpeg(name, samples, bits, signed, *options):
    with tempfile.TemporaryDirectory() as d:
        with open(d + "/a.rawl", "wb") as f:
            f.write(picture(samples, bits, signed, planar=True))
        form = "%d,%d,%d,%d,%s" % (COLUMNS, ROWS, samples, bits, "s" if signed else "u")
        out = d + "/b" + os.path.splitext(name)[1]
        subprocess.run(["opj_compress", "-i", d + "/a.rawl", "-o", out, "-F", form, *options], check=True, stdout=subprocess.DEVNULL)
        write(name, open(out, "rb").read())


def write(name, data):
    with open(os.path.join(os.path.dirname(os.path.abspath(sys.argv[0])), name), "wb") as f:
        f.write(data)


if __name__ == "__main__":
    for p in range(1, 8):
        by_dcmtk("jpeg-lossless-p%d-12u-1.jpg" % p, "dcmcjpeg", 1, 12, "+el", "+sv", str(p))
    by_dcmtk("jpeg-lossless-p1-8u-3.jpg", "dcmcjpeg", 3, 8, "+e1")
    by_dcmtk("jpeg-lossless-p4-16u-1.jpg", "dcmcjpeg", 1, 16, "+el", "+sv", "4")
    by_dcmtk("jpeg-baseline-8u-1.jpg", "dcmcjpeg", 1, 8, "+eb", "+q", "95")
    by_dcmtk("jpeg-baseline-444-8u-3.jpg", "dcmcjpeg", 3, 8, "+eb", "+q", "95", "+cr")
    by_dcmtk("jpeg-baseline-422-8u-3.jpg", "dcmcjpeg", 3, 8, "+eb", "+q", "95")
    by_dcmtk("jpeg-baseline-411-8u-3.jpg", "dcmcjpeg", 3, 8, "+eb", "+q", "95", "+n1")
    by_dcmtk("jpeg-extended-12u-1.jpg", "dcmcjpeg", 1, 12, "+ee", "+q", "98")
    by_dcmtk("jpeg-progressive-8u-1.jpg", "dcmcjpeg", 1, 8, "+ep", "+q", "95")
    by_dcmtk("jpeg-progressive-422-8u-3.jpg", "dcmcjpeg", 3, 8, "+ep", "+q", "95")
    by_dcmtk("jpeg-spectral-12u-1.jpg", "dcmcjpeg", 1, 12, "+es", "+q", "98")
    for bits in (8, 12, 16):
        by_dcmtk("jpegls-lossless-%du-1.jls" % bits, "dcmcjpls", 1, bits)
        by_dcmtk("jpegls-near2-%du-1.jls" % bits, "dcmcjpls", 1, bits, "+en")
    for mode, option in (("line", "+il"), ("sample", "+is"), ("none", "+in")):
        by_dcmtk("jpegls-lossless-%s-8u-3.jls" % mode, "dcmcjpls", 3, 8, option)
        by_dcmtk("jpegls-near2-%s-8u-3.jls" % mode, "dcmcjpls", 3, 8, option, "+en")
    by_dcmtk("jpegls-presets-12u-1.jls", "dcmcjpls", 1, 12, "+pc", "+t1", "20", "+t2", "60", "+t3", "200", "+rs", "32")

    by_openjpeg("j2k-lossless-8u-1.j2k", 1, 8, False)
    by_openjpeg("j2k-lossless-16s-1.j2k", 1, 16, True)
    by_openjpeg("j2k-lossless-8u-3.jp2", 3, 8, False)
    by_openjpeg("j2k-lossless-nomct-12u-3.j2k", 3, 12, False, "-mct", "0")
    for order in ("LRCP", "RLCP", "RPCL", "PCRL", "CPRL"):
        by_openjpeg("j2k-lossless-%s-8u-3.j2k" % order.lower(), 3, 8, False, "-p", order, "-c", "[16,16],[8,8]", "-b", "8,8", "-n", "3", "-r", "8,4,1", "-SOP", "-EPH")
    for mode in (1, 2, 4, 8, 16, 32, 63):
        by_openjpeg("j2k-lossless-mode%d-12u-1.j2k" % mode, 1, 12, False, "-M", str(mode), "-b", "16,16")
    by_openjpeg("j2k-lossless-tiles-12u-1.j2k", 1, 12, False, "-t", "16,13", "-d", "5,3", "-T", "2,1", "-n", "3")
    by_openjpeg("j2k-lossless-deep-12u-1.j2k", 1, 12, False, "-n", "6")
    by_openjpeg("j2k-lossless-flat-12u-1.j2k", 1, 12, False, "-n", "1")
    by_openjpeg("j2k-lossy-12u-1.j2k", 1, 12, False, "-I", "-q", "60")
    by_openjpeg("j2k-lossy-8u-3.j2k", 3, 8, False, "-I", "-q", "45")
