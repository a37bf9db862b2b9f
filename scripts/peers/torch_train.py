"""Training steps of the action expert (policy/nano/dit.ts) in PyTorch, for `vla-gym bench train --peer python3`.

torch_train.py FOLDER reads tensors.safetensors (the weights, and `feed.<input>` for the batch) and config.json there.
Then each line `steps <n>` on stdin makes n optimiser steps and is answered by one JSON line on stdout.
Needs PyTorch and NumPy. With TORCH_COMPILE=1 in the environment the model is compiled.
"""

import json
import math
import os
import resource
import sys
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F


def read_safetensors(path):
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        array = np.frombuffer(data, np.float32, (end - begin) // 4, 8 + size + begin)
        tensors[name] = torch.from_numpy(array.reshape(entry["shape"]).copy())
    return tensors


class ActionExpert(torch.nn.Module):
    """The same function of the same weights as `dit` in policy/nano/dit.ts, in PyTorch's own fused operators."""

    def __init__(self, config, weights):
        super().__init__()
        self.config = config
        for name, tensor in weights.items():
            # nn.functional.linear wants [out, in].
            value = tensor.t().contiguous() if name.endswith(".weight") else tensor
            self.register_parameter(name.replace(".", "/"), torch.nn.Parameter(value))

    def weight(self, name):
        return getattr(self, name.replace(".", "/"))

    def linear(self, name, x):
        return F.linear(x, self.weight(f"{name}.weight"), self.weight(f"{name}.bias"))

    def modulate(self, x, shift, scale):
        return F.layer_norm(x, x.shape[-1:]) * (1 + scale) + shift

    def modulation(self, name, time_embedding, parts):
        return self.linear(name, time_embedding).unsqueeze(1).chunk(parts, dim=-1)

    def heads(self, x):
        return x.unflatten(-1, (self.config["ditHeads"], -1)).transpose(1, 2)

    def attention(self, name, tokens, query_tokens=None):
        width = self.config["ditWidth"]
        if query_tokens is None:
            q, k, v = self.linear(f"{name}.qkv", tokens).split(width, dim=-1)
        else:
            q = self.linear(f"{name}.query", query_tokens)
            k, v = self.linear(f"{name}.keyValue", tokens).split(width, dim=-1)
        mixed = F.scaled_dot_product_attention(self.heads(q), self.heads(k), self.heads(v))
        return self.linear(f"{name}.output", mixed.transpose(1, 2).flatten(-2))

    def block(self, name, x, time_embedding, last):
        parts = self.modulation(f"{name}.modulation", time_embedding, 6)
        shift1, scale1, gate1, shift2, scale2, gate2 = parts
        actions = self.config["chunkSize"]
        normed = self.modulate(x, shift1, scale1)
        attended = self.attention(f"{name}.attention", normed, normed[:, -actions:] if last else None)
        x = (x[:, -actions:] if last else x) + gate1 * attended
        inner = F.gelu(self.linear(f"{name}.mlp.input", self.modulate(x, shift2, scale2)))
        return x + gate2 * self.linear(f"{name}.mlp.output", inner)

    def forward(self, hidden_states, noisy_actions, timestep):
        angles = timestep[:, None] * self.frequencies()
        waves = torch.cat([angles.sin(), angles.cos()], dim=1)
        time_embedding = F.silu(self.linear("dit.timestep.1", F.silu(self.linear("dit.timestep.0", waves))))
        context = self.linear("dit.projection", hidden_states)
        inner = F.silu(self.linear("dit.actions.0", noisy_actions))
        actions = self.linear("dit.actions.1", inner) + self.weight("dit.actions.position")
        x = torch.cat([context, actions], dim=1)
        layers = self.config["ditLayers"]
        for layer in range(layers):
            x = self.block(f"dit.blocks.{layer}", x, time_embedding, layer == layers - 1)
        shift, scale = self.modulation("dit.output.modulation", time_embedding, 2)
        return self.linear("dit.output", self.modulate(x, shift, scale))

    def frequencies(self):
        half = 128
        shortest, longest = 4e-3, 4
        i = torch.arange(half, dtype=torch.float64)
        periods = shortest * (longest / shortest) ** (i / (half - 1))
        return (2 * math.pi / periods).float()


def masked_mean(error, mask):
    over_time = (error * mask).sum(1)
    steps = mask.sum(1)
    per_channel = over_time / steps.clamp(min=1)
    return per_channel.sum() / steps.clamp(max=1).sum().clamp(min=1)


def peak_memory_mb():
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def main():
    folder = Path(sys.argv[1])
    baseline = peak_memory_mb()
    config = json.loads((folder / "config.json").read_text())
    torch.set_num_threads(config["threads"])
    tensors = read_safetensors(folder / "tensors.safetensors")
    feeds = {name[5:]: tensor for name, tensor in tensors.items() if name.startswith("feed.")}
    model = ActionExpert(config, {k: t for k, t in tensors.items() if not k.startswith("feed.")})
    del tensors
    parameters = list(model.parameters())
    # Fused is the fastest of PyTorch's AdamW on the CPU.
    optimizer = torch.optim.AdamW(
        parameters, lr=config["lr"], betas=(0.9, 0.95), weight_decay=0, fused=True
    )
    compiled = os.environ.get("TORCH_COMPILE") == "1"
    run = torch.compile(model) if compiled else model

    def step():
        actions, noise, mask, timestep = (feeds[k] for k in ("actions", "noise", "mask", "timestep"))
        t = timestep[:, None, None]
        velocity = run(feeds["hiddenStates"], (1 - t) * actions + t * noise, timestep)
        loss = masked_mean((velocity - (noise - actions)) ** 2, mask)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(parameters, config["maxGradNorm"])
        optimizer.step()
        return loss.item(), norm.item()

    for line in sys.stdin:
        milliseconds, losses, norms = [], [], []
        for _ in range(int(line.split()[1])):
            start = time.perf_counter()
            loss, norm = step()
            milliseconds.append((time.perf_counter() - start) * 1e3)
            losses.append(loss)
            norms.append(norm)
        answer = dict(
            milliseconds=milliseconds,
            losses=losses,
            gradNorms=norms,
            peakMemoryMB=peak_memory_mb(),
            baselineMemoryMB=baseline,
            version=f"PyTorch {torch.__version__}{' compiled' if compiled else ''}",
        )
        print(json.dumps(answer), flush=True)


main()
