import { type ArmSpec, readArm } from '../robots/armSpec.js'

/** Google Robot; numbers and their source in assets/robots/google_robot.urdf and google_robot.json. */
export const googleRobotArm: ArmSpec = readArm('google_robot')

/** Initial joint positions of SimplerEnv's tasks, rad (ManiSkill2_real2sim envs/custom_scenes/base_env.py). */
export const INITIAL_QPOS: readonly number[] = [
  -0.2639457174606611, 0.0831913360274175, 0.5017611504652179, 1.156859026208673, 0.028583671314766423,
  1.592598203487462, -1.080652960128774,
]
