import type RAPIER from '@dimforge/rapier3d-simd-compat'
import { boundingBox } from '../physics/bounds.js'
import type { ObjectSpec } from '../scenes/objectSpec.js'
import { drawerBody, drawerNames } from './cabinet.js'
import type { GoogleSceneSpec } from './scenes.js'

/** Of a sphere around hand and open fingers, m, and a gap: more than the hand moves in a timestep and the solver looks ahead. */
const REACH = 0.145 + 0.02

/** Tells whether the hand is out of reach of everything: room, drawers and objects that stand still. */
export class HandClearance {
  /** Centre and half extents of boxes along the world's axes, [boxes, 6], m; the room's, then the drawers'. */
  private readonly boxes: Float64Array
  private readonly roomBoxes: number
  /** The drawers' boxes in their own frames, [drawers, 6], m. */
  private readonly home: Float64Array
  /** Origin and radius of the episode's objects, [objects, 4], m. */
  private readonly balls: Float64Array
  private readonly radii: Float64Array
  private ballCount = 0
  private readonly vector = { x: 0, y: 0, z: 0 }

  constructor(spec: GoogleSceneSpec, objects: readonly ObjectSpec[]) {
    const room = spec.room.flatMap(({ body, position }) =>
      body.parts
        .filter(({ collides }) => collides !== false)
        .map((part) => {
          const { center, half } = boundingBox([{ name: body.name, parts: [part] }])
          return [...center.map((x, k) => x + position[k]), ...half]
        }),
    )
    const drawers = (spec.drawers ? drawerNames : []).map((name) => {
      const { center, half } = boundingBox([drawerBody(name)])
      return [...center, ...half]
    })
    this.roomBoxes = room.length
    this.boxes = Float64Array.from([...room, ...drawers].flat())
    this.home = this.boxes.slice(6 * room.length)
    this.balls = new Float64Array(4 * objects.length)
    this.radii = Float64Array.from(objects, ({ box }) => Math.hypot(...box) / 2)
  }

  /** Takes where things are; false if one of them moves. */
  set(
    objects: readonly RAPIER.RigidBody[],
    present: readonly boolean[],
    drawers: readonly RAPIER.RigidBody[],
  ): boolean {
    const { boxes, roomBoxes, home, balls, radii, vector } = this
    this.ballCount = 0
    for (let i = 0; i < objects.length; i++) {
      if (!present[i]) continue
      if (!objects[i].isSleeping()) return false
      const { x, y, z } = objects[i].translation(vector)
      const at = 4 * this.ballCount++
      balls[at] = x
      balls[at + 1] = y
      balls[at + 2] = z
      balls[at + 3] = radii[i]
    }
    for (let i = 0; i < drawers.length; i++) {
      if (!drawers[i].isSleeping()) return false
      const { x, y, z } = drawers[i].translation(vector)
      const at = 6 * (roomBoxes + i)
      boxes[at] = home[6 * i] + x
      boxes[at + 1] = home[6 * i + 1] + y
      boxes[at + 2] = home[6 * i + 2] + z
    }
    return true
  }

  /** Whether a hand around a world point is clear. */
  isClear(x: number, y: number, z: number): boolean {
    const { boxes, balls, ballCount } = this
    for (let at = 0; at < 4 * ballCount; at += 4) {
      const reach = REACH + balls[at + 3]
      const [dx, dy, dz] = [balls[at] - x, balls[at + 1] - y, balls[at + 2] - z]
      if (dx * dx + dy * dy + dz * dz < reach * reach) return false
    }
    for (let at = 0; at < boxes.length; at += 6) {
      const dx = Math.max(0, Math.abs(boxes[at] - x) - boxes[at + 3])
      const dy = Math.max(0, Math.abs(boxes[at + 1] - y) - boxes[at + 4])
      const dz = Math.max(0, Math.abs(boxes[at + 2] - z) - boxes[at + 5])
      if (dx * dx + dy * dy + dz * dz < REACH * REACH) return false
    }
    return true
  }
}
