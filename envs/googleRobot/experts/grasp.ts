import { wrapAngle } from '../../math/quat.js'
import type { Numbers } from '../../math/vec3.js'
import { FINGER_DELTA } from '../googleRobot.js'
import { angleBetween, pointingDown, steer } from './steer.js'

/** What the expert sees of the robot and the thing to take; base frame, m. */
export interface GraspView {
  readonly step: number
  /** Measured joint positions of the arm, rad, [7]. */
  readonly q: Numbers
  /** Measured TCP pose, [7]. */
  readonly tcp: Numbers
  /** Joint position of the fingers, mean, rad. */
  readonly fingers: number
  readonly grasped: boolean
  /** Height of what things stand on. */
  readonly surface: number
  /** Middle of the thing, [3]. */
  readonly source: Numbers
  /** Its height as it stands or lies. */
  readonly sourceHeight: number
  /** Direction about the vertical that fingers close along best, rad; undefined: any. */
  readonly closing: number | undefined
  /** Where its middle is to go, [3]; undefined: up. */
  readonly destination?: Numbers
}

export interface GraspState {
  phase: 'reach' | 'close' | 'lift' | 'carry' | 'lower' | 'release' | 'retreat' | 'done'
  since: number
  tool: Tool | undefined
  /** Where the phase began. */
  anchor: number[]
}

/** How the tool points down: see `pointingDown`. */
interface Tool {
  readonly angle: number
  readonly lean: number
}

export const graspStart = (): GraspState => ({ phase: 'reach', since: 0, tool: undefined, anchor: [] })

/** Angle of fingers that are half closed: wide enough for every thing, rad. */
const HALF_CLOSED = 0.42
/** How far fingertips reach below the middle of what lies low, and where they hold what stands high, m. */
const BELOW_MIDDLE = 0.012
const BELOW_TOP = 0.065
/** Of fingertips above what things stand on, m. */
const LEAST_HEIGHT = 0.02
/** Fingertips come down from so high above a thing, m. */
const HOVER = 0.045
/** Ways up: with a thing that is to be lifted only, and with one that is to be carried, m. */
const LIFT = 0.13
const CARRY_LIFT = 0.06

/**
 * A grasp from above: reach along a funnel, close, lift, and where there is a destination carry, lower, let go and rise.
 * Advances `state`.
 */
export function graspAction(view: GraspView, state: GraspState): Float32Array {
  state.tool ??= chooseTool(view)
  for (let hops = 0; hops < 3; hops++) {
    const next = transition(view, state)
    if (next === state.phase) break
    state.phase = next
    state.since = view.step
    state.anchor = [view.tcp[0], view.tcp[1], view.tcp[2]]
    if (next === 'reach') state.tool = chooseTool(view)
  }
  const { tcp, destination, source } = view
  const rotation = pointingDown(state.tool.angle, state.tool.lean)
  const at = (position: Numbers, gripper: number) => steer(tcp, { position, rotation }, gripper)
  const [x, y, z] = state.anchor
  const grip = [tcp[0] - source[0], tcp[1] - source[1], tcp[2] - source[2]]
  switch (state.phase) {
    case 'reach':
      return at(reachGoal(view), (HALF_CLOSED - view.fingers) / FINGER_DELTA)
    case 'close':
      return at(graspPoint(view), 1)
    case 'lift':
      return at([x, y, z + (destination ? CARRY_LIFT : LIFT)], 0)
    case 'carry':
      return at([destination![0] + grip[0], destination![1] + grip[1], z], 0)
    case 'lower':
      return at([destination![0] + grip[0], destination![1] + grip[1], destination![2] + grip[2]], 0)
    case 'release':
      return at(state.anchor, (HALF_CLOSED - view.fingers) / FINGER_DELTA)
    case 'retreat':
    case 'done':
      return at([x, y, z + LIFT], 0)
  }
}

function transition(view: GraspView, state: GraspState): GraspState['phase'] {
  const elapsed = view.step - state.since
  const { tcp, source, destination } = view
  const lost = Math.hypot(tcp[0] - source[0], tcp[1] - source[1]) > 0.05 || source[2] < tcp[2] - 0.15
  switch (state.phase) {
    case 'reach':
      return atGraspPoint(view, state.tool!) ? 'close' : 'reach'
    case 'close':
      if (view.grasped && elapsed >= 2) return 'lift'
      return elapsed >= 6 ? 'reach' : 'close'
    case 'lift':
      if (lost && !view.grasped) return 'reach'
      return destination && tcp[2] - state.anchor[2] > CARRY_LIFT - 0.02 ? 'carry' : 'lift'
    case 'carry':
      if (lost && !view.grasped) return 'reach'
      return Math.hypot(source[0] - destination![0], source[1] - destination![1]) < 0.012 ? 'lower' : 'carry'
    case 'lower':
      if (lost && !view.grasped) return 'reach'
      return source[2] - destination![2] < 0.008 || elapsed >= 8 ? 'release' : 'lower'
    case 'release':
      return elapsed >= 3 ? 'retreat' : 'release'
    case 'retreat':
      return elapsed >= 5 ? 'done' : 'retreat'
    case 'done':
      return 'done'
  }
}

function graspPoint({ source, sourceHeight, surface }: GraspView): number[] {
  const top = source[2] + sourceHeight / 2
  const height = Math.max(surface + LEAST_HEIGHT, source[2] - BELOW_MIDDLE, top - BELOW_TOP)
  return [source[0], source[1], height]
}

function reachGoal(view: GraspView): number[] {
  const point = graspPoint(view)
  const off = Math.hypot(point[0] - view.tcp[0], point[1] - view.tcp[1])
  point[2] += Math.min(overThing(view) - point[2], Math.max(0, 4 * (off - 0.015)))
  return point
}

/** Height from which fingers come down around a thing. */
function overThing({ source, sourceHeight }: GraspView): number {
  return source[2] + sourceHeight / 2 + HOVER
}

function atGraspPoint(view: GraspView, { angle, lean }: Tool): boolean {
  const [x, y, z] = graspPoint(view)
  const { tcp } = view
  const turned = angleBetween(pointingDown(angle, lean), [tcp[3], tcp[4], tcp[5], tcp[6]])
  return Math.hypot(tcp[0] - x, tcp[1] - y) < 0.012 && Math.abs(tcp[2] - z) < 0.012 && turned < 0.12
}

/**
 * What stands high is taken more from the side: up there the wrist would be at its limit. What can be taken from anywhere
 * is taken across the tool's lean, where fingers close level.
 */
function chooseTool({ closing = Math.PI / 2, sourceHeight }: GraspView): Tool {
  const lean = Math.min(0.7, 0.38 + 2.5 * Math.max(0, sourceHeight - BELOW_TOP - 0.06))
  return { angle: BEST_ANGLE + wrapAngle(closing - BEST_ANGLE, Math.PI), lean }
}

/** Far from the limits of the last joint. */
const BEST_ANGLE = -2.2
