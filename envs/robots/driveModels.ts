import type RAPIER from '@dimforge/rapier3d-simd-compat'
import type { BoundingBox } from '../physics/bounds.js'
import type { SolverSettings } from '../physics/world.js'
import type { ArmSpec } from './armSpec.js'
import { ArticulatedRobot } from './articulatedRobot.js'
import { DrivenRobot } from './drivenRobot.js'
import type { Robot, RobotMount } from './robot.js'

/**
 * How an arm's joints move: `driven` follows its drives in closed form, `articulated` is rigid links on
 * impulse joints with motors. docs/robots.md says where they agree and what each costs.
 */
export type DriveModel = 'driven' | 'articulated'

interface DriveModelSpec {
  readonly solver: SolverSettings
  /** Walls are boxes along the world's axes, of bodies that are in the world. */
  readonly addRobot: (
    world: RAPIER.World,
    arm: ArmSpec,
    mount: RobotMount,
    timestep: number,
    walls?: readonly BoundingBox[],
  ) => Robot
}

export const driveModels: Readonly<Record<DriveModel, DriveModelSpec>> = {
  driven: {
    solver: { timestep: 1 / 120, iterations: 4 },
    addRobot: (world, arm, mount, timestep, walls) => new DrivenRobot(world, arm, mount, timestep, walls),
  },
  articulated: {
    solver: { timestep: 1 / 120, iterations: 8 },
    addRobot: (world, arm, mount) => new ArticulatedRobot(world, arm, mount),
  },
}
