import { fromYaw, multiply, wrapAngle } from '../math/quat.js'
import type { Numbers } from '../math/vec3.js'
import type { MovingTool } from './movingTool.js'
import { bodyYaw, closingYaw, type PickAndPlaceView, toolYaw } from './pickAndPlace.js'

/** What the expert sees of something that moves by itself, and of the robot. */
export interface InterceptView extends PickAndPlaceView {
  /** Measured joints, rad. */
  readonly q: Numbers
  /** Where the thing will be after so many control steps, or parts of one, base frame, m; x and y count. */
  place(steps: number): Numbers
  /** Control steps until it begins to move; 0 once it has. */
  readonly waits: number
}

export interface InterceptState {
  /** Control steps for which the fingers have been closing; 0: open. */
  closing: number
}

/** The tool's longest steps on its way to where the thing will be, and when it catches up with it: m and rad. */
const STEP = 0.055
const TURN = 0.45
const CATCH = 0.16
/** It may be late by a part of a control step. */
const LATE = 0.2
/** How far ahead it looks, control steps. */
const HORIZON = 40
/** Distances from the robot's base within which it can grasp, m. */
const REACH = [0.14, 0.52] as const
/** TCP above the table when the fingertips almost touch it; above the grasp, clear of what stands there, m. */
const MIN_TCP_HEIGHT = 0.0185
const HOVER = 0.05
/** Near enough to close the fingers, m and rad. */
const NEAR = 0.01
const NEAR_YAW = 0.15
/** Slower things are grasped with the nearest face, m a control step. */
const SLOW = 0.01
/**
 * Within a control step the tool is ahead of a thing that it keeps up with, by at most a tenth of the way: it hurries at
 * first. It stays behind by half as much.
 */
const TRAIL = 0.05
/** The fingers come down where its way differs by no more than this, m, from what its present speed makes of it. */
const UNEVEN = 0.025
const INSTANT = 0.02
/** Control steps for closing. */
const PATIENCE = 3

/**
 * Action of an expert that grasps something that moves: the tool goes to the first place at which it can be before the
 * thing, goes along with it, and closes; what still waits to be pushed it leaves alone. Where the
 * fingers close across its way they wait for it low, and it runs in between them; else they come down on it from above.
 * Advances `state`.
 */
export function interceptAction(view: InterceptView, state: InterceptState, tool: MovingTool): Float32Array {
  const { tcp } = view
  const low = Math.max(view.tableHeight + MIN_TCP_HEIGHT, view.source[2] + view.graspHeight)
  const here = view.place(0)
  const next = view.place(1)
  const turn = faceTurn(view)
  const near = Math.hypot(tcp[0] - here[0], tcp[1] - here[1]) < NEAR && Math.abs(turn) < NEAR_YAW
  const over = near && view.waits === 0
  const down = Math.abs(tcp[2] - low) < NEAR
  if (state.closing > 0 && state.closing < PATIENCE) state.closing++
  else state.closing = over && down ? 1 : 0
  const along = [0, 1].map((k) => next[k] - TRAIL * (next[k] - here[k]))
  if (state.closing > 0) return move(view, tool, along, low, turn, -1)
  if (over) return move(view, tool, along, down || isEven(view) ? low : low + HOVER, turn, 1)

  const { steps, place, grip } = meeting(view, low)
  const [x, y] = [place[0] - tcp[0], place[1] - tcp[1]]
  const share = Math.min(1, (steps === 1 ? CATCH : STEP) / Math.hypot(x, y))
  const off = Math.abs(x * grip.along[1] - y * grip.along[0])
  const waits = grip.across && steps === 1 && off < NEAR && Math.abs(grip.turn) < NEAR_YAW
  const goal = [tcp[0] + share * x, tcp[1] + share * y]
  return move(view, tool, goal, waits ? low : low + HOVER, grip.turn, 1)
}

/** Nothing pushes the thing before the next control step. */
function isEven({ place }: InterceptView): boolean {
  const [here, soon, next] = [place(0), place(INSTANT), place(1)]
  const off = [0, 1].map((k) => next[k] - here[k] - (soon[k] - here[k]) / INSTANT)
  return Math.hypot(off[0], off[1]) < UNEVEN
}

interface Meeting {
  readonly steps: number
  readonly place: Numbers
  readonly grip: Grip
}

/** Where and after how many control steps the tool can be with the thing; next to it at once if nowhere. */
function meeting(view: InterceptView, low: number): Meeting {
  const { tcp } = view
  const rise = Math.max(0, Math.abs(tcp[2] - low) - HOVER)
  for (let steps = 1 + Math.floor(view.waits); steps < HORIZON; steps++) {
    const place = view.place(steps)
    const distance = Math.hypot(place[0], place[1])
    if (distance < REACH[0] || distance > REACH[1]) continue
    const way = Math.hypot(place[0] - tcp[0], place[1] - tcp[1])
    const limit = steps === 1 ? CATCH : STEP * (steps + LATE)
    if (way > limit || rise > STEP * (steps + LATE)) continue
    const grip = gripAt(view, steps)
    if (steps === 1 || Math.abs(grip.turn) <= TURN * (steps + LATE)) return { steps, place, grip }
  }
  return { steps: 1, place: view.place(1), grip: gripAt(view, 1) }
}

interface Grip {
  /** For the tool from now, rad. */
  readonly turn: number
  /** The fingers close across the thing's way. */
  readonly across: boolean
  /** Its direction, [2]; 0 if slow. */
  readonly along: Numbers
}

function gripAt(view: InterceptView, steps: number): Grip {
  const [from, to] = [view.place(steps), view.place(steps + 1)]
  const [x, y] = [to[0] - from[0], to[1] - from[1]]
  const way = Math.hypot(x, y)
  if (way < SLOW) return { turn: faceTurn(view), across: false, along: [0, 0] }
  const crosswise = Math.atan2(y, x) - closingYaw(view.homeRotation)
  const face = crosswise + wrapAngle(faceYaw(view) - crosswise, view.sourcePeriod)
  return {
    turn: wrapAngle(face - toolYaw(view, view.tcp), Math.PI),
    across: Math.abs(face - crosswise) < NEAR_YAW,
    along: [x / way, y / way],
  }
}

/** Tool angle that grips across the thing, one of them. */
function faceYaw(view: InterceptView): number {
  return bodyYaw(view.sourceRotation, view.sourcePeriod) - closingYaw(view.homeRotation)
}

/** To the nearest of them. */
function faceTurn(view: InterceptView): number {
  return wrapAngle(faceYaw(view) - toolYaw(view, view.tcp), view.sourcePeriod)
}

function move(
  view: InterceptView,
  tool: MovingTool,
  place: Numbers,
  height: number,
  turn: number,
  gripper: number,
): Float32Array {
  const yaw = toolYaw(view, view.tcp) + Math.min(TURN, Math.max(-TURN, turn))
  const rotation = multiply([0, 0, 0, 1], fromYaw(yaw), view.homeRotation)
  return tool.reach(view.q, view.commanded, [place[0], place[1], height], rotation, gripper)
}
