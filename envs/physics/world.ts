import RAPIER from '@dimforge/rapier3d-simd-compat'
import type { NumbersOut } from '../math/vec3.js'
import { GRAVITY } from './gravity.js'

export interface SolverSettings {
  /** s. */
  readonly timestep: number
  /** Solver substeps of a timestep. */
  readonly iterations: number
}

let ready: Promise<void> | undefined
let initialised = false

/** Loads Rapier's WASM; needed once per thread before any world is made. */
export function initPhysics(): Promise<void> {
  ready ??= RAPIER.init().then(() => {
    initialised = true
  })
  return ready
}

/**
 * Empty world with gravity along -z, set up for objects of centimetres: Rapier's defaults suit metres and
 * let a 3 cm cube tilt by up to 32 degrees in a stiff gripper; these settings keep it within 0.1.
 */
export function createWorld({ timestep, iterations }: SolverSettings): RAPIER.World {
  if (!initialised) throw new Error('physics is not loaded: await initPhysics() before making an environment')
  const world = new RAPIER.World({ x: 0, y: 0, z: -GRAVITY })
  world.timestep = timestep
  world.lengthUnit = 0.05
  world.numSolverIterations = iterations
  world.integrationParameters.contact_natural_frequency = 200
  return world
}

/**
 * World of a snapshot. `World.restoreSnapshot` leaves two WASM objects to the finaliser, which does not run
 * while a loop is synchronous; here they are freed at once, so that memory stays flat over resets.
 */
export function restoreWorld(bytes: Uint8Array): RAPIER.World {
  const pipeline = new RAPIER.SerializationPipeline()
  const raw = pipeline.raw.deserializeAll(bytes)
  pipeline.free()
  if (!raw) throw new Error('the bytes are not a physics world of this version')
  const world = RAPIER.World.fromRaw(raw)
  raw.free()
  return world
}

/** Sum of the normal impulses on `a` by `b` in the last timestep as a world vector, N·s; zero if apart. */
export function contactImpulse<T extends NumbersOut>(
  out: T,
  world: RAPIER.World,
  a: RAPIER.RigidBody,
  b: RAPIER.RigidBody,
): T {
  out[0] = out[1] = out[2] = 0
  for (let i = 0; i < a.numColliders(); i++) {
    for (let j = 0; j < b.numColliders(); j++) {
      world.contactPair(a.collider(i), b.collider(j), (manifold, flipped) => {
        const normal = manifold.normal()
        let sum = 0
        for (let k = 0; k < manifold.numContacts(); k++) sum += manifold.contactImpulse(k)
        // The normal points from the first collider to the second, which pushes the first back along it.
        const signed = flipped ? sum : -sum
        out[0] += signed * normal.x
        out[1] += signed * normal.y
        out[2] += signed * normal.z
      })
    }
  }
  return out
}

const push = new Float64Array(3)

/** Length of `contactImpulse`: how much two bodies pressed on each other in the last timestep, N·s. */
export function contactStrength(world: RAPIER.World, a: RAPIER.RigidBody, b: RAPIER.RigidBody): number {
  contactImpulse(push, world, a, b)
  return Math.hypot(push[0], push[1], push[2])
}
