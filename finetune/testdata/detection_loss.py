"""Makes detection_loss.json, the oracle of TestDetectionLossParity.

The detection loss and its gradient by the map in PyTorch, in float64 and by autograd,
for two crops of 2x2x2 cells with weights of their own. Not run by the tests.
"""
import json
import sys

import torch

torch.manual_seed(7)
B, CELLS, COLS = 2, 8, 7
out = torch.randn(B, CELLS, COLS).float()
heat = (torch.rand(B, CELLS) * 0.95).float()
heat[0, 3] = heat[1, 1] = heat[1, 6] = 1
heat[0, 5] = -1
weight = torch.where(heat >= 0.4, heat, torch.zeros_like(heat))
box = torch.randn(B, CELLS, 6).float()
sample = torch.tensor([1.0, 0.3])

x = out.double().requires_grad_()
h, w, s = heat.double(), weight.double(), sample.double()[:, None]
p = torch.sigmoid(x[..., 0])
# Law and Deng 2018, equation 1, with exponents 2 and 4.
centre = -((1 - p) ** 2) * torch.log(p)
empty = -((1 - h) ** 4) * p**2 * torch.log(1 - p)
focal = torch.where(h == 1, centre, torch.where(h < 0, torch.zeros_like(p), empty))
lesions = (s * (h == 1)).sum().clamp(min=1)
total = (s * w).sum()
error = (x[..., 1:] - box.double()).abs()
parts = {
    "heatloss": (s * focal).sum() / lesions,
    "offset": ((s * w)[..., None] * error[..., :3]).sum() / total,
    "size": ((s * w)[..., None] * error[..., 3:]).sum() / total,
}
loss = parts["heatloss"] + 0.5 * (parts["offset"] + parts["size"])
loss.backward()
flat = lambda t: [float(v) for v in t.detach().flatten()]
json.dump(
    {
        "torch": torch.__version__,
        "map": flat(out), "heat": flat(heat), "box": flat(box), "weight": flat(weight), "sample": flat(sample),
        "lesions": float(lesions), "loss": float(loss.detach()), **{k: float(v.detach()) for k, v in parts.items()}, "gradient": flat(x.grad),
    },
    open(sys.argv[1] if len(sys.argv) > 1 else "detection_loss.json", "w"),
    indent=None,
)
