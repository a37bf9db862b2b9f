"""Writes adamw.json: torch.optim.AdamW with two groups, clip_grad_norm_ and an EMA from torch.optim.swa_utils, float64.

Run from this folder: python3 adamw.py (any PyTorch 2), then npx biome format --write adamw.json
"""
import json

import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

torch.manual_seed(0)
shapes = {"w": [3, 2], "b": [4]}
settings = dict(beta1=0.8, beta2=0.95, epsilon=1e-6, maxGradNorm=1.5, ema=0.7, weightDecay=0.1)
module = torch.nn.Module()
for name, shape in shapes.items():
    setattr(module, name, torch.nn.Parameter(torch.randn(shape, dtype=torch.float64)))
initial = {name: getattr(module, name).detach().flatten().tolist() for name in shapes}
optimizer = torch.optim.AdamW(
    [{"params": [module.w], "weight_decay": settings["weightDecay"]}, {"params": [module.b], "weight_decay": 0.0}],
    lr=0.0,
    betas=(settings["beta1"], settings["beta2"]),
    eps=settings["epsilon"],
)
average = AveragedModel(module, multi_avg_fn=get_ema_multi_avg_fn(settings["ema"]))
average.update_parameters(module)  # the first call copies
steps = []
for step in range(6):
    rates = [0.1 / (step + 1), 0.02 * (step + 1)]
    for group, rate in zip(optimizer.param_groups, rates):
        group["lr"] = rate
    gradients = {name: torch.randn(shape, dtype=torch.float64) * (0.3 if step % 2 else 2.0) for name, shape in shapes.items()}
    for name in shapes:
        getattr(module, name).grad = gradients[name].clone()
    norm = torch.nn.utils.clip_grad_norm_(module.parameters(), settings["maxGradNorm"])
    optimizer.step()
    average.update_parameters(module)
    steps.append(
        dict(
            rates=rates,
            gradients={name: gradient.flatten().tolist() for name, gradient in gradients.items()},
            gradNorm=norm.item(),
            parameters={name: getattr(module, name).detach().flatten().tolist() for name in shapes},
            averages={name: getattr(average.module, name).detach().flatten().tolist() for name in shapes},
        )
    )
with open("adamw.json", "w") as file:
    json.dump(dict(shapes=shapes, settings=settings, initial=initial, steps=steps), file, indent=2)
    file.write("\n")
