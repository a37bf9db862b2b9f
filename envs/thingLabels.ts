import { wrapAngle, yawOf } from './math/quat.js'
import type { GroundingLabels } from './robotEnv.js'
import type { BaseFrame } from './robots/baseFrame.js'
import type { ObjectSpec } from './scenes/objectSpec.js'

interface ThingsInScene {
  readonly objects: readonly ObjectSpec[]
  readonly baseFrame: BaseFrame
  /** World position of a centre of mass, [3], and pose of a frame, [7]. */
  objectCenter(index: number, out: Float64Array): Float64Array
  objectPose(index: number, out: Float64Array): Float64Array
}

/** What stands where in a scene: all its objects, as labels have them. */
export function thingLabels(scene: ThingsInScene): Pick<GroundingLabels, 'names' | 'positions' | 'yaws'> {
  const { objects, baseFrame } = scene
  const positions = new Float32Array(3 * objects.length)
  const yaws = new Float32Array(objects.length)
  const [center, pose] = [new Float64Array(3), new Float64Array(7)]
  for (const [i, { graspPeriod }] of objects.entries()) {
    positions.set(baseFrame.toBase(scene.objectCenter(i, center)), 3 * i)
    baseFrame.toBase(scene.objectPose(i, pose))
    yaws[i] = wrapAngle(yawOf(pose.subarray(3)), graspPeriod)
  }
  return { names: objects.map(({ name }) => name), positions, yaws }
}
