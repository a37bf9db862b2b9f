"""openpi's own client (PyPI openpi-client) asks a policy server for chunks of actions.

    npx vla-gym serve --policy DIR --protocol openpi --port 8000
    python scripts/peers/servers/client_openpi.py ws://127.0.0.1:8000
"""

import argparse
import os

import numpy as np
from openpi_client import image_tools
from openpi_client.websocket_client_policy import WebsocketClientPolicy

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("url")
parser.add_argument("--requests", type=int, default=3)
parser.add_argument("--image", type=int, default=224, help="side of the square picture")
args = parser.parse_args()

client = WebsocketClientPolicy(args.url, api_key=os.environ.get("VLA_GYM_API_KEY"))
metadata = client.get_server_metadata()
print("metadata", {key: metadata[key] for key in ("server", "embodiment", "action_dim", "chunk_size", "state_dim")})

rng = np.random.default_rng(0)
for i in range(args.requests):
    frame = rng.integers(0, 256, (48, 64, 3), dtype=np.uint8)
    answer = client.infer(
        {
            "observation/image": image_tools.resize_with_pad(frame, args.image, args.image),
            "observation/wrist_image": np.zeros((args.image, args.image, 3), np.uint8),
            "observation/state": rng.normal(0, 0.1, metadata["state_dim"]),
            "prompt": "put carrot on plate",
        }
    )
    actions = answer["actions"]
    assert actions.shape == (metadata["chunk_size"], metadata["action_dim"]), actions.shape
    assert actions.dtype == np.float32 and np.isfinite(actions).all()
    print(i, "first action", np.round(actions[0], 4).tolist(), "timing", answer["server_timing"])

# A request that cannot be answered is answered with the protocol's error.
try:
    client.infer({"prompt": "put carrot on plate"})
except RuntimeError as error:
    print("as it should:", str(error).replace("\n", " "))
else:
    raise AssertionError("an observation without a state was accepted")
