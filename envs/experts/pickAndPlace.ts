import {
  conjugate,
  differenceVector,
  fromRotationVector,
  fromYaw,
  multiply,
  rotate,
  toRotationVector,
  wrapAngle,
  yawOf,
} from '../math/quat.js'
import { clampNorm, copy, type Numbers, subtract } from '../math/vec3.js'

/** What the expert sees at a control step; poses in the robot's base frame, metres, quaternions xyzw. */
export interface PickAndPlaceView {
  readonly step: number
  /** Measured and commanded TCP pose, [7]. */
  readonly tcp: Numbers
  readonly commanded: Numbers
  /** TCP orientation at reset, [4]; the expert only turns it about the vertical. */
  readonly homeRotation: Numbers
  /** 0 closed ... 1 open. */
  readonly opening: number
  readonly grasped: boolean
  readonly success: boolean
  readonly tableHeight: number
  /** Centres of mass, [3]. */
  readonly source: Numbers
  readonly target: Numbers
  readonly sourceRotation: Numbers
  readonly targetRotation: Numbers
  /** Angles after which source and target look the same, rad. */
  readonly sourcePeriod: number
  readonly targetPeriod: number
  /** Height of the grasp point above the source's centre of mass, m. */
  readonly graspHeight: number
  /** Height of the source's centre of mass above the target's where the expert lets go, m. */
  readonly letGoHeight: number
  /** How much higher than that it carries, m. */
  readonly carryHover: number
  /** Horizontal distance from the target's centre at which letting go is good enough, m. */
  readonly placeTolerance: number
}

export type PickAndPlacePhase = 'reach' | 'close' | 'carry' | 'release' | 'retreat'

export interface PickAndPlaceState {
  phase: PickAndPlacePhase
  /** Control step at which the phase began. */
  since: number
  /** Where `retreat` rises to and stays, base frame. */
  refuge: [number, number, number]
}

/** Longest step of the commanded pose: m and rad. */
const MAX_TRANSLATION = 0.04
const MAX_ROTATION = 0.35
/** How far the commanded position may lead the measured one, as a multiple of what is missing. */
const LEAD = 1.5
const MAX_LEAD = 0.065
/** TCP above the table when the fingertips almost touch it. */
const MIN_TCP_HEIGHT = 0.0185
const REACH_HOVER = 0.055
const FUNNEL_SLOPE = 3
const RETREAT_HEIGHT = 0.07
const CLOSE_PATIENCE = 4

const goal = new Float64Array(3)
const lever = new Float64Array(3)
const turn = new Float64Array(3)
const rotation = new Float64Array(4)

export function initialState(): PickAndPlaceState {
  return { phase: 'reach', since: 0, refuge: [0, 0, 0] }
}

/**
 * Action of a closed-loop pick-and-place expert: [dx, dy, dz, rx, ry, rz, gripper], as a policy would send it.
 * It reaches along a funnel above the source, closes, carries along a funnel above the target, opens, rises
 * and keeps still; it reaches again whenever it has lost the object. Advances `state`.
 */
export function pickAndPlaceAction(view: PickAndPlaceView, state: PickAndPlaceState): Float32Array {
  for (let hops = 0; hops < 3; hops++) {
    const next = transition(view, state)
    if (next === state.phase) break
    if (next === 'retreat') state.refuge = [view.tcp[0], view.tcp[1], view.tcp[2] + RETREAT_HEIGHT]
    state.phase = next
    state.since = view.step
  }
  let yaw = toolYaw(view, view.commanded)
  let gripper = 1
  switch (state.phase) {
    case 'reach':
      yaw = reachGoal(view)
      break
    case 'close':
      yaw = reachGoal(view)
      gripper = -1
      break
    case 'carry':
      yaw = carryGoal(view)
      gripper = -1
      break
    case 'release':
      copy(goal, view.commanded)
      break
    case 'retreat':
      copy(goal, state.refuge)
      break
  }
  return follow(view, yaw, gripper, state.phase === 'reach' || state.phase === 'carry')
}

function transition(view: PickAndPlaceView, state: PickAndPlaceState): PickAndPlacePhase {
  const elapsed = view.step - state.since
  switch (state.phase) {
    case 'reach':
      return atGraspPose(view) ? 'close' : 'reach'
    case 'close':
      if (view.grasped && elapsed >= 1) return 'carry'
      return elapsed >= CLOSE_PATIENCE ? 'reach' : 'close'
    case 'carry':
      if (!view.grasped && distanceToTool(view) > 0.03) return 'reach'
      return atPlacePose(view) ? 'release' : 'carry'
    case 'release':
      return elapsed >= 2 || (elapsed >= 1 && !view.grasped && view.opening > 0.6) ? 'retreat' : 'release'
    case 'retreat':
      return elapsed >= 3 && !view.success ? 'reach' : 'retreat'
  }
}

/** Goal at or above the source; returns the tool yaw for it. */
function reachGoal(view: PickAndPlaceView): number {
  const { source, tcp } = view
  const yaw = graspYaw(view)
  const height = Math.max(view.tableHeight + MIN_TCP_HEIGHT, source[2] + view.graspHeight)
  const off = Math.hypot(source[0] - tcp[0], source[1] - tcp[1])
  const turnOff = 0.03 * Math.abs(wrapAngle(yaw - toolYaw(view, tcp), view.sourcePeriod))
  copy(goal, source)
  goal[2] = height + funnel(off + turnOff - 0.01, REACH_HOVER)
  return yaw
}

/** Goal at or above the place where the held source meets the target; returns the tool yaw for it. */
function carryGoal(view: PickAndPlaceView): number {
  const { source, target, tcp } = view
  const off = Math.hypot(source[0] - target[0], source[1] - target[1])
  const grip = tcp[2] - source[2]
  const hover = funnel(off - 0.008, view.carryHover)
  for (let i = 0; i < 2; i++) goal[i] = tcp[i] + target[i] - source[i]
  goal[2] = target[2] + view.letGoHeight + 0.003 + grip + hover
  const missing = target[2] + view.letGoHeight + Math.min(hover, view.carryHover - 0.02) - source[2]
  if (missing > 0) {
    const share = Math.max(0, 1 - missing / 0.03)
    for (let i = 0; i < 2; i++) goal[i] = tcp[i] + share * (goal[i] - tcp[i])
  }
  const now = toolYaw(view, tcp)
  if (view.targetPeriod > Math.PI) return toolYaw(view, view.commanded)
  const twist =
    bodyYaw(view.targetRotation, view.targetPeriod) - bodyYaw(view.sourceRotation, view.sourcePeriod)
  return now + wrapAngle(twist, view.targetPeriod)
}

function funnel(distance: number, hover: number): number {
  return Math.min(hover, Math.max(0, FUNNEL_SLOPE * distance))
}

function atGraspPose(view: PickAndPlaceView): boolean {
  const { source, tcp } = view
  const height = Math.max(view.tableHeight + MIN_TCP_HEIGHT, source[2] + view.graspHeight)
  const yawError = Math.abs(wrapAngle(graspYaw(view) - toolYaw(view, tcp), view.sourcePeriod))
  const off = Math.hypot(source[0] - tcp[0], source[1] - tcp[1])
  return off < 0.009 && Math.abs(tcp[2] - height) < 0.009 && yawError < 0.15
}

function atPlacePose(view: PickAndPlaceView): boolean {
  const { source, target } = view
  const off = Math.hypot(source[0] - target[0], source[1] - target[1])
  const gap = source[2] - target[2] - view.letGoHeight
  return off < view.placeTolerance && gap < 0.008
}

function distanceToTool(view: PickAndPlaceView): number {
  return Math.hypot(...subtract([0, 0, 0], view.source, view.tcp))
}

/** Angle of the tool about the vertical, relative to its orientation at reset. */
export function toolYaw(view: PickAndPlaceView, pose: Numbers): number {
  for (let i = 0; i < 4; i++) rotation[i] = pose[3 + i]
  return differenceVector(turn, rotation, view.homeRotation)[2]
}

/** Tool angle that grips across the source, of the equivalent ones the nearest to the present. */
function graspYaw(view: PickAndPlaceView): number {
  const now = toolYaw(view, view.tcp)
  const wanted = bodyYaw(view.sourceRotation, view.sourcePeriod) - closingYaw(view.homeRotation)
  return now + wrapAngle(wanted - now, view.sourcePeriod)
}

/** Angle between base y and the fingers' axis (tool y). */
export function closingYaw(tool: Numbers): number {
  rotate(turn, tool, Y_AXIS)
  return Math.atan2(-turn[0], turn[1])
}

/** Angle about the vertical of a body's x axis, or for a cube of its most level axis. */
export function bodyYaw(q: Numbers, period: number): number {
  if (period > Math.PI / 2) return yawOf(q)
  rotate(turn, q, X_AXIS)
  if (Math.abs(turn[2]) > 0.5) rotate(turn, q, Y_AXIS)
  return Math.atan2(turn[1], turn[0])
}

const X_AXIS = [1, 0, 0]
const Y_AXIS = [0, 1, 0]

/** Action that moves the commanded pose towards `goal` and `yaw`; `lead` commands beyond, against the arm's lag. */
function follow(view: PickAndPlaceView, yaw: number, gripper: number, lead: boolean): Float32Array {
  const { tcp, commanded } = view
  const action = new Float32Array(7)
  multiply(rotation, fromYaw(yaw), view.homeRotation)
  const now = [commanded[3], commanded[4], commanded[5], commanded[6]]
  conjugate(now, now)
  multiply(rotation, rotation, now)
  toRotationVector(turn, rotation)
  clampNorm(turn, MAX_ROTATION)
  for (let i = 0; i < 3; i++) action[3 + i] = turn[i]

  if (lead) {
    subtract(lever, goal, tcp)
    for (let i = 0; i < 3; i++) lever[i] *= LEAD
    clampNorm(lever, MAX_LEAD)
    for (let i = 0; i < 3; i++) goal[i] = tcp[i] + lever[i]
  }
  subtract(goal, goal, commanded)
  clampNorm(goal, MAX_TRANSLATION)
  // The controller turns the lead of the command about the measured TCP; undo that part.
  subtract(lever, commanded, tcp)
  const spin = fromRotationVector([0, 0, 0, 1], turn)
  const turned = rotate([0, 0, 0], spin, lever)
  for (let i = 0; i < 3; i++) action[i] = goal[i] + lever[i] - turned[i]
  action[6] = gripper
  return action
}
