import type RAPIER from '@dimforge/rapier3d-simd-compat'

/** m/s; turning counts as the speed of a point 5 cm from the axis. */
const SETTLED_SPEED = 1e-3
const LEVER = 0.05
/** Timesteps in which things that were just put down begin to move, if they will. */
const FIRST = 12

const vector = { x: 0, y: 0, z: 0 }

/**
 * Takes the world on until bodies lie still.
 * @param seconds at most
 * @returns whether they do
 */
export function settle(world: RAPIER.World, bodies: readonly RAPIER.RigidBody[], seconds: number): boolean {
  const most = Math.round(seconds / world.timestep)
  for (let i = 0; i < most; i++) {
    world.step()
    if (i >= FIRST && lieStill(bodies)) return true
  }
  return false
}

export function lieStill(bodies: readonly RAPIER.RigidBody[]): boolean {
  return bodies.every((body) => {
    const { x, y, z } = body.linvel(vector)
    if (Math.hypot(x, y, z) >= SETTLED_SPEED) return false
    const turn = body.angvel(vector)
    return LEVER * Math.hypot(turn.x, turn.y, turn.z) < SETTLED_SPEED
  })
}
