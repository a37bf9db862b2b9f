import { beforeAll, expect, it } from 'vitest'
import { initPhysics } from '../../../envs/index.js'
import { widowx250s as arm } from '../../../envs/robots/widowx250s.js'
import { loadMujoco } from '../../../scripts/peers/mujoco/load.js'
import { mujocoRig, rapierRig } from '../../../scripts/peers/mujoco/rigs.js'
import { ACTION_SEQUENCES, stepDeviation, trackingDeviation } from '../../../scripts/peers/mujoco/trials.js'

beforeAll(initPhysics)

/**
 * Steps of 0.2 rad, ten times what a control step moves a joint; MuJoCo with the true inertias and no armature.
 * Closed form: the inertial time constant is 0.5 ms of 160-280 ms, that is 0.3 % of the step. Impulse joints: their
 * armature adds up to 3 ms, and eight sweeps of the solver leave a rest: 2 %.
 */
it('joints answer steps as in MuJoCo', async () => {
  const mujoco = await loadMujoco()
  for (const [drive, tolerance] of [['driven', 0.003] as const, ['articulated', 0.02] as const]) {
    for (let joint = 0; joint < arm.joints.length; joint++) {
      const [ours, reference] = [rapierRig(drive, []), mujocoRig(mujoco, [], 0)]
      const step = joint % 2 === 0 ? 0.2 : -0.2
      const deviation = stepDeviation(ours, reference, joint, step)
      expect(deviation, `${drive}, joint ${joint}`).toBeLessThan(tolerance * Math.abs(step))
      for (const rig of [ours, reference]) rig.close()
    }
  }
})

/**
 * 2 mm and 1 degree are a tenth of what a control step moves. The closed form is what the analytic controller has,
 * so it only may differ by rounding.
 */
it.each(Object.entries(ACTION_SEQUENCES))('tracks %s as the analytic controller does', async (_, action) => {
  const rigs = [rapierRig('driven', []), rapierRig('articulated', []), mujocoRig(await loadMujoco(), [])]
  for (const [i, rig] of rigs.entries()) {
    const [way, angle] = trackingDeviation(rig, action)
    expect(way).toBeLessThan(i === 0 ? 1e-6 : 0.002)
    expect(angle).toBeLessThan(i === 0 ? 1e-3 : 1)
    rig.close()
  }
})
