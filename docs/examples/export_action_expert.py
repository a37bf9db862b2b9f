"""A small DiT action expert in PyTorch, exported to ONNX for vla-gym (docs/bring-your-own.md).

    pip install torch onnx onnxscript
    python export_action_expert.py expert.onnx
"""

import argparse
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F


class Block(nn.Module):
    """Joint self-attention over hidden states and actions, AdaLN on the time of the flow."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.modulation = nn.Linear(width, 6 * width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        nn.init.zeros_(self.modulation.weight)

    def forward(self, x, time, mask):
        shift1, scale1, gate1, shift2, scale2, gate2 = self.modulation(time)[:, None].chunk(6, dim=-1)
        h = self.norm(x) * (1 + scale1) + shift1
        q, k, v = self.qkv(h).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        h = F.scaled_dot_product_attention(q, k, v, attn_mask=mask[:, None, None])
        x = x + gate1 * self.out(h.transpose(1, 2).flatten(2))
        h = self.norm(x) * (1 + scale2) + shift2
        return x + gate2 * self.mlp(h)


class ActionExpert(nn.Module):
    def __init__(self, hidden_width=96, chunk_size=8, action_dim=16, width=256, layers=6, heads=4):
        super().__init__()
        self.project = nn.Linear(hidden_width, width)
        self.embed = nn.Linear(action_dim, width)
        self.position = nn.Parameter(0.02 * torch.randn(chunk_size, width))
        self.register_buffer("frequencies", torch.exp(torch.linspace(0, 6, 32)))
        self.time = nn.Sequential(nn.Linear(64, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU())
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.velocity = nn.Linear(width, action_dim)

    def forward(self, hidden_states, mask, noisy_actions, timestep):
        angles = timestep[:, None] * self.frequencies
        time = self.time(torch.cat([angles.sin(), angles.cos()], dim=-1))
        actions = self.embed(noisy_actions) + self.position
        x = torch.cat([self.project(hidden_states), actions], dim=1)
        mask = F.pad(mask, (0, actions.shape[1]), value=True)  # actions are never padding
        for block in self.blocks:
            x = block(x, time, mask)
        return self.velocity(x[:, -actions.shape[1] :])


def export(model, path, hidden_tokens=10, dynamo=True):
    project, embed, position = model.project, model.embed, model.position
    inputs = {
        "hidden_states": torch.randn(2, hidden_tokens, project.in_features),
        "mask": torch.ones(2, hidden_tokens, dtype=torch.bool),
        "noisy_actions": torch.randn(2, len(position), embed.in_features),
        "timestep": torch.rand(2),
    }
    if dynamo:
        dynamic = {"dynamic_shapes": {name: {0: "batch"} for name in inputs}, "external_data": False}
    else:
        dynamic = {"dynamic_axes": {name: {0: "batch"} for name in [*inputs, "velocity"]}}
    torch.onnx.export(
        model.eval(), tuple(inputs.values()), path, dynamo=dynamo, opset_version=18,
        input_names=list(inputs), output_names=["velocity"], **dynamic,
    )  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("out")
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--layers", type=int, default=6)
    options = parser.parse_args()
    torch.manual_seed(0)
    Path(options.out).parent.mkdir(parents=True, exist_ok=True)
    export(ActionExpert(width=options.width, layers=options.layers), options.out)
