"""Compares the figures of eval/metric with scikit-learn, scipy and picai_eval.

    python scripts/diff-metrics.py [--cases 1000] [--seed 1]

Run it from the root of the repository. It makes random studies, with ties, of
one class only, and of few cases among them, has them answered by the test
TestAnswerCases of eval/metric, and prints for each figure how many answers were
compared, the largest difference, and in how many cases only one of the two says
that there is no value. Where the reference has a convention of its own for such
cases, "ours only" counts them.

Needs numpy, scipy, scikit-learn, picai_eval and go. Not part of the test suite.
"""

import argparse
import json
import math
import os
import subprocess
import tempfile
import warnings

import numpy as np
from picai_eval import evaluate
from scipy import ndimage, optimize, stats
from scipy.stats import _resampling
from sklearn import calibration, metrics

warnings.filterwarnings("ignore")
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def boxes(r, n, shape, near=()):
    """A label map of up to n boxes that do not touch, some near others."""
    out = np.zeros(shape, np.int32)
    for k in range(n):
        if len(near) and r.random() < 0.7:
            at = np.clip(near[r.integers(len(near))] + r.integers(-2, 3, 3), 0, np.array(shape) - 4)
        else:
            at = r.integers(0, np.array(shape) - 4)
        lo, hi = at, np.minimum(at + r.integers(2, 5, 3), shape)
        grown = tuple(slice(max(a - 1, 0), b + 1) for a, b in zip(lo, hi))
        if not out[grown].any():
            out[tuple(slice(a, b) for a, b in zip(lo, hi))] = k + 1
    return out


def picai(r):
    maps, truths, cases = [], [], []
    for _ in range(r.integers(2, 7)):
        truth = boxes(r, int(r.integers(0, 4)), (12, 14, 16))
        corners = [np.argwhere(truth == k)[0] for k in np.unique(truth)[1:]]
        found = boxes(r, int(r.integers(0, 6)), (12, 14, 16), corners)
        det = np.zeros(found.shape, np.float32)
        scores, masks = [], []
        for k in np.unique(found)[1:]:
            score = float(r.integers(1, 33) / 64)  # exact in float32, with ties
            det[found == k] = score
            scores.append(score)
            masks.append(found == k)
        overlap = [[float((m & (truth == t)).sum() / (m | (truth == t)).sum()) for m in masks] for t in np.unique(truth)[1:]]
        maps.append(det)
        truths.append((truth > 0).astype(np.int32))
        cases.append({"Overlap": overlap, "Score": scores})
    return maps, truths, cases


def random_case(r):
    n = int(r.integers(4, 200)) if r.random() < 0.8 else int(r.integers(2, 12))
    y = r.random(n) < r.uniform(0.05, 0.95)
    if r.random() < 0.03:
        y[:] = r.random() < 0.5
    digits = int(r.integers(1, 9))
    score = lambda skill: np.round(1 / (1 + np.exp(-(r.normal(0, 1.5, n) + skill * (y - 0.5)))), digits)
    shape = tuple(int(v) for v in r.integers(3, 9, 3))
    blob = lambda: ndimage.binary_dilation(r.random(shape) < 0.02, iterations=int(r.integers(1, 3)))
    maps, truths, cases = picai(r)
    x = r.gamma(1.5, size=int(r.integers(5, 20)))
    means = np.sort(r.choice(x, (100, len(x))).mean(1))
    return {
        "Y": y, "P": score(r.uniform(0, 4)), "Q": score(r.uniform(0, 4)), "PICAI": cases, "maps": maps, "truths": truths,
        "A": blob(), "B": blob(), "Shape": shape, "Spacing": tuple(float(v) for v in r.uniform(0.5, 4, 3)),
        "Paired": np.round(r.normal(0.4, 1, int(r.integers(3, 11))), 2), "x": x, "Means": means, "Value": float(x.mean()),
        "Without": np.array([np.delete(x, i).mean() for i in range(len(x))]),
    }


def as_json(c):
    flat = {k: v for k, v in c.items() if k not in ("maps", "truths", "x")}
    return {k: v.ravel().tolist() if isinstance(v, np.ndarray) else v for k, v in flat.items()}


def delong(y, p, q):
    """AUC, variance and paired p value from the definition: all pairs."""
    psi = lambda s: (s[y][:, None] > s[~y][None]) + 0.5 * (s[y][:, None] == s[~y][None])
    a, b = psi(p), psi(q)
    v10, v01 = np.stack([a.mean(1), b.mean(1)]), np.stack([a.mean(0), b.mean(0)])
    cov = np.cov(v10) / y.sum() + np.cov(v01) / (~y).sum()
    var = cov[0, 0] + cov[1, 1] - 2 * cov[0, 1]
    z = abs(a.mean() - b.mean()) / math.sqrt(var) if var > 1e-12 else math.nan
    return a.mean(), cov[0, 0], 2 * stats.norm.sf(z)


def line(y, p):
    """Slope and intercept of the logistic regression on the logit."""
    p = np.clip(p, 2.0**-52, 1 - 2.0**-52)
    x = np.log(p / (1 - p))
    loss = lambda t: np.logaddexp(0, -(2 * y - 1) * (t[0] + t[1] * x)).sum()
    grad = lambda t: np.array([(1 / (1 + np.exp(-(t[0] + t[1] * x))) - y) @ v for v in (np.ones_like(x), x)])
    found = optimize.minimize(loss, [0, 1], jac=grad, method="BFGS", options={"gtol": 1e-9, "maxiter": 1000})
    return found.x[1], found.x[0], np.abs(grad(found.x)).max()


def surfaces(c):
    cross = ndimage.generate_binary_structure(3, 1)
    a, b = c["A"], c["B"]
    sa, sb = (m & ~ndimage.binary_erosion(m, cross) for m in (a, b))
    ab = ndimage.distance_transform_edt(~sb, sampling=c["Spacing"])[sa]
    ba = ndimage.distance_transform_edt(~sa, sampling=c["Spacing"])[sb]
    return {"dice": 2 * (a & b).sum() / (a.sum() + b.sum()), "hausdorff": max(ab.max(), ba.max()),
            "hd95": max(np.percentile(ab, 95), np.percentile(ba, 95)), "assd": np.concatenate([ab, ba]).mean()}


def reference(c):
    y, p, q, out = c["Y"], c["P"], c["Q"], {}
    both = y.any() and not y.all()
    call, other = p >= 0.5, q >= 0.5
    tp, fn, fp = (y & call).sum(), (y & ~call).sum(), (~y & call).sum()
    out["brier"] = metrics.brier_score_loss(y, p, labels=[False, True]) if hasattr(metrics, "brier_score_loss") else math.nan
    out["log_loss"] = metrics.log_loss(y, p, labels=[False, True])
    if y.any():
        out["average_precision"] = metrics.average_precision_score(y, p)
        out["sensitivity"] = metrics.recall_score(y, call)
        low, high = stats.binomtest(int(tp), int(tp + fn)).proportion_ci(method="wilson")
        out["wilson_low"], out["wilson_high"] = low, high
        low, high = stats.binomtest(int(tp), int(tp + fn)).proportion_ci(method="exact")
        out["clopper_pearson_low"], out["clopper_pearson_high"] = low, high
    if not y.all():
        out["specificity"] = metrics.recall_score(~y, ~call)
    if call.any():
        out["ppv"] = metrics.precision_score(y, call)
    if tp + fp + fn:
        out["f1"] = metrics.f1_score(y, call)
    if both:
        out["roc_auc"] = metrics.roc_auc_score(y, p)
        fpr, tpr, _ = metrics.roc_curve(y, p, drop_intermediate=False)
        out["sensitivity_at_specificity_90"] = tpr[1 - fpr >= 0.9].max()
        out["specificity_at_sensitivity_90"] = (1 - fpr)[tpr >= 0.9].max()
        out["balanced_accuracy"] = metrics.balanced_accuracy_score(y, call)
        out["kappa"] = metrics.cohen_kappa_score(y, call)
        if call.any() and not call.all():
            out["mcc"] = metrics.matthews_corrcoef(y, call)
        if min(y.sum(), (~y).sum()) > 1:
            auc, var, pair = delong(y, p, q)
            out["delong_auc"], out["delong_variance"], out["delong_p"] = auc, var, pair
        if p[y].min() < p[~y].max() and p[~y].min() < p[y].max():  # not separated
            slope, intercept, left = line(y, p)
            if left < 1e-7:
                out["slope"], out["intercept"] = slope, intercept
    edges = np.linspace(0, 1, 11)
    bins = np.clip(np.searchsorted(edges, p, "left") - 1, 0, 9)
    gaps = [(abs(p[bins == k].mean() - y[bins == k].mean()), (bins == k).sum()) for k in range(10) if (bins == k).any()]
    out["ece"], out["mce"] = sum(g * m for g, m in gaps) / len(y), max(g for g, _ in gaps)
    # calibration_curve gives no counts: they come from its own quantiles.
    cuts = np.percentile(p, np.linspace(0, 1, 6) * 100)
    at = np.searchsorted(cuts[1:-1], p)
    share, mean = calibration.calibration_curve(y, p, n_bins=5, strategy="quantile") if both else (None, None)
    if both:
        counts = np.array([n for n in np.bincount(at, minlength=5) if n])
        out["quantile_ece"] = (np.abs(share - mean) * counts).sum() / len(y)
    right, wrong = (call == y) & (other != y), (call != y) & (other == y)
    b, n = int(right.sum()), int(right.sum() + wrong.sum())
    out["mcnemar"] = stats.binomtest(b, n).pvalue if n else 1.0
    out["mcnemar_chi2"] = stats.chi2.sf(max(abs(2 * b - n) - 1, 0) ** 2 / n, 1) if n else 1.0
    d = p - q
    if (d != 0).any():
        w = stats.wilcoxon(d)
        out["wilcoxon"], out["wilcoxon_p"] = w.statistic, w.pvalue
    out["permutation_p"] = stats.permutation_test((c["Paired"],), np.sum, permutation_type="samples", n_resamples=np.inf).pvalue
    a1, a2, _ = _resampling._bca_interval((c["x"],), lambda v, axis: np.mean(v, axis=axis), -1, 0.025, c["Means"], None, np)
    out["bca_low"], out["bca_high"] = np.percentile(c["Means"], 100 * a1), np.percentile(c["Means"], 100 * a2)
    if any(len(s["Overlap"]) for s in c["PICAI"]):
        m = evaluate(c["maps"], c["truths"], num_parallel_calls=1)
        out["picai_ap"], out["picai_auroc"], out["picai_score"] = m.AP, m.auroc, m.score
    if c["A"].any() and c["B"].any():
        out.update(surfaces(c))
    elif c["A"].any() or c["B"].any():
        out["dice"] = 0.0
    return {k: float(v) for k, v in out.items() if math.isfinite(v)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    r = np.random.default_rng(args.seed)
    cases = [random_case(r) for _ in range(args.cases)]
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "cases.json")
        with open(path, "w") as f:
            json.dump([as_json(c) for c in cases], f)
        subprocess.run(["go", "test", "./eval/metric", "-count=1", "-run", "^TestAnswerCases$", "-cases", path], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        with open(path + ".answers") as f:
            answers = json.load(f)
    table = {}
    for i, (c, got) in enumerate(zip(cases, answers)):
        want = reference(c)
        for name in {*want, *got}:
            row = table.setdefault(name, [0, 0.0, -1, 0, 0])
            if name not in want:
                row[3] += 1
            elif name not in got:
                row[4] += 1
            else:
                row[0] += 1
                diff = abs(got[name] - want[name])
                if diff > row[1]:
                    row[1], row[2] = diff, i
    print(f"{'figure':32}{'compared':>10}{'largest difference':>20}{'in case':>9}{'ours only':>11}{'theirs only':>13}")
    for name, (n, diff, at, ours, theirs) in sorted(table.items()):
        print(f"{name:32}{n:>10}{diff:>20.2e}{at:>9}{ours:>11}{theirs:>13}")


if __name__ == "__main__":
    main()
