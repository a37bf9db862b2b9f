"""StarVLA's own policy server (deployment/model_server/tools/websocket_policy_server.py of its repository, as it is)
around toy actions for its SimplerEnv example's requests. Needs numpy and websockets, not StarVLA's models.

    git clone https://github.com/starVLA/starVLA
    python scripts/peers/servers/server_starvla.py starVLA --port 10093
    npx vla-gym eval --policy ws://127.0.0.1:10093
"""

import argparse
import sys

import numpy as np
from toy_actions import toy_actions

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("starvla", help="a checkout of starVLA")
parser.add_argument("--port", type=int, default=10093)
args = parser.parse_args()

sys.path.insert(0, args.starvla)
from deployment.model_server.tools.websocket_policy_server import WebsocketPolicyServer  # noqa: E402


class ToyPolicy:
    def predict_action(self, examples: list[dict], unnorm_key: str | None = None, **_: object) -> dict:
        assert unnorm_key == "oxe_bridge", unnorm_key
        rows = []
        for example in examples:
            (image,) = example["image"]
            assert image.dtype == np.uint8 and image.shape == (224, 224, 3), (image.dtype, image.shape)
            actions = toy_actions(image, None, example["lang"], 16)
            actions[:, 6] = actions[:, 6] > 0
            rows.append(actions)
        return {"actions": np.stack(rows)}


metadata = {"env": "starvla_policy_server", "action_chunk_size": 16, "available_unnorm_keys": ["oxe_bridge"]}
WebsocketPolicyServer(ToyPolicy(), host="127.0.0.1", port=args.port, metadata=metadata).serve_forever()
