import { fromYaw, multiply, rotate } from '../../math/quat.js'
import type { Numbers } from '../../math/vec3.js'
import { ArmKinematics } from '../../robots/kinematics.js'
import { FINGER_DELTA } from '../googleRobot.js'
import { googleRobotArm, INITIAL_QPOS } from '../googleRobotArm.js'
import { bestRoute } from './route.js'
import { angleBetween, type Goal, pointingDown, steer } from './steer.js'

/** What the expert sees of the robot and the drawer; base frame, m. */
export interface DrawerView {
  readonly step: number
  /** Measured joint positions of the arm, rad, [7]. */
  readonly q: Numbers
  /** Measured TCP pose, [7]. */
  readonly tcp: Numbers
  /** Joint position of the fingers, mean, rad. */
  readonly fingers: number
  /** Middle of the handle's bar now, [3]. */
  readonly handle: Numbers
  /** Direction about the vertical into the drawer, rad. */
  readonly inwards: number
  /** How far the drawer is open, and how far it is to be, m. */
  readonly opening: number
  readonly goal: number
}

export interface DrawerState {
  hold: Hold | undefined
  phase: 'approach' | 'insert' | 'close' | 'pull' | 'push' | 'release' | 'back' | 'up' | 'home' | 'done'
  since: number
  anchor: number[]
}

export const drawerStart = (): DrawerState => ({
  hold: undefined,
  phase: 'approach',
  since: 0,
  anchor: [],
})

/** Fingers' angle for a bar, open, and that from which they are closed on it, rad. */
const OPEN_FOR_BAR = 0.55
const BEHIND_BAR = 0.93
const ON_BAR = 0.98
/** When fingers let go they open to so much less, rad. */
const LET_GO = 0.03
/** Fingertips beyond the bar, and before it where the approach ends, m. */
const BEYOND = 0.012
const BEFORE = 0.09
/** A pull goes so much further than asked for, but is never longer than this, m. */
const MORE = 0.03
const LONGEST_PULL = 0.09
/** Way up from an open drawer, m. */
const RISE = 0.25
/** Where a front is pushed: beside and below the handle, and behind its bar, m. */
const BESIDE = 0.075
const BELOW_HANDLE = 0.01
const BAR_TO_FRONT = 0.03
/** Where fingertips are before they push, and how far ahead of the front the pushing hand is sent, m. */
const BEFORE_FRONT = 0.06
const PUSH_AHEAD = 0.09
/** Angle of the closed fingers that push, rad. */
const CLOSED_TO_PUSH = 1.15

/** How the tool takes a handle or pushes: pointing forward and down by `pitch`, with one finger or the other above. */
interface Hold {
  readonly pitch: number
  readonly flipped: boolean
}

/** Height of a handle in the base frame above which the arm stays as it is at the start, and below which it is low, m. */
const HIGH = 0.5
const LOW = 0.25
const LEVEL_PITCH = 0.3
const STEEP_PITCH = 0.5
const LEAN = 0.45

/**
 * The top drawer's handle is taken from above, with one finger behind the bar, so that the arm stays as it is at the start;
 * the others from the front, with fingers above and below the bar.
 */
function toolFor({ inwards, handle }: DrawerView): number[] {
  if (handle[2] > HIGH) return pointingDown(inwards - Math.PI, LEAN)
  return forward(inwards, { pitch: LEVEL_PITCH, flipped: false })
}

/** Angle of fingers that are as far apart as there is room, rad. */
function spreadFor({ handle }: DrawerView): number {
  return handle[2] > HIGH ? BEHIND_BAR : OPEN_FOR_BAR
}

/** What to try for pushing, in this order. */
function pushes({ handle }: DrawerView): Hold[] {
  if (handle[2] < LOW) return [{ pitch: STEEP_PITCH, flipped: false }]
  const usual = handle[2] > HIGH
  return [0.3, 0.45, 0.6].flatMap((pitch) => [
    { pitch, flipped: usual },
    { pitch, flipped: !usual },
  ])
}

/** Tool that points into the drawer and down, with fingers above and below the bar. */
function forward(inwards: number, { pitch, flipped }: Hold): number[] {
  const down = [0, Math.sin(pitch / 2), 0, Math.cos(pitch / 2)]
  const rotation = multiply([0, 0, 0, 1], fromYaw(inwards), multiply([0, 0, 0, 1], down, LEVEL))
  return flipped ? multiply(rotation, rotation, [0, 0, 1, 0]) : rotation
}

/** Of axes y = up, z = forward. */
const LEVEL = [0.5, 0.5, 0.5, 0.5]

const start = new ArmKinematics(googleRobotArm)
start.forward(INITIAL_QPOS)
/** Where the tool is at the start. */
const HOME: Goal = { position: start.tcp.slice(0, 3), rotation: start.tcp.slice(3) }

function offHome(tcp: Numbers): number {
  return Math.hypot(...[0, 1, 2].map((k) => HOME.position[k] - tcp[k]))
}

/** Action that opens a drawer by its handle, and then holds still. Advances `state`. */
export function openAction(view: DrawerView, state: DrawerState): Float32Array {
  advance(state, view, openTransition)
  const { tcp, fingers, inwards } = view
  const rotation = toolFor(view)
  const along = (distance: number) => beyondBar(view, rotation, distance)
  const spread = (spreadFor(view) - fingers) / FINGER_DELTA
  const letGo = (spreadFor(view) - LET_GO - fingers) / FINGER_DELTA
  switch (state.phase) {
    case 'approach':
      return steer(tcp, { position: along(-BEFORE), rotation }, spread)
    case 'insert':
      return steer(tcp, { position: along(BEYOND), rotation }, spread)
    case 'close':
      return steer(tcp, { position: along(BEYOND), rotation }, 1)
    case 'pull': {
      const ahead = Math.min(LONGEST_PULL, view.goal + MORE - view.opening)
      return steer(tcp, { position: shifted(along(BEYOND), -ahead, inwards), rotation }, 0)
    }
    case 'release':
      return steer(tcp, { position: state.anchor, rotation }, letGo)
    case 'back':
      return steer(tcp, { position: along(-BEFORE), rotation }, letGo)
    case 'up':
      return steer(tcp, { position: [state.anchor[0], state.anchor[1], state.anchor[2] + RISE], rotation }, 0)
    case 'home':
      return steer(tcp, { position: HOME.position, rotation: HOME.rotation }, 0)
    default:
      return steer(tcp, { position: state.anchor, rotation }, 0)
  }
}

/** Where fingertips are so far beyond the bar. */
function beyondBar({ handle }: DrawerView, rotation: readonly number[], distance: number): number[] {
  const into = rotate([0, 0, 0], rotation, [0, 0, 1])
  return into.map((x, k) => handle[k] + distance * x)
}

const TAKING: readonly string[] = ['approach', 'insert', 'close', 'pull']

function openTransition(view: DrawerView, state: DrawerState): DrawerState['phase'] {
  const { tcp, fingers, opening, goal } = view
  const elapsed = view.step - state.since
  const rotation = toolFor(view)
  const off = (distance: number) =>
    Math.hypot(...beyondBar(view, rotation, distance).map((x, k) => x - tcp[k]))
  const turned = angleBetween(rotation, [tcp[3], tcp[4], tcp[5], tcp[6]])
  if (opening >= goal && TAKING.includes(state.phase)) return 'release'
  switch (state.phase) {
    case 'approach':
      return off(-BEFORE) < 0.025 && turned < 0.1 ? 'insert' : 'approach'
    case 'insert':
      return off(BEYOND) < 0.012 ? 'close' : elapsed > 15 ? 'approach' : 'insert'
    case 'close':
      return elapsed >= 5 ? (fingers > ON_BAR ? 'pull' : 'approach') : 'close'
    case 'pull':
      return off(BEYOND) > 0.07 ? 'approach' : 'pull'
    case 'release':
      return elapsed >= 4 ? 'back' : 'release'
    case 'back':
      return elapsed >= 4 ? 'up' : 'back'
    case 'up':
      return tcp[2] - state.anchor[2] > RISE - 0.03 || elapsed >= 8 ? 'home' : 'up'
    case 'home':
      return offHome(tcp) < 0.03 || elapsed >= 15 ? 'done' : 'home'
    default:
      return state.phase
  }
}

/** Action that closes a drawer by pushing its front with closed fingers, and then holds still. Advances `state`. */
export function closeAction(view: DrawerView, state: DrawerState): Float32Array {
  state.hold ??= bestRoute(view.q, pushes(view), (hold) => closeRoute(view, hold))
  advance(state, view, closeTransition)
  const { tcp, inwards, fingers } = view
  const rotation = forward(inwards, state.hold)
  const gripper = Math.min(1, Math.max(0, (CLOSED_TO_PUSH - fingers) / FINGER_DELTA))
  const position =
    state.phase === 'approach'
      ? shifted(pushPoint(view), -BEFORE_FRONT, inwards)
      : state.phase === 'push'
        ? shifted(pushPoint(view), PUSH_AHEAD, inwards)
        : state.anchor
  return steer(tcp, { position, rotation }, gripper)
}

function closeTransition(view: DrawerView, state: DrawerState): DrawerState['phase'] {
  const { tcp, inwards, opening, goal } = view
  const turned = angleBetween(forward(inwards, state.hold!), [tcp[3], tcp[4], tcp[5], tcp[6]])
  const before = shifted(pushPoint(view), -BEFORE_FRONT, inwards)
  const off = Math.hypot(...before.map((x, k) => x - tcp[k]))
  if (state.phase === 'approach') return off < 0.03 && turned < 0.15 ? 'push' : 'approach'
  if (state.phase === 'push') return opening <= goal ? 'done' : 'push'
  return state.phase
}

/** Before the front, and where it is with the drawer closed. */
function closeRoute(view: DrawerView, hold: Hold): Goal[] {
  const rotation = forward(view.inwards, hold)
  return [-BEFORE_FRONT, view.opening].map((distance) => ({
    position: shifted(pushPoint(view), distance, view.inwards),
    rotation,
  }))
}

/** On the front, on the side where the arm is. */
function pushPoint({ handle, inwards }: DrawerView): number[] {
  const beside = [
    handle[0] + BESIDE * Math.sin(inwards),
    handle[1] - BESIDE * Math.cos(inwards),
    handle[2] - BELOW_HANDLE,
  ]
  return shifted(beside, BAR_TO_FRONT, inwards)
}

function shifted([x, y, z]: readonly number[], distance: number, inwards: number): number[] {
  return [x + distance * Math.cos(inwards), y + distance * Math.sin(inwards), z]
}

function advance(
  state: DrawerState,
  view: DrawerView,
  transition: (view: DrawerView, state: DrawerState) => DrawerState['phase'],
): void {
  for (let hops = 0; hops < 3; hops++) {
    const next = transition(view, state)
    if (next === state.phase) return
    state.phase = next
    state.since = view.step
    state.anchor = [view.tcp[0], view.tcp[1], view.tcp[2]]
  }
}
