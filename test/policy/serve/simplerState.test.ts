import { Rng } from '@vla-gym/gymnasium'
import { beforeAll, describe, expect, it } from 'vitest'
import { initPhysics, makeEnv } from '../../../envs/index.js'
import { SimplerState } from '../../../policy/serve/simplerState.js'

beforeAll(() => initPhysics())

/** What vla-eval's SimplerEnv sends: position, quaternion wxyz, opening. */
function measured({
  tcpPose: [x, y, z, qx, qy, qz, qw],
  state,
}: {
  tcpPose: Float32Array
  state: Float32Array
}) {
  return Float32Array.of(x, y, z, qw, qx, qy, qz, state[6])
}

describe('the state from what SimplerEnv measures', () => {
  it.each(['widowx_carrot_on_plate', 'widowx_put_eggplant_in_basket'])(
    'is the simulator’s own on every step of %s, whatever the arm is told',
    (name) => {
      const rng = Rng.fromSeed(1, name)
      const env = makeEnv(name, { image: null, placement: 'official' })
      const [first] = env.reset({ seed: 0, options: { episodeId: 0 } })
      const tracker = new SimplerState()
      let observation = first
      for (let step = 0; step < 25; step++) {
        const state = tracker.observe(measured(observation))
        // Poses come as float32: 1e-7 of a metre and of a radian, and the target adds them up.
        for (const [i, x] of observation.state.entries())
          expect(Math.abs(state[i] - x), `step ${step}: number ${i}`).toBeLessThan(2e-5)
        const action = Float32Array.from({ length: 7 }, (_, i) =>
          i === 6 ? (rng.uniform() < 0.5 ? 1 : -1) : rng.uniform(-1, 1) * (i < 3 ? 0.02 : 0.1),
        )
        tracker.act(action)
        ;[observation] = env.step(action)
      }
    },
  )

  it('refuses a quaternion of zeros', () => {
    expect(() => new SimplerState().observe(new Float32Array(8))).toThrow(/no quaternion/)
  })
})
