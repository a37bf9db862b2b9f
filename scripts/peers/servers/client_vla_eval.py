"""vla-eval's own connection (PyPI vla-eval) asks a model server for actions, one for every observation.

    npx vla-gym serve --policy DIR --protocol vla-eval --port 8000
    python scripts/peers/servers/client_vla_eval.py ws://127.0.0.1:8000
"""

import argparse

import anyio
import numpy as np
from vla_eval.connection import Connection
from vla_eval.protocol.numpy_codec import set_image_format

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("url")
parser.add_argument("--steps", type=int, default=7)
parser.add_argument("--image", type=int, nargs=2, default=(480, 640), help="height and width of the picture")
parser.add_argument("--format", choices=["png", "jpeg", "raw"], default="png")
args = parser.parse_args()


async def main() -> None:
    set_image_format(args.format)
    rng = np.random.default_rng(0)
    conn = Connection(args.url)
    await conn.connect(benchmark="SimplerEnvBenchmark")
    print("hello", {key: conn.server_info[key] for key in ("model_server", "protocol_version", "observation_params")})
    await conn.start_episode({"task": {"name": "widowx_carrot_on_plate", "episode_idx": 0}})
    position = np.array([0.29, 0.0, 0.13])
    for step in range(args.steps):
        # A smooth picture, as a camera's is: noise does not compress.
        ramp = np.linspace(0, 255, args.image[1]) + 3 * step
        image = np.repeat(np.tile(ramp.astype(np.uint8), (args.image[0], 1))[..., None], 3, axis=2)
        action = await conn.act(
            {
                "images": {"primary": image},
                "states": np.array([*position, 1, 0, 0, 0, 1], dtype=np.float32),
                "task_description": "put carrot on plate",
            }
        )
        values = action["actions"]
        assert values.shape == (7,) and np.isfinite(values).all() and 0 <= values[6] <= 1, values
        position += values[:3] + rng.normal(0, 1e-4, 3)
        print(step, np.round(values, 4).tolist(), action["server_timing"])
    await conn.end_episode({"metrics": {"success": False}, "steps": args.steps})

    # A request that cannot be answered is answered with an error; the connection stays.
    try:
        await conn.act({"task_description": "put carrot on plate"})
    except RuntimeError as error:
        print("as it should:", error)
    else:
        raise AssertionError("an observation without a state was accepted")
    assert conn.is_connected
    await conn.close()


anyio.run(main)
