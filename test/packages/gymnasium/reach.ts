import {
  Box,
  Dict,
  type Env,
  PRINTABLE,
  type ResetOptions,
  Rng,
  Text,
  type ValueOf,
} from '@vla-gym/gymnasium'

const observationSpace = new Dict({
  image: new Box(0, 255, [2, 2, 3], 'uint8'),
  position: new Box(-1, 1, [2]),
  instruction: new Text(40, { charset: PRINTABLE }),
})

export type ReachObservation = ValueOf<typeof observationSpace>

/** Move a point to the origin. The observation is one object whose image is drawn when it is first read. */
export class Reach implements Env<ReachObservation, Float32Array, { success: boolean }> {
  readonly observationSpace = observationSpace
  readonly actionSpace = new Box([-0.1, -0.5], [0.1, 0.5])
  drawn = 0
  readonly received: number[][] = []
  private rng = Rng.fromSeed(0)
  private readonly observation = new LazyObservation(this)

  reset({ seed }: ResetOptions = {}): [ReachObservation, { success: boolean }] {
    if (seed !== undefined) this.rng = Rng.fromSeed(seed)
    for (let i = 0; i < 2; i++) this.observation.position[i] = this.rng.uniform(-1, 1)
    return [this.observation, { success: false }]
  }

  step(action: Float32Array): [ReachObservation, number, boolean, boolean, { success: boolean }] {
    this.received.push([...action])
    const { position } = this.observation
    for (let i = 0; i < 2; i++) position[i] = Math.max(-1, Math.min(1, position[i] + action[i]))
    const success = Math.hypot(...position) < 0.1
    return [this.observation, success ? 1 : 0, success, false, { success }]
  }

  close(): void {}
}

class LazyObservation {
  readonly position = new Float32Array(2)
  readonly instruction = 'move to the origin, please'
  private readonly env: Reach

  constructor(env: Reach) {
    this.env = env
  }

  get image(): Uint8Array {
    this.env.drawn++
    return new Uint8Array(12).fill(Math.round(Math.abs(this.position[0]) * 255))
  }
}
