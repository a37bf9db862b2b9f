"""vla-eval's own model server (PyPI vla-eval, as it is) around toy actions: chunks of 4, one action an observation.

    python scripts/peers/servers/server_vla_eval.py --port 8000
    npx vla-gym eval --policy ws://127.0.0.1:8000
"""

import argparse

import numpy as np
from toy_actions import toy_actions
from vla_eval.model_servers.predict import PredictModelServer
from vla_eval.model_servers.serve import serve
from vla_eval.specs import GRIPPER_01, IMAGE_RGB, LANGUAGE, POSITION_DELTA, ROTATION_AA

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--port", type=int, default=8000)
args = parser.parse_args()


class ToyServer(PredictModelServer):
    def predict(self, obs: dict, ctx: object) -> dict:
        (image,) = obs["images"].values()
        assert image.dtype == np.uint8 and image.ndim == 3, (image.dtype, image.shape)
        actions = toy_actions(image, obs.get("states"), obs["task_description"], 4)
        actions[:, 6] = actions[:, 6] > 0
        return {"actions": actions}

    def get_action_spec(self) -> dict:
        return {"position": POSITION_DELTA, "rotation": ROTATION_AA, "gripper": GRIPPER_01}

    def get_observation_spec(self) -> dict:
        return {"primary": IMAGE_RGB, "language": LANGUAGE}


serve(ToyServer(chunk_size=4), host="127.0.0.1", port=args.port)
