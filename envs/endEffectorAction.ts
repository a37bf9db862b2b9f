import { Box, type Rng } from '@vla-gym/gymnasium'
import type { EmbodimentDescription } from './embodiments.js'

/** Translation, m, rotation vector, rad, and gripper, to either side (SimplerEnv). */
const LIMITS = [1, 1, 1, Math.PI / 2, Math.PI / 2, Math.PI / 2, 1]

/** Space of actions [dx, dy, dz, rx, ry, rz, gripper]; a new one, for it has a random generator of its own. */
export function endEffectorActionSpace(): Box {
  return new Box(
    LIMITS.map((limit) => -limit),
    LIMITS,
    [LIMITS.length],
  )
}

/** An action of useful size. @param gripper commands to choose from */
export function randomEndEffectorAction(
  rng: Rng,
  { actionScale }: EmbodimentDescription,
  gripper: readonly number[],
): Float32Array {
  const arm = Float32Array.from({ length: 6 }, (_, i) => rng.uniform(-actionScale[i], actionScale[i]))
  return Float32Array.of(...arm, rng.choice(gripper))
}
