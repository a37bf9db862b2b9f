"""openpi's own policy server (src/openpi/serving/websocket_policy_server.py of its repository, as it is) around toy
actions for its LIBERO example's keys. Needs numpy, websockets and openpi-client, not openpi's models.

    git clone https://github.com/Physical-Intelligence/openpi
    python scripts/peers/servers/server_openpi.py openpi --port 8000
    npx vla-gym eval --policy ws://127.0.0.1:8000
"""

import argparse
import importlib.util
import pathlib

import numpy as np
from openpi_client.base_policy import BasePolicy
from toy_actions import toy_actions

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("openpi", type=pathlib.Path, help="a checkout of openpi")
parser.add_argument("--port", type=int, default=8000)
args = parser.parse_args()

path = args.openpi / "src" / "openpi" / "serving" / "websocket_policy_server.py"
spec = importlib.util.spec_from_file_location("websocket_policy_server", path)
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)


class ToyPolicy(BasePolicy):
    def infer(self, obs: dict) -> dict:
        image, state = obs["observation/image"], np.asarray(obs["observation/state"])
        assert image.dtype == np.uint8 and image.shape == (224, 224, 3), (image.dtype, image.shape)
        assert state.shape == (8,), state.shape
        return {"actions": toy_actions(image, state, obs["prompt"], 10)}


module.WebsocketPolicyServer(ToyPolicy(), host="127.0.0.1", port=args.port, metadata={"toy": True}).serve_forever()
