import type { Numbers } from '../math/vec3.js'
import {
  initialState,
  type PickAndPlaceState,
  type PickAndPlaceView,
  pickAndPlaceAction,
} from './pickAndPlace.js'

export interface MovingPickAndPlaceState {
  readonly pick: PickAndPlaceState
  /** What the command is ahead by, beyond its lead, because the tool stays behind, base frame, m. */
  readonly ahead: [number, number, number]
  /** Tool position a control step ago, [3]; empty at first. */
  last: number[]
}

/** How far a command leads the tool that keeps up with it, in control steps: 1 / (1 - exp(-0.2 s / 0.2 s)). */
const LEAD = 1.58
/** Share of what is missing that `ahead` takes up at a control step, near the thing, and its limit, m. */
const GAIN = 0.4
const NEAR = 0.05
const OVER = 0.02
const MOST = 0.05
/** Slower things are reached without it, m a control step. */
const SLOW = 0.012
/** So far off is near enough for the fingers, m. */
const SLACK = 0.006
/** Until the tool goes along within so much a control step, it stays so much higher, m. */
const UNEVEN = 0.012
const HIGHER = 0.03

export function initialMovingState(): MovingPickAndPlaceState {
  return { pick: initialState(), ahead: [0, 0, 0], last: [] }
}

/**
 * The pick-and-place expert in the frame of what moves: it sees the command as from there, and what it asks for goes
 * along. The arm's joints lag by different times, so a fast thing is followed at a distance that stays: `ahead`
 * makes up for it.
 * @param sourceStep way of the source during a control step, base frame, m, [2]
 * @param targetStep the same of the target
 */
export function movingPickAndPlaceAction(
  view: PickAndPlaceView,
  state: MovingPickAndPlaceState,
  sourceStep: Numbers,
  targetStep: Numbers,
): Float32Array {
  const { pick, ahead } = state
  const towardsTarget = pick.phase === 'carry' || pick.phase === 'release'
  const step = towardsTarget ? targetStep : sourceStep
  if (towardsTarget || !isFast(step)) ahead.fill(0)
  else catchUp(view, ahead)
  const commanded = Float64Array.from(view.commanded)
  for (let i = 0; i < 2; i++) commanded[i] += (1 - LEAD) * step[i]
  for (let i = 0; i < 3; i++) commanded[i] -= ahead[i]
  const source = Float64Array.from(view.source)
  if (!towardsTarget && isFast(step)) {
    const off = Math.hypot(source[0] - view.tcp[0], source[1] - view.tcp[1])
    const share = off > 0 ? Math.min(1, SLACK / off) : 0
    for (let i = 0; i < 2; i++) source[i] += share * (view.tcp[i] - source[i])
    if (pick.phase === 'reach' && !goesAlong(view, state, step)) source[2] += HIGHER
  }
  state.last = [view.tcp[0], view.tcp[1], view.tcp[2]]
  const action = pickAndPlaceAction({ ...view, commanded, source }, pick)
  for (let i = 0; i < 2; i++) action[i] += step[i]
  return action
}

function isFast(step: Numbers): boolean {
  return Math.hypot(step[0], step[1]) >= SLOW
}

function goesAlong({ tcp }: PickAndPlaceView, { last }: MovingPickAndPlaceState, step: Numbers): boolean {
  if (last.length === 0) return false
  return Math.hypot(tcp[0] - last[0] - step[0], tcp[1] - last[1] - step[1]) < UNEVEN
}

function catchUp({ source, tcp, graspHeight }: PickAndPlaceView, ahead: number[]): void {
  const missing = [source[0] - tcp[0], source[1] - tcp[1], source[2] + graspHeight - tcp[2]]
  const off = Math.hypot(missing[0], missing[1])
  if (off > NEAR) return
  if (off > OVER) missing[2] = 0
  for (let i = 0; i < 3; i++) ahead[i] = Math.min(MOST, Math.max(-MOST, ahead[i] + GAIN * missing[i]))
}
